// Errors like those of `sqlite3`: Sequelize reads their `code`, and applications read their message.

/** An error of SQLite, as the package `sqlite3` makes it. */
export interface SqliteError extends Error {
  /** The name of SQLite's primary result code, such as `SQLITE_BUSY`. */
  readonly code: string;
  /** SQLite's primary result code, such as `5`. */
  readonly errno: number;
}

/** An error of `node:sqlite`. */
interface NodeSqliteError extends Error {
  readonly code?: string;
  /** SQLite's extended result code. Deno omits it if opening a file or `exec()` fails. */
  readonly errcode?: number;
}

export const BUSY = 5;
export const CANTOPEN = 14;
export const MISUSE = 21;
export const RANGE = 25;
/** The extended code of a write in a transaction whose snapshot is out of date: waiting does not help. */
const BUSY_SNAPSHOT = 517;

/** The primary result codes by their numbers: https://sqlite.org/rescode.html */
const CODES = [
  "SQLITE_OK",
  "SQLITE_ERROR",
  "SQLITE_INTERNAL",
  "SQLITE_PERM",
  "SQLITE_ABORT",
  "SQLITE_BUSY",
  "SQLITE_LOCKED",
  "SQLITE_NOMEM",
  "SQLITE_READONLY",
  "SQLITE_INTERRUPT",
  "SQLITE_IOERR",
  "SQLITE_CORRUPT",
  "SQLITE_NOTFOUND",
  "SQLITE_FULL",
  "SQLITE_CANTOPEN",
  "SQLITE_PROTOCOL",
  "SQLITE_EMPTY",
  "SQLITE_SCHEMA",
  "SQLITE_TOOBIG",
  "SQLITE_CONSTRAINT",
  "SQLITE_MISMATCH",
  "SQLITE_MISUSE",
  "SQLITE_NOLFS",
  "SQLITE_AUTH",
  "SQLITE_FORMAT",
  "SQLITE_RANGE",
  "SQLITE_NOTADB",
];

/** The codes of messages, for Deno's errors without a number. */
const MESSAGES: readonly (readonly [pattern: RegExp, errno: number])[] = [
  [/^database is locked/, BUSY],
  [/^database (table|schema) is locked/, 6],
  [/^attempt to write a readonly database/, 8],
  [/^disk I\/O error/, 10],
  [/malformed/, 11],
  [/^database or disk is full/, 13],
  [/^unable to open database file/, CANTOPEN],
  [/constraint failed/, 19],
  [/^file is not a database/, 26],
];

/** Makes an error of SQLite with the message of `sqlite3`. */
export function sqliteError(errno: number, message: string): SqliteError {
  const code = CODES[errno] ?? "UNKNOWN";
  return Object.assign(new Error(`${code}: ${message}`), { errno, code });
}

/** Converts an error of `node:sqlite` to the one that `sqlite3` would make. */
export function errorOf(error: unknown): Error {
  const { code, errcode, message } = error as NodeSqliteError;
  if (code !== "ERR_SQLITE_ERROR") return error as Error;
  if (errcode !== undefined) return sqliteError(errcode & 0xff, message);
  const errno = MESSAGES.find(([pattern]) => pattern.test(message))?.[1] ?? 1;
  // Deno appends the file's name, or the SQL.
  const added = errno === CANTOPEN ? /: [^]*$/ : / in [^]* at offset \d+$/;
  return sqliteError(errno, message.replace(added, ""));
}

/** Whether SQLite has refused a statement because of another connection that may soon be finished. */
export function isBusy(error: unknown): boolean {
  const { code, errcode } = error as NodeSqliteError;
  return code === "ERR_SQLITE_ERROR" && errcode !== undefined && (errcode & 0xff) === BUSY &&
    errcode !== BUSY_SNAPSHOT;
}
