// Servers for single tests, in a temporary folder and on a free port, to be stopped, killed and frozen.

import { chmod } from "node:fs/promises";
import { type Options, QueryTypes, type Sequelize } from "sequelize";
import { open } from "../support/databases.ts";
import { withFolder } from "../support/folder.ts";
import type { Engine, Recipe } from "./engines.ts";
import { listeningPg } from "./listening_pg.ts";
import { Daemon, freePort, until } from "./process.ts";

/** A database server that a test may do anything to. */
export interface Server {
  /** The address of its empty database `test`. */
  readonly url: string;
  readonly port: number;
  /** The folder of its files. */
  readonly folder: string;
  /** Starts it, with more arguments if given, and waits until it accepts connections. */
  start(...args: readonly string[]): Promise<void>;
  /** Shuts it down cleanly, without waiting for its clients. */
  stop(): Promise<void>;
  /** Kills all its processes. */
  kill(): Promise<void>;
  /** Halts all its processes: connections stay open, and it does not respond. */
  freeze(): void;
  thaw(): void;
}

/** A server that its maker starts and kills. */
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

  /** Makes the database `test` if it is missing. */
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

/** Runs statements on a connection of their own, and returns the last one's rows. */
export async function ask(url: string, ...statements: string[]): Promise<object[]> {
  const sequelize = open(url, { pool: { max: 1 } });
  try {
    let rows: object[] = [];
    for (const sql of statements) {
      // The mariadb driver and Sequelize disagree about the result of other statements.
      if (/^(SELECT|SHOW)/.test(sql)) {
        rows = await sequelize.query(sql, { type: QueryTypes.SELECT });
      } else await sequelize.query(sql);
    }
    return rows;
  } finally {
    await sequelize.close();
  }
}

/** Runs a test with a server that has been started. */
export async function withServer(
  engine: Engine,
  test: (server: Server) => Promise<void>,
  settings: readonly string[] = [],
): Promise<void> {
  await withFolder(async (folder) => {
    // The server runs as another user.
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

/** Runs a test with a server and a Sequelize instance on its database `test`. */
export async function withConnection(
  engine: Engine,
  test: (server: Server, sequelize: Sequelize) => Promise<void>,
  options: Options = {},
): Promise<void> {
  await withServer(engine, async (server) => {
    const driver = engine.dialect === "postgres" ? { dialectModule: listeningPg } : {};
    const sequelize = open(server.url, { ...driver, ...options });
    try {
      await test(server, sequelize);
    } finally {
      server.thaw();
      await sequelize.close();
    }
  });
}

/** Runs a test with a daemon's address once it responds; kills the daemon afterwards. */
export async function whileServing(
  daemon: Daemon,
  url: string,
  test: (url: string) => Promise<void>,
): Promise<void> {
  try {
    await until(async () => (await ask(url, "SELECT 1")).length === 1);
    await test(url);
  } finally {
    await daemon.kill();
  }
}

/** Defines a test for each kind of server. */
export function testOnServers(
  on: readonly Engine[],
  name: string,
  test: (engine: Engine) => Promise<void>,
): void {
  for (const engine of on) {
    const reason = engine.ignored ? ` (ignored: ${engine.ignored})` : "";
    Deno.test({
      name: `own ${engine.name}: ${name}${reason}`,
      ignore: engine.ignored !== undefined,
      fn: () => test(engine),
    });
  }
}
