// Debian's packages of a PostgreSQL cluster that fails over: etcd, Patroni and HAProxy.

import { spawnSync } from "node:child_process";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import process from "node:process";
import { postgresBinary } from "../../tests/faults/engines.ts";

export const PATRONI = "/usr/bin/patroni";
export const ETCD = "/usr/bin/etcd";
export const HAPROXY = "/usr/sbin/haproxy";

/** Asked before a package's service is started. Containers often have one that forbids all. */
const POLICY = "/usr/sbin/policy-rc.d";

const PACKAGES: Readonly<Record<string, string>> = {
  patroni: PATRONI,
  "etcd-server": ETCD,
  haproxy: HAPROXY,
  postgresql: postgresBinary("pg_basebackup"),
};

function missing(): string[] {
  return Object.keys(PACKAGES).filter((name) => !existsSync(PACKAGES[name]!));
}

/** Why the programs are missing and cannot be installed; `undefined` if they are there or can be. */
export function withoutPackages(): string | undefined {
  const names = missing();
  if (names.length === 0) return undefined;
  const canInstall = existsSync("/usr/bin/apt-get") && process.getuid?.() === 0;
  return canInstall ? undefined : `there is no ${names.join(", ")}, and only root can install it`;
}

/** Installs what is missing. The services that the packages bring along are neither started nor enabled. */
export function installPackages(): void {
  const names = missing();
  if (names.length === 0) return;
  const ownPolicy = !existsSync(POLICY);
  // Ctrl-C ends apt-get; this process goes on, and removes the policy.
  const goOn = (): void => {};
  process.on("SIGINT", goOn);
  if (ownPolicy) writeFileSync(POLICY, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    run("apt-get", "update", "-qq");
    run("apt-get", "install", "-y", "-qq", "--no-install-recommends", ...names);
    // Or they would start with the machine.
    const services = names.filter((name) => name !== "postgresql")
      .map((name) => name.replace("-server", ""));
    if (existsSync("/run/systemd/system")) run("systemctl", "disable", ...services);
  } finally {
    if (ownPolicy) rmSync(POLICY);
    process.off("SIGINT", goOn);
  }
}

function run(command: string, ...args: string[]): void {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const { status, error, stderr } = spawnSync(command, args, { encoding: "utf8", env });
  if (status !== 0) throw new Error(`Cannot run ${command} ${args[0]}: ${error ?? stderr}`);
}
