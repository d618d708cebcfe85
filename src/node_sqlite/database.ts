// The part of `sqlite3`'s interface that Sequelize 6 uses.

import { Connection, type Row } from "./connection.ts";
import { MISUSE, sqliteError } from "./errors.ts";
import { nodeSqliteModule, OPEN_CREATE, OPEN_READWRITE, openDatabase } from "./open.ts";
import type { Parameters } from "./parameters.ts";
import { Queue } from "./queue.ts";

/** Called once a connection is open or closed, or with an error. */
export type DoneCallback = (this: Database, error: Error | null) => void;

/** Called once a statement has run, or with an error. */
export type RunCallback = (this: Statement, error: Error | null) => void;

/** Called with a statement's rows, or with an error. */
export type RowsCallback = (this: Statement, error: Error | null, rows?: Row[]) => void;

/** The `this` of the callbacks of statements. Sequelize reads the name of its class. */
export class Statement {
  /** The SQL. */
  declare readonly sql: string;
  /** The rowid of the row that the connection inserted last; set by `run()`. */
  declare lastID?: number;
  /** How many rows the connection's last change affected; set by `run()`. */
  declare changes?: number;

  /**
   * Makes the `this` of a statement's callback.
   *
   * @param sql The SQL.
   */
  constructor(sql: string) {
    // Not enumerable: raw queries return this object, and printing it must not show the SQL's data.
    Object.defineProperty(this, "sql", { value: sql });
  }
}

/**
 * A connection to a SQLite database.
 *
 * Statements wait in a queue and are carried out in order, one in each turn of the event loop. A statement
 * that finds the database locked by another connection is tried again for a second, or for the time set by
 * `PRAGMA busy_timeout`, while the event loop goes on.
 *
 * An error without a callback is thrown as an uncaught exception.
 */
export class Database {
  /** The name of the file that the constructor was called with. */
  readonly filename: string;
  /** How the file is opened: a sum of constants such as `OPEN_READWRITE`. */
  readonly mode: number;
  readonly #queue: Queue;
  #connection: Connection | undefined;
  /** Why there is no connection. */
  #reason: Error | undefined;
  #closed = false;

  /**
   * Opens a database.
   *
   * @param filename A file, `:memory:`, or an empty name for a temporary file.
   * @param mode How to open it: by default for reading and writing, and created if missing.
   * @param callback Called once it is open, or with an error.
   * @throws {Error} If the runtime has no `node:sqlite`.
   */
  constructor(filename: string, mode?: number | DoneCallback, callback?: DoneCallback) {
    const sqlite = nodeSqliteModule();
    this.filename = filename;
    this.mode = typeof mode === "number" ? mode : OPEN_READWRITE | OPEN_CREATE;
    this.#queue = new Queue(() => this.#connection?.busyTimeout ?? 0);
    const done = typeof mode === "function" ? mode : callback;
    this.#queue.add({
      carryOut: () => {
        this.#connection = new Connection(openDatabase(sqlite, filename, this.mode));
      },
      mayWait: () => false,
      settle: (error) => {
        if (error) this.#reason = error;
        this.#done(done, error);
      },
    });
  }

  /** Runs a statement, and sets `lastID` and `changes` on the `this` of the callback. */
  run(sql: string, parameters?: Parameters | RunCallback, callback?: RunCallback): this {
    const [values, done] = argumentsOf(parameters, callback);
    const statement = new Statement(sql);
    this.#enqueue(
      sql,
      (connection) => Object.assign(statement, connection.run(sql, values)),
      (error) => {
        if (done) done.call(statement, error);
        else if (error) throw error;
      },
    );
    return this;
  }

  /** Runs a statement and reads all its rows. */
  all(sql: string, parameters?: Parameters | RowsCallback, callback?: RowsCallback): this {
    const [values, done] = argumentsOf(parameters, callback);
    this.#enqueue(sql, (connection) => connection.all(sql, values), (error, rows) => {
      const statement = new Statement(sql);
      if (!error) done?.call(statement, null, rows);
      else if (done) done.call(statement, error);
      else throw error;
    });
    return this;
  }

  /**
   * Runs a statement and reads all its rows, like {@linkcode Database.prototype.all all} but with a promise.
   *
   * Use it to send your own SQL over a connection of Sequelize's pool. It does not change within a major version.
   *
   * @param sql One statement; it stays prepared for the next call unless it is long or has a `*`.
   * @param parameters Values by position for `?`, `?1` or `$1`, or by name: `{ $id: 1 }`.
   * @returns The rows; none if the statement returns no rows.
   */
  execute(sql: string, parameters: Parameters = []): Promise<Row[]> {
    return new Promise((resolve, reject) => {
      this.#enqueue(
        sql,
        (connection) => connection.all(sql, parameters),
        (error, rows) => error ? reject(error) : resolve(rows!),
      );
    });
  }

  /**
   * Runs several statements, up to the first that fails. Sequelize does not use it. If another connection has
   * locked the database, SQLite itself waits and blocks the event loop.
   */
  exec(sql: string, callback?: DoneCallback): this {
    this.#enqueue(
      // It must not be run again from the start.
      undefined,
      (connection) => connection.exec(sql),
      (error) => this.#done(callback, error),
    );
    return this;
  }

  /** Calls a function. Statements are always carried out in order. */
  serialize(callback?: () => void): this {
    callback?.();
    return this;
  }

  /** Closes the database once all earlier statements have been carried out. */
  close(callback?: DoneCallback): this {
    this.#enqueue(
      undefined,
      (connection) => {
        connection.close();
        this.#connection = undefined;
        this.#reason = sqliteError(MISUSE, "Database handle is closed");
        this.#closed = true;
      },
      // A database that could not be opened needs no closing.
      (error) => this.#done(callback, error === this.#reason && !this.#closed ? null : error),
    );
    return this;
  }

  /** Appends a task to the queue; `sql` is its statement if that may be tried again. */
  #enqueue<Result>(
    sql: string | undefined,
    carryOut: (connection: Connection) => Result,
    settle: (error: Error | null, result?: Result) => void,
  ): void {
    const closed = this.#closed ? sqliteError(MISUSE, "Database is closed") : undefined;
    let result: Result;
    this.#queue.add({
      carryOut: () => {
        if (!this.#connection) throw closed ?? this.#reason;
        result = carryOut(this.#connection);
      },
      mayWait: (error) =>
        sql !== undefined && this.#connection !== undefined &&
        this.#connection.mayRetry(sql, error),
      settle: (error) => error ? settle(error) : settle(null, result),
    });
  }

  #done(callback: DoneCallback | undefined, error: Error | null): void {
    if (callback) callback.call(this, error);
    else if (error) throw error;
  }
}

/** Separates optional parameters from the callback. */
function argumentsOf<Callback extends (...args: never[]) => void>(
  parameters: Parameters | Callback | undefined,
  callback: Callback | undefined,
): [Parameters, Callback | undefined] {
  return typeof parameters === "function" ? [[], parameters] : [parameters ?? [], callback];
}
