// HAProxy in front of the cluster: it sends connections to the member whose Patroni says that it is the primary.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Daemon, freePort, until } from "../../tests/faults/process.ts";
import type { Member } from "./member.ts";
import { HAPROXY } from "./packages.ts";

/** How HAProxy is set. */
export interface ProxySettings {
  /** `on-marked-down shutdown-sessions`: whether connections end when their server is no longer the primary. */
  readonly endsSessions: boolean;
  /** How often it asks each Patroni, in seconds, and after how many failures it believes them. */
  readonly checks: { readonly inter: number; readonly fall: number };
}

/** An HAProxy that runs. */
export interface Proxy {
  readonly port: number;
  close(): Promise<void>;
}

function configuration(
  { endsSessions, checks: { inter, fall } }: ProxySettings,
  members: readonly Member[],
  port: number,
  statsPort: number,
): string {
  const servers = members.map(({ place: { name, port, apiPort } }) =>
    `  server ${name} 127.0.0.1:${port} check port ${apiPort}`
  );
  return `global
  maxconn 500
defaults
  mode tcp
  timeout connect 2s
  timeout client 30m
  timeout server 30m
  timeout check 2s
  retries 0
listen stats
  mode http
  bind 127.0.0.1:${statsPort}
  stats enable
  stats uri /
listen primary
  bind 127.0.0.1:${port}
  option httpchk OPTIONS /primary
  http-check expect status 200
  default-server inter ${inter}s fall ${fall} rise 1${
    endsSessions ? " on-marked-down shutdown-sessions" : ""
  }
${servers.join("\n")}
`;
}

/** Starts an HAProxy, and waits until it knows the primary. */
export async function startProxy(
  settings: ProxySettings,
  members: readonly Member[],
): Promise<Proxy> {
  const { folder } = members[0]!.place;
  const [port, statsPort] = [await freePort(), await freePort()];
  const file = join(folder, `haproxy-${port}.cfg`);
  writeFileSync(file, configuration(settings, members, port, statsPort));
  const daemon = new Daemon("postgres", [HAPROXY, "-f", file, "-db"]);
  try {
    // It takes every server to be up until a check has failed.
    await until(async () => {
      const response = await fetch(`http://127.0.0.1:${statsPort}/;csv`);
      const states = (await response.text()).split("\n").filter((line) =>
        line.startsWith("primary,")
      );
      return states.filter((line) => /,DOWN,/.test(line)).length === members.length - 1;
    });
  } catch (error) {
    await daemon.kill();
    throw error;
  }
  return { port, close: () => daemon.kill() };
}
