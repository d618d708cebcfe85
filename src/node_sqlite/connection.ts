// A connection as `node:sqlite` has it, with `sqlite3`'s behaviour: everything here is synchronous.

import { Buffer } from "node:buffer";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { isBusy } from "./errors.ts";
import { type Arguments, bind, type Parameters, type Value } from "./parameters.ts";
import { StatementCache } from "./statement_cache.ts";

/** A row; its keys are the names of its columns. */
export type Row = Record<string, Value>;

/** What a statement has changed. */
export interface Changes {
  readonly lastID: number;
  readonly changes: number;
}

const COMMIT = /^\s*(?:COMMIT|END)\b/i;
/** Statements that take no lock which they keep; after `BEGIN IMMEDIATE`, nobody is in the way any more. */
const LOCK_FREE = /^\s*(?:BEGIN|SAVEPOINT|RELEASE|ROLLBACK|PRAGMA)\b/i;

/** An open database. */
export class Connection {
  readonly #database: DatabaseSync;
  readonly #statements: StatementCache;
  #busyTimeout = 1000;
  /** Whether there is no transaction, or one that has neither read nor written. */
  #fresh = true;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#statements = new StatementCache(database);
  }

  /** For how many milliseconds statements wait for another connection. */
  get busyTimeout(): number {
    return this.#busyTimeout;
  }

  /**
   * Whether a statement that has failed may be tried again: if another connection was in its way, and, as in
   * SQLite's own waiting, if that one is not waiting for the locks of this transaction in its turn.
   */
  mayRetry(sql: string, error: unknown): boolean {
    return isBusy(error) && (this.#fresh || COMMIT.test(sql));
  }

  /** Runs a statement. */
  run(sql: string, parameters: Parameters): Changes {
    return this.#carryOut(sql, parameters, (statement, args) => {
      const { lastInsertRowid, changes } = statement.run(...args);
      return { lastID: Number(lastInsertRowid), changes: Number(changes) };
    });
  }

  /** Runs a statement and reads its rows. */
  all(sql: string, parameters: Parameters): Row[] {
    return this.#carryOut(
      sql,
      parameters,
      (statement, args) => statement.all(...args).map(rowOf),
    );
  }

  /** Runs several statements; SQLite itself waits for other connections. */
  exec(sql: string): void {
    this.#lettingSqliteWait(() => this.#database.exec(sql));
    this.#fresh = !this.#database.isTransaction;
  }

  /** Closes the database. */
  close(): void {
    this.#database.close();
  }

  #carryOut<Result>(
    sql: string,
    parameters: Parameters,
    step: (statement: StatementSync, args: Arguments) => Result,
  ): Result {
    const carryOut = (): Result => {
      const prepared = this.#statements.prepare(sql);
      const empty = Array.isArray(parameters) && parameters.length === 0;
      return step(prepared.statement, empty ? [{}] : bind(prepared.parameters, parameters));
    };
    let refused = false;
    try {
      // Whatever the statement reads or sets there is SQLite's own value.
      return /\bbusy_timeout\b/i.test(sql) ? this.#lettingSqliteWait(carryOut) : carryOut();
    } catch (error) {
      refused = isBusy(error);
      throw error;
    } finally {
      this.#fresh = !this.#database.isTransaction ||
        (this.#fresh && (refused || LOCK_FREE.test(sql)));
    }
  }

  #lettingSqliteWait<Result>(carryOut: () => Result): Result {
    this.#database.exec(`PRAGMA busy_timeout = ${this.#busyTimeout}`);
    try {
      return carryOut();
    } finally {
      const row = this.#database.prepare("PRAGMA busy_timeout").get();
      this.#busyTimeout = Number(row?.timeout);
      this.#database.exec("PRAGMA busy_timeout = 0");
    }
  }
}

/** A row as `sqlite3` gives it: a plain object with numbers, rounded if need be, and buffers. */
function rowOf(row: Readonly<Record<string, unknown>>): Row {
  const result = { ...row };
  for (const [name, value] of Object.entries(row)) {
    if (typeof value === "bigint") result[name] = Number(value);
    else if (value instanceof Uint8Array) {
      result[name] = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    }
  }
  return result as Row;
}
