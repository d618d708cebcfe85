// Starts a PostgreSQL cluster of three members under Patroni, with etcd, on the loopback interface.

import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import pg from "pg";
import { Daemon, freePort, until } from "../../tests/faults/process.ts";
import { Member, type Mode } from "./member.ts";
import { ETCD } from "./packages.ts";

const MEMBERS = 3;
const START_MS = 90_000;

interface Listed {
  readonly name: string;
  readonly role: string;
  readonly state: string;
}

/** A cluster that runs. */
export class Cluster {
  readonly mode: Mode;
  readonly members: readonly Member[];
  readonly #folder: string;
  readonly #etcdPort: number;
  readonly #etcd: Daemon;

  private constructor(
    mode: Mode,
    members: readonly Member[],
    folder: string,
    etcdPort: number,
    etcd: Daemon,
  ) {
    this.mode = mode;
    this.members = members;
    this.#folder = folder;
    this.#etcdPort = etcdPort;
    this.#etcd = etcd;
  }

  /** Makes the files of a cluster. */
  static async create(mode: Mode): Promise<Cluster> {
    const ports: number[] = [];
    for (let i = 0; i < 2 + 2 * MEMBERS; i++) ports.push(await freePort());
    const next = (): number => ports.pop()!;
    const folder = mkdtempSync(join(tmpdir(), "sequelize-store-"));
    // The servers run as another user.
    chmodSync(folder, 0o777);
    const etcdPort = next();
    const members = Array.from({ length: MEMBERS }, (_, i) => {
      const place = { name: `n${i + 1}`, folder, etcdPort, port: next(), apiPort: next() };
      return new Member(place, mode);
    });
    return new Cluster(mode, members, folder, etcdPort, startEtcd(folder, etcdPort, next()));
  }

  /** Starts it, with the database `test`, and waits until all members run. */
  async start(): Promise<void> {
    try {
      await this.#bootstrap();
    } catch (error) {
      throw this.#explained("the cluster did not start", error);
    }
  }

  async #bootstrap(): Promise<void> {
    await until(async () => (await fetch(this.#etcdUrl("/health"))).ok);
    const [first, ...others] = this.members;
    first!.startPatroni();
    await until(async () => !first!.patroniRuns || await this.leader() === first, START_MS);
    if (!first!.patroniRuns) throw new Error("Patroni ended at once");
    for (const member of others) member.startPatroni();
    await this.untilHealthy();
    const client = new pg.Client({
      host: "127.0.0.1",
      port: first!.place.port,
      user: "postgres",
      database: "postgres",
    });
    await client.connect();
    await client.query("CREATE DATABASE test");
    await client.end();
  }

  /** The member that etcd names as the leader; `undefined` if there is none. */
  async leader(): Promise<Member | undefined> {
    const response = await fetch(this.#etcdUrl("/v2/keys/service/sessions/leader"));
    const { node } = await response.json() as { readonly node?: { readonly value: string } };
    return this.members.find(({ name }) => name === node?.value);
  }

  /** Waits until all members run, and those that have to be in step with the primary are. */
  async untilHealthy(): Promise<void> {
    try {
      await until(() => this.#isHealthy(), START_MS);
    } catch (error) {
      throw this.#explained("not all members run", error);
    }
  }

  #explained(what: string, cause: unknown): Error {
    const logs = this.members.map((member) => `${member.name}:\n${member.lastLines()}`);
    return new Error(`${what}\n${logs.join("\n")}`, { cause });
  }

  async #isHealthy(): Promise<boolean> {
    const leader = await this.leader();
    if (!leader) return false;
    const url = `http://127.0.0.1:${leader.place.apiPort}/cluster`;
    const response = await fetch(url, { signal: AbortSignal.timeout(2000) });
    const { members } = await response.json() as { readonly members: readonly Listed[] };
    return members.length === MEMBERS &&
      members.every(({ state }) => state === "running" || state === "streaming") &&
      members.filter(({ role }) => role === "leader").length === 1 &&
      (this.mode === "asynchronous" || members.some(({ role }) => role === "sync_standby"));
  }

  /** Asks a leader's Patroni to let another member take over, until one is close enough behind to do so. */
  async switchOver(leader: Member): Promise<void> {
    const url = `http://127.0.0.1:${leader.place.apiPort}/switchover`;
    const body = JSON.stringify({ leader: leader.name });
    await until(async () => {
      const response = await fetch(url, { method: "POST", body });
      if (response.ok || await this.leader() !== leader) return true;
      throw new Error(await response.text());
    });
  }

  #etcdUrl(path: string): string {
    return `http://127.0.0.1:${this.#etcdPort}${path}`;
  }

  /** Ends everything, and removes its files. */
  async close(): Promise<void> {
    // First all who would start PostgreSQL again.
    for (const member of this.members) await member.killPatroni();
    for (const member of this.members) await member.endPostgres();
    await this.#etcd.kill();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

function startEtcd(folder: string, port: number, peerPort: number): Daemon {
  const [client, peer] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${peerPort}`];
  const options = {
    name: "etcd",
    "data-dir": join(folder, "etcd"),
    "listen-client-urls": client,
    "advertise-client-urls": client,
    "listen-peer-urls": peer,
    "initial-advertise-peer-urls": peer,
    "initial-cluster": `etcd=${peer}`,
    "unsafe-no-fsync": "true",
    "enable-v2": "true",
  };
  const args = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
  return new Daemon("postgres", [ETCD, ...args]);
}

/** Runs something with a cluster, and ends the cluster also if this process is asked to end. */
export async function withCluster(
  mode: Mode,
  use: (cluster: Cluster) => Promise<void>,
): Promise<void> {
  let cluster: Cluster | undefined;
  const onSignal = (): void => {
    void Promise.resolve(cluster?.close()).finally(() => process.exit(130));
  };
  process.once("SIGINT", onSignal).once("SIGTERM", onSignal);
  try {
    cluster = await Cluster.create(mode);
    await cluster.start();
    await use(cluster);
  } finally {
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
    await cluster?.close();
  }
}
