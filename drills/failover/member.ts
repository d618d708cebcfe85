// One member of the cluster: PostgreSQL under its own Patroni.

import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { postgresBinary } from "../../tests/faults/engines.ts";
import { Daemon, signalTree, until } from "../../tests/faults/process.ts";
import { PATRONI } from "./packages.ts";

/** When the primary acknowledges a commit: once a standby has it; never without a standby; at once. */
export type Mode = "synchronous" | "strict" | "asynchronous";

/** Where a member and its cluster are to be found. */
export interface Place {
  readonly name: string;
  readonly folder: string;
  readonly etcdPort: number;
  /** PostgreSQL's port. */
  readonly port: number;
  /** The port of Patroni's REST API. */
  readonly apiPort: number;
}

/** In seconds. Patroni's own are 30, 10 and 10; 20 is the least that it takes. */
const TIMING = { ttl: 20, loop_wait: 3, retry_timeout: 5 };

function logFolder(folder: string, name: string): string {
  return join(folder, `${name}-log`);
}

/** What Patroni's file says. Any JSON is YAML. */
function settings({ name, folder, etcdPort, port, apiPort }: Place, mode: Mode): object {
  const at = (port: number): string => `127.0.0.1:${port}`;
  const login = { username: "postgres", password: "unused" };
  return {
    scope: "sessions",
    name,
    restapi: { listen: at(apiPort), connect_address: at(apiPort) },
    // etcd's v2 API: with `etcd3`, Patroni 3.0.2 lets a primary that was frozen take the leader's key back.
    etcd: { host: at(etcdPort) },
    log: { dir: logFolder(folder, name) },
    bootstrap: {
      dcs: {
        ...TIMING,
        synchronous_mode: mode !== "asynchronous",
        synchronous_mode_strict: mode === "strict",
        postgresql: {
          use_pg_rewind: true,
          parameters: {
            max_connections: 100,
            shared_buffers: "64MB",
            wal_log_hints: "on",
            // Or a member that comes back too late could not follow.
            wal_keep_size: "512MB",
          },
        },
      },
      initdb: [{ encoding: "UTF8" }, { auth: "trust" }, "data-checksums", "no-sync"],
    },
    postgresql: {
      listen: at(port),
      connect_address: at(port),
      data_dir: join(folder, name),
      bin_dir: dirname(postgresBinary("postgres")),
      pgpass: join(folder, `${name}-pgpass`),
      parameters: { unix_socket_directories: folder },
      pg_hba: [
        "local all all trust",
        "host all all 127.0.0.1/32 trust",
        "host replication all 127.0.0.1/32 trust",
      ],
      authentication: { superuser: login, replication: login, rewind: login },
    },
    watchdog: { mode: "off" },
  };
}

/** A member, whose programs can be killed and frozen each by itself. */
export class Member {
  readonly place: Place;
  readonly #config: string;
  #patroni: Daemon | undefined;

  constructor(place: Place, mode: Mode) {
    this.place = place;
    const logs = logFolder(place.folder, place.name);
    mkdirSync(logs);
    chmodSync(logs, 0o777);
    this.#config = join(place.folder, `${place.name}.json`);
    writeFileSync(this.#config, JSON.stringify(settings(place, mode)));
  }

  get name(): string {
    return this.place.name;
  }

  startPatroni(): void {
    const env = { HOME: this.place.folder };
    this.#patroni = new Daemon("postgres", [PATRONI, this.#config], env);
  }

  get patroniRuns(): boolean {
    return this.#patroni?.isRunning ?? false;
  }

  async killPatroni(): Promise<void> {
    await this.#patroni?.kill();
  }

  signalPatroni(signal: NodeJS.Signals): void {
    this.#patroni?.signal(signal);
  }

  /** Sends a signal to all processes of PostgreSQL, which is no child of Patroni's. */
  signalPostgres(signal: NodeJS.Signals): void {
    const pid = this.#postmaster();
    if (pid !== undefined) signalTree(pid, signal);
  }

  /** Ends PostgreSQL, also if it is frozen. It removes its shared memory, which would outlive a kill. */
  async endPostgres(): Promise<void> {
    const pid = this.#postmaster();
    if (pid === undefined) return;
    signalTree(pid, "SIGCONT");
    process.kill(pid, "SIGQUIT");
    await until(() => !isAlive(pid), 10_000).catch(() => signalTree(pid, "SIGKILL"));
  }

  /** The lines that Patroni has logged last. */
  lastLines(): string {
    try {
      const file = join(logFolder(this.place.folder, this.name), "patroni.log");
      return readFileSync(file, "utf8").split("\n").slice(-6).join("\n");
    } catch {
      return "";
    }
  }

  /** The process whose id is in PostgreSQL's file, if it still is this PostgreSQL. */
  #postmaster(): number | undefined {
    const data = join(this.place.folder, this.name);
    try {
      const pid = Number(readFileSync(join(data, "postmaster.pid"), "utf8").split("\n")[0]);
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(data) ? pid : undefined;
    } catch {
      return undefined;
    }
  }
}

/** Whether a process runs: one that has ended may stay as a zombie. */
function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}
