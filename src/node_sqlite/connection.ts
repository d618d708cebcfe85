// A connection of `node:sqlite` with the behaviour of `sqlite3`. Everything here is synchronous.

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
/** Statements that keep no lock. `BEGIN IMMEDIATE` does, but no other connection can block what follows. */
const LOCK_FREE = /^\s*(?:BEGIN|SAVEPOINT|RELEASE|ROLLBACK|PRAGMA)\b/i;

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

  /** How long statements wait for another connection, in milliseconds. */
  get busyTimeout(): number {
    return this.#busyTimeout;
  }

  /**
   * Whether a failed statement may be tried again. Another connection must have blocked it. As in SQLite's own
   * waiting, that connection must not be able to wait for the locks of this transaction.
   */
  mayRetry(sql: string, error: unknown): boolean {
    return isBusy(error) && (this.#fresh || COMMIT.test(sql));
  }

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
      // The statement must read and set SQLite's own value.
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

/** Makes a row as `sqlite3` returns it: a plain object with numbers, which may be rounded, and buffers. */
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
