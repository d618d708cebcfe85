// Opens a file as `sqlite3` does, with what `node:sqlite` offers.

import { resolve } from "node:path";
import process from "node:process";
import type { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { errorOf } from "./errors.ts";

export const OPEN_READONLY = 0x1;
export const OPEN_READWRITE = 0x2;
export const OPEN_CREATE = 0x4;
export const OPEN_URI = 0x40;

/** The runtime's SQLite; loaded late, so that importing this module neither fails nor warns. */
export function nodeSqliteModule(): typeof import("node:sqlite") {
  // Older versions lack the function, which the types do not say.
  const sqlite = (process as Partial<typeof process>).getBuiltinModule?.("node:sqlite");
  if (sqlite) return sqlite as typeof import("node:sqlite");
  const { deno, bun, node } = process.versions;
  const version = deno ? `Deno ${deno}` : bun ? `Bun ${bun}` : `Node ${node}`;
  throw new Error(
    "Cannot open a SQLite database: the runtime must have the module 'node:sqlite', as Deno 2.2, " +
      `Node 22.13 and Bun 1.4 or later do: received ${version}; the package 'sqlite3' runs without it`,
  );
}

/** Opens a database; with SQLite's own waiting turned off, and its settings as `sqlite3` has them. */
export function openDatabase(
  { DatabaseSync }: typeof import("node:sqlite"),
  filename: string,
  mode: number,
): DatabaseSync {
  const readOnly = (mode & OPEN_READWRITE) === 0;
  try {
    const database = new DatabaseSync(locationOf(filename, mode), {
      readOnly,
      enableForeignKeyConstraints: false,
      enableDoubleQuotedStringLiterals: true,
    });
    // Deno takes the constructor's `timeout: 0` for its default of 5 s.
    database.exec("PRAGMA busy_timeout = 0");
    return database;
  } catch (error) {
    throw errorOf(error);
  }
}

/** What `node:sqlite`, which takes every name that starts with `file:` for a URI, opens a file by. */
function locationOf(filename: string, mode: number): string {
  // In memory, or a temporary file.
  if (filename === ":memory:" || filename === "") return filename;
  const isUri = filename.startsWith("file:");
  // `node:sqlite` has no option for a file that has to exist, but SQLite's URIs have.
  if ((mode & (OPEN_READWRITE | OPEN_CREATE)) === OPEN_READWRITE) {
    const uri = isUri && mode & OPEN_URI ? filename : pathToFileURL(resolve(filename)).href;
    if (/[?&]mode=/.test(uri)) return uri;
    return `${uri}${uri.includes("?") ? "&" : "?"}mode=rw`;
  }
  return isUri && !(mode & OPEN_URI) ? `./${filename}` : filename;
}
