// Prepares statements, and keeps those that are likely to be used again.

import type { DatabaseSync, StatementSync } from "node:sqlite";
import { MISUSE, sqliteError } from "./errors.ts";
import { type ParameterList, parametersOf } from "./parameters.ts";

/** Limits on the number and length of kept statements, which use memory outside of the heap. */
const MAX_STATEMENTS = 50;
const MAX_LENGTH = 1000;

/** SQL with only white space, comments and semicolons. */
const EMPTY = /^(?:[\s;]|--[^\n]*|\/\*[^]*?(?:\*\/|$))*$/;

export class Prepared {
  readonly statement: StatementSync;
  readonly #sql: string;
  #parameters: ParameterList | undefined;

  constructor(statement: StatementSync, sql: string) {
    this.statement = statement;
    this.#sql = sql;
  }

  /** Read only if there are values to bind: most of Sequelize's statements contain their values. */
  get parameters(): ParameterList {
    return this.#parameters ??= parametersOf(this.#sql);
  }
}

export class StatementCache {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, Prepared>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** Returns the kept statement for this SQL, or prepares one. */
  prepare(sql: string): Prepared {
    const kept = this.#statements.get(sql);
    if (kept) {
      // The map is in order of use.
      this.#statements.delete(sql);
      this.#statements.set(sql, kept);
      return kept;
    }
    const prepared = new Prepared(this.#prepare(sql), sql);
    // On Deno and Node 22, a reused statement does not see new columns of `*`.
    if (sql.length <= MAX_LENGTH && !sql.includes("*")) {
      this.#statements.set(sql, prepared);
      if (this.#statements.size > MAX_STATEMENTS) {
        const [oldest] = this.#statements.keys();
        this.#statements.delete(oldest!);
      }
    }
    return prepared;
  }

  #prepare(sql: string): StatementSync {
    // Runtimes differ here, and some throw only when the statement is run.
    if (EMPTY.test(sql)) throw sqliteError(MISUSE, "not an error");
    const statement = this.#database.prepare(sql);
    // Otherwise integers beyond the safe ones would throw.
    statement.setReadBigInts(true);
    return statement;
  }
}
