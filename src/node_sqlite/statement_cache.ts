// Prepares statements, and keeps those that are likely to come again.

import type { DatabaseSync, StatementSync } from "node:sqlite";
import { MISUSE, sqliteError } from "./errors.ts";
import { type ParameterList, parametersOf } from "./parameters.ts";

/** How many statements are kept, and of how many characters at most: they hold memory outside of the heap. */
const MAX_STATEMENTS = 50;
const MAX_LENGTH = 1000;

/** Nothing but white space, comments and semicolons. */
const EMPTY = /^(?:[\s;]|--[^\n]*|\/\*[^]*?(?:\*\/|$))*$/;

/** A prepared statement. */
export class Prepared {
  readonly statement: StatementSync;
  readonly #sql: string;
  #parameters: ParameterList | undefined;

  constructor(statement: StatementSync, sql: string) {
    this.statement = statement;
    this.#sql = sql;
  }

  /** Read only if there is something to bind: most of Sequelize's statements hold their values. */
  get parameters(): ParameterList {
    return this.#parameters ??= parametersOf(this.#sql);
  }
}

/** The prepared statements of a connection. */
export class StatementCache {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, Prepared>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** Prepares a statement, or returns the one that is kept. */
  prepare(sql: string): Prepared {
    const kept = this.#statements.get(sql);
    if (kept) {
      // The map is in order of use.
      this.#statements.delete(sql);
      this.#statements.set(sql, kept);
      return kept;
    }
    const prepared = new Prepared(this.#prepare(sql), sql);
    // On Deno and Node 22, a statement that is used again never sees the columns that `*` has gained.
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
    // Runtimes disagree on what comes of it, and some throw only when it is run.
    if (EMPTY.test(sql)) throw sqliteError(MISUSE, "not an error");
    const statement = this.#database.prepare(sql);
    // Integers that a number cannot hold would throw.
    statement.setReadBigInts(true);
    return statement;
  }
}
