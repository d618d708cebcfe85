// Servers of a test's own, in a temporary folder and on a free port, which it can stop, kill and freeze.

import { chmod } from "node:fs/promises";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { type Options, QueryTypes, type Sequelize } from "sequelize";
import { open } from "../databases.ts";
import { withFolder } from "../folder.ts";
import { Daemon, freePort, run, unableToRun, until } from "./process.ts";

/** A database server that a test may do anything to. */
export interface Server {
  /** The address of its empty database `test`. */
  readonly url: string;
  readonly port: number;
  /** Its own folder. */
  readonly folder: string;
  /** Starts it, with more arguments than before if need be, and waits until it answers. */
  start(...args: readonly string[]): Promise<void>;
  /** Shuts it down in good order, without waiting for those who are connected. */
  stop(): Promise<void>;
  /** Kills all its processes. */
  kill(): Promise<void>;
  /** Halts all its processes, so that connections stay and nothing is answered. */
  freeze(): void;
  thaw(): void;
}

/** A kind of server. */
export interface Engine {
  readonly name: string;
  readonly dialect: "postgres" | "mariadb";
  /** Why none can be started here, or `undefined` where one can. */
  readonly ignored: string | undefined;
  /** Makes a server's files, and says how it is run. */
  prepare(folder: string, port: number, settings: readonly string[]): Recipe;
}

interface Recipe {
  readonly user: string;
  readonly command: readonly string[];
  readonly stopSignal: NodeJS.Signals;
  readonly adminUrl: string;
  readonly url: string;
}

const versions = "/usr/lib/postgresql";

/** The path of a program of the newest PostgreSQL. */
export function postgresBinary(name: string): string {
  let found: string[] = [];
  try {
    found = readdirSync(versions).sort((a, b) => Number(a) - Number(b));
  } catch {
    // There is none.
  }
  return `${versions}/${found.at(-1) ?? "15"}/bin/${name}`;
}

export const ownPostgres: Engine = {
  name: "PostgreSQL",
  dialect: "postgres",
  ignored: unableToRun("postgres", postgresBinary("initdb")),
  prepare: (folder, port, settings) => {
    const data = join(folder, "data");
    const initdb = [postgresBinary("initdb"), "--no-sync", "--auth=trust", "--username=postgres"];
    run("postgres", [...initdb, "-D", data]);
    const options = [`port=${port}`, "listen_addresses=127.0.0.1", `unix_socket_directories=`];
    options.push("logging_collector=on", `log_directory=${folder}`, "log_filename=log");
    const command = [postgresBinary("postgres"), "-D", data];
    for (const option of [...options, ...settings]) command.push("-c", option);
    const url = (name: string): string => `postgres://postgres@127.0.0.1:${port}/${name}`;
    // "Fast": it ends the connections.
    const stopSignal = "SIGINT";
    return { user: "postgres", command, stopSignal, adminUrl: url("postgres"), url: url("test") };
  },
};

export const ownMariadb: Engine = {
  name: "MariaDB",
  dialect: "mariadb",
  ignored: unableToRun("mysql", "/usr/sbin/mariadbd"),
  prepare: (folder, port, settings) => {
    const data = join(folder, "data");
    const install = ["mariadb-install-db", "--no-defaults", "--skip-test-db"];
    run("mysql", [...install, "--auth-root-authentication-method=normal", `--datadir=${data}`]);
    const command = ["/usr/sbin/mariadbd", "--no-defaults", `--datadir=${data}`, `--port=${port}`];
    command.push("--bind-address=127.0.0.1", `--socket=${join(folder, "socket")}`);
    command.push(`--log-error=${join(folder, "log")}`);
    command.push(...settings.map((setting) => `--${setting}`));
    const url = (name: string): string => `mariadb://root@127.0.0.1:${port}/${name}`;
    return {
      user: "mysql",
      command,
      stopSignal: "SIGTERM",
      adminUrl: url("mysql"),
      url: url("test"),
    };
  },
};

export const engines: readonly Engine[] = [ownPostgres, ownMariadb];

/** A server that is started and killed by whoever makes it. */
export class OwnServer implements Server {
  readonly url: string;
  readonly port: number;
  readonly folder: string;
  readonly #recipe: Recipe;
  #daemon: Daemon | undefined;

  constructor(folder: string, port: number, recipe: Recipe) {
    this.folder = folder;
    this.port = port;
    this.#recipe = recipe;
    this.url = recipe.url;
  }

  async start(...args: readonly string[]): Promise<void> {
    const { user, command } = this.#recipe;
    const daemon = this.#daemon = new Daemon(user, [...command, ...args]);
    await until(async () => {
      if (!daemon.isRunning) throw new Error(`ended at once: see ${this.folder}/log`);
      await ask(this.#recipe.adminUrl, "SELECT 1");
      return true;
    });
  }

  /** Makes the database `test` where it is missing. */
  async createDatabase(): Promise<void> {
    await ask(this.#recipe.adminUrl, "CREATE DATABASE test").catch(() => {});
    await ask(this.url, "SELECT 1");
  }

  async stop(): Promise<void> {
    await this.#daemon?.end(this.#recipe.stopSignal);
  }

  async kill(): Promise<void> {
    await this.#daemon?.kill();
  }

  freeze(): void {
    this.#daemon?.signal("SIGSTOP");
  }

  thaw(): void {
    this.#daemon?.signal("SIGCONT");
  }
}

/** Runs statements on a connection of their own, and answers with the last one's rows. */
export async function ask(url: string, ...statements: string[]): Promise<object[]> {
  const sequelize = open(url, { pool: { max: 1 } });
  try {
    let rows: object[] = [];
    for (const sql of statements) {
      // What has no rows to give the mariadb driver and Sequelize do not agree about.
      if (/^(SELECT|SHOW)/.test(sql)) {
        rows = await sequelize.query(sql, { type: QueryTypes.SELECT });
      } else await sequelize.query(sql);
    }
    return rows;
  } finally {
    await sequelize.close();
  }
}

/** Lends a server that has been started, for the length of a test. */
export async function withServer(
  engine: Engine,
  test: (server: Server) => Promise<void>,
  settings: readonly string[] = [],
): Promise<void> {
  await withFolder(async (folder) => {
    // For the server's own user.
    await chmod(folder, 0o777);
    const port = await freePort();
    const server = new OwnServer(folder, port, engine.prepare(folder, port, settings));
    try {
      await server.start();
      await server.createDatabase();
      await test(server);
    } finally {
      await server.kill();
    }
  });
}

/** Lends a server, and a Sequelize instance on its database `test`. */
export async function withConnection(
  engine: Engine,
  test: (server: Server, sequelize: Sequelize) => Promise<void>,
  options: Options = {},
): Promise<void> {
  await withServer(engine, async (server) => {
    const sequelize = open(server.url, options);
    try {
      await test(server, sequelize);
    } finally {
      server.thaw();
      await sequelize.close();
    }
  });
}

/** Defines one test for each kind of server. */
export function testOnServers(
  on: readonly Engine[],
  name: string,
  test: (engine: Engine) => Promise<void>,
): void {
  for (const engine of on) {
    const reason = engine.ignored ? ` (ignored: ${engine.ignored})` : "";
    Deno.test({
      name: `a ${engine.name} of its own: ${name}${reason}`,
      ignore: engine.ignored !== undefined,
      fn: () => test(engine),
    });
  }
}
