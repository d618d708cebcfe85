// The databases that the tests run on: always SQLite, and each other one if an environment variable names it.

import { isBuiltin } from "node:module";
import { join } from "node:path";
import process from "node:process";
import { type Options, Sequelize } from "sequelize";
import { SequelizeStore, type SequelizeStoreOptions } from "../../mod.ts";
import { nodeSqlite } from "../../src/node_sqlite/mod.ts";
import { withFolder } from "./folder.ts";
import { loadSqlite3 } from "./sqlite3.ts";

/** A database to test on. */
export interface Database {
  readonly name: string;
  readonly dialect: "sqlite" | "postgres" | "mariadb" | "mysql" | "mssql";
  /** Why the tests on it are ignored, or `undefined` if they run. */
  readonly ignored: string | undefined;
  /** Lends a Sequelize instance for the length of a test. */
  connect(test: Test, options?: Options): Promise<void>;
}

/** A test on a database; another process can open it by `address`: see {@linkcode open}. */
type Test = (sequelize: Sequelize, address: string) => Promise<void>;

/** An open store, and its database. */
export interface Fixture {
  readonly store: SequelizeStore;
  readonly sequelize: Sequelize;
  /** The SQL of every statement that the store has sent since it was opened. */
  readonly statements: string[];
}

/** The prefix of a SQLite file's address if `node:sqlite` opens it instead of the package `sqlite3`. */
const NODE_SQLITE = "node-sqlite:";

/** Opens a database by its URL, or SQLite by its file, which may have `node-sqlite:` in front. */
export function open(address: string, options: Options = {}): Sequelize {
  // A test server's certificate is self-signed.
  const unencrypted = { dialectOptions: { options: { encrypt: false } } };
  const quiet = { logging: false, ...(address.startsWith("mssql:") && unencrypted), ...options };
  return /^\w+:\/\//.test(address)
    ? new Sequelize(address, quiet)
    : new Sequelize({ ...sqliteOptions(address), ...quiet });
}

/** What opens a SQLite file, which may have `node-sqlite:` in front. */
export function sqliteOptions(address: string): Options {
  const dialectModule = address.startsWith(NODE_SQLITE) ? nodeSqlite : sqlite3;
  if (!dialectModule) throw new Error(`Cannot open ${address}: ${withoutSqlite3}`);
  return { dialect: "sqlite", storage: fileOf(address), dialectModule };
}

/** The file of a SQLite database's address. */
export function fileOf(address: string): string {
  return address.startsWith(NODE_SQLITE) ? address.slice(NODE_SQLITE.length) : address;
}

async function lend(address: string, test: Test, options: Options | undefined): Promise<void> {
  const sequelize = open(address, options);
  try {
    await test(sequelize, address);
  } finally {
    await sequelize.close();
  }
}

const sqlite3 = loadSqlite3();

/** Why tests on the package `sqlite3` are ignored, or `undefined` if they run. */
export const withoutSqlite3: string | undefined = sqlite3
  ? undefined
  : "there is no native binding of sqlite3";

/** Why tests on `node:sqlite` are ignored, or `undefined` if they run. */
export const withoutNodeSqlite: string | undefined = isBuiltin("node:sqlite")
  ? undefined
  : "this runtime has no node:sqlite";

/** SQLite in memory and in a file; the addresses start with `prefix`. */
function sqlite(name: string, prefix: string, ignored?: string): [Database, Database] {
  const inMemory: Database = {
    name: `${name} in memory`,
    dialect: "sqlite",
    ignored,
    connect: (test, options) => lend(`${prefix}:memory:`, test, options),
  };
  const inFile: Database = {
    name: `${name} in a file`,
    dialect: "sqlite",
    ignored,
    connect: (test, options) =>
      withFolder((folder) => lend(prefix + join(folder, "sessions.sqlite"), test, options)),
  };
  return [inMemory, inFile];
}

const [inMemory, inFile] = sqlite("SQLite", "", withoutSqlite3);
const [ownInMemory, ownInFile] = sqlite(
  "SQLite by node:sqlite",
  NODE_SQLITE,
  withoutNodeSqlite,
);

function server(name: string, dialect: Database["dialect"], variable: string): Database {
  const url = process.env[variable];
  return {
    name,
    dialect,
    ignored: url ? undefined : `${variable} is not set`,
    connect: (test, options) => lend(url!, test, options),
  };
}

export const postgres: Database = server("PostgreSQL", "postgres", "TEST_POSTGRES_URL");
export const mariadb: readonly Database[] = [
  server("MariaDB through mariadb", "mariadb", "TEST_MARIADB_URL"),
  server("MariaDB through mysql2", "mysql", "TEST_MYSQL_URL"),
];
/** A database for the contract only, because the SQL of other tests does not run on it. */
export const mssql: Database = server("SQL Server", "mssql", "TEST_MSSQL_URL");
export const servers: readonly Database[] = [postgres, ...mariadb];
/** The databases that several connections or processes can share. */
export const shared: readonly Database[] = [ownInFile, inFile, ...servers];
/** `node:sqlite` comes first: it needs no build, so that tests on the first one always run. */
export const databases: readonly Database[] = [ownInMemory, inMemory, ...shared];

/** Defines one test for each database. */
export function testOn(
  on: Database | readonly Database[],
  name: string,
  test: (database: Database) => Promise<void>,
): void {
  for (const database of [on].flat()) {
    const reason = database.ignored ? ` (ignored: ${database.ignored})` : "";
    Deno.test({
      name: `${database.name}: ${name}${reason}`,
      ignore: database.ignored !== undefined,
      fn: () => test(database),
    });
  }
}

/** How the stores of the tests send their statements: `TEST_DRIVER=sequelize` has all go through Sequelize. */
export const DRIVER: Pick<SequelizeStoreOptions, "driver"> = process.env.TEST_DRIVER === "sequelize"
  ? { driver: "sequelize" }
  : {};

let tables = 0;

/** A table name that no other test uses. */
export function freshTableName(): string {
  return `sessions_${process.pid}_${++tables}`;
}

/** Opens a store on a table of its own, by default without a cleanup loop; drops the table afterwards. */
export async function withStore(
  database: Database,
  test: (fixture: Fixture) => Promise<void>,
  options: SequelizeStoreOptions = {},
  sequelizeOptions: Options = {},
): Promise<void> {
  await database.connect(async (sequelize) => {
    const statements: string[] = [];
    const store = await SequelizeStore.open(sequelize, {
      tableName: freshTableName(),
      cleanupInterval: 0,
      logging: (sql) => statements.push(sql),
      ...DRIVER,
      ...options,
    });
    statements.length = 0;
    try {
      await test({ store, sequelize, statements });
    } finally {
      await store.stopCleanup();
      await store.model.drop();
    }
  }, sequelizeOptions);
}

/** Bytes from text. */
export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Text from bytes. */
export function text(data: Uint8Array | undefined): string | undefined {
  return data && new TextDecoder().decode(data);
}

/** A moment so many milliseconds from now; in the past if negative. */
export function inMs(ms: number): Date {
  return new Date(Date.now() + ms);
}

/** A moment a minute from now. */
export function soon(): Date {
  return inMs(60_000);
}
