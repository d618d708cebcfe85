// The ways to keep SQLite that are measured, each on the package `sqlite3` and on `./node-sqlite`.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Options, Sequelize } from "sequelize";
import { SequelizeStore } from "../mod.ts";
import { nodeSqlite } from "../src/node_sqlite/mod.ts";
import { loadSqlite3 } from "../tests/support/sqlite3.ts";
import { type Contender, TABLE } from "./contender.ts";
import { bareNodeSqlite } from "./contenders/bare_drivers.ts";
import { ours } from "./contenders/ours.ts";

/** Where a database is, and what is set on its connection. */
export interface Storage {
  readonly name: string;
  readonly isFile: boolean;
  readonly pragmas: readonly string[];
}

/** In memory, and in files that lose the last commits in a power failure, or none. */
export const STORAGES: readonly Storage[] = [
  { name: "in memory", isFile: false, pragmas: [] },
  ...["NORMAL", "FULL"].map((synchronous) => ({
    name: `in a file in WAL mode, synchronous ${synchronous}`,
    isFile: true,
    pragmas: ["journal_mode = WAL", `synchronous = ${synchronous}`],
  })),
];

/** A database on `sqlite3`, and contenders on another one like it, on `node:sqlite`. */
export interface SqliteDatabases {
  readonly sequelize: Sequelize;
  readonly others: readonly Contender[];
  close(): Promise<void>;
}

/** Opens both databases; they are in the folder for temporary files, if they are in files. */
export async function openSqlite(storage: Storage): Promise<SqliteDatabases> {
  const dialectModule = loadSqlite3();
  if (!dialectModule) {
    throw new Error(
      "Cannot measure SQLite: sqlite3 has no native binding: deno task setup:sqlite3",
    );
  }
  const folder = await mkdtemp(join(tmpdir(), "bench-"));
  const open = async (name: string, module: object): Promise<Sequelize> => {
    const file = storage.isFile ? join(folder, name) : ":memory:";
    const options: Options = { dialect: "sqlite", storage: file, dialectModule: module };
    const sequelize = new Sequelize({ ...options, logging: false });
    for (const pragma of storage.pragmas) await sequelize.query(`PRAGMA ${pragma}`);
    return sequelize;
  };
  const sequelize = await open("sqlite3", dialectModule);
  const own = await open("node-sqlite", nodeSqlite);
  const store = await SequelizeStore.open(own, { tableName: TABLE, cleanupInterval: 0 });
  return {
    sequelize,
    others: [ours(store, " on node-sqlite"), await bareNodeSqlite(own, " on node-sqlite")],
    close: async (): Promise<void> => {
      for (const each of [sequelize, own]) await each.close();
      await rm(folder, { recursive: true });
    },
  };
}
