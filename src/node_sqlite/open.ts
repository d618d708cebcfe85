// Opens a file with `node:sqlite` as `sqlite3` does.

import { existsSync } from "node:fs";
import process from "node:process";
import type { DatabaseSync } from "node:sqlite";
import { CANTOPEN, sqliteError } from "./errors.ts";

export const OPEN_READONLY = 0x1;
export const OPEN_READWRITE = 0x2;
export const OPEN_CREATE = 0x4;
export const OPEN_URI = 0x40;

type Sqlite = typeof import("node:sqlite");

let usable: Sqlite | undefined;

/** Returns the runtime's SQLite. It is loaded late, so that importing this module neither fails nor warns. */
export function nodeSqliteModule(): Sqlite {
  if (usable) return usable;
  // Older versions lack the function, although it is not optional in the types.
  const { getBuiltinModule } = process as Partial<typeof process>;
  const sqlite = getBuiltinModule?.call(process, "node:sqlite") as Sqlite | undefined;
  if (sqlite && isRecent(sqlite)) return usable = sqlite;
  const { deno, bun, node } = process.versions;
  const version = deno ? `Deno ${deno}` : bun ? `Bun ${bun}` : `Node ${node}`;
  throw new Error(
    "Cannot open a SQLite database: 'runtime' must have the module node:sqlite as of Node 22.16, " +
      `Deno 2.8 or Bun 1.4: received ${version}`,
  );
}

/** Whether the module has `isTransaction`, which is not on the prototype of Node's class. */
function isRecent({ DatabaseSync }: Sqlite): boolean {
  const database = new DatabaseSync(":memory:");
  try {
    return "isTransaction" in database;
  } finally {
    database.close();
  }
}

/** Opens a database with the settings of `sqlite3`, and with SQLite's own waiting turned off. */
export function openDatabase(
  { DatabaseSync }: Sqlite,
  filename: string,
  mode: number,
): DatabaseSync {
  const { name, mustExist } = locate(filename, mode);
  if (mustExist && !existsSync(name)) throw sqliteError(CANTOPEN, "unable to open database file");
  const database = new DatabaseSync(name, {
    readOnly: (mode & OPEN_READWRITE) === 0,
    enableForeignKeyConstraints: false,
    enableDoubleQuotedStringLiterals: true,
  });
  // Deno takes the constructor's `timeout: 0` for its default of 5 s.
  database.exec("PRAGMA busy_timeout = 0");
  return database;
}

/** Returns the name to open: `node:sqlite` takes every name that starts with `file:` for a URI. */
function locate(filename: string, mode: number): { name: string; mustExist: boolean } {
  // `node:sqlite` has no such option, and creates each file that it opens for writing.
  const mustExist = (mode & (OPEN_READWRITE | OPEN_CREATE)) === OPEN_READWRITE;
  // In memory or a temporary file.
  if (filename === ":memory:" || filename === "") return { name: filename, mustExist: false };
  if (!filename.startsWith("file:")) return { name: filename, mustExist };
  if (!(mode & OPEN_URI)) return { name: `./${filename}`, mustExist };
  // Only if the user gave a URI: Deno refuses URIs unless it may read and write all files.
  const separator = filename.includes("?") ? "&" : "?";
  const asked = !mustExist || /[?&]mode=/.test(filename);
  return { name: asked ? filename : `${filename}${separator}mode=rw`, mustExist: false };
}
