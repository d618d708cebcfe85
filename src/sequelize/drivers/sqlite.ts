import { hasMethods } from "../../util/check.ts";
import { DirectDriver } from "./direct.ts";
import type { Outcome, Parameter, Row, Statement } from "./driver.ts";

type Callback = (
  this: { readonly changes?: number },
  error: unknown,
  rows?: readonly Row[],
) => void;

/** As much of a prepared statement of sqlite3 as is used. */
interface Prepared {
  all(values: readonly Parameter[], callback: Callback): void;
  run(values: readonly Parameter[], callback: Callback): void;
  finalize(): void;
}

/** As much of a database of sqlite3 as is used. */
interface Database {
  all(text: string, values: readonly Parameter[], callback: Callback): void;
  run(text: string, values: readonly Parameter[], callback: Callback): void;
  /** Missing if the module keeps prepared statements by itself, as `./node-sqlite` does. */
  prepare?(text: string, callback: (error: unknown) => void): Prepared;
  close(callback?: (error: unknown) => void): unknown;
}

/** A prepared statement of a database. */
interface Entry {
  readonly prepared: Prepared;
  /** Rejects if it cannot be prepared: calls on it would then never be answered. */
  readonly ready: Promise<void>;
}

/** Sends statements over databases of sqlite3, or of a module that has its interface. */
export class SqliteDriver extends DirectDriver<Database> {
  readonly #entries = new WeakMap<Database, Map<string, Entry>>();

  /** Whether a module is sqlite3, or has its interface. */
  static fits(module: unknown): boolean {
    const { Database } = (module ?? {}) as { Database?: { prototype?: unknown } };
    return hasMethods(Database?.prototype, ["all", "run"]);
  }

  protected override async sendOver(
    connection: Database,
    { text, returns }: Statement,
    parameters: readonly Parameter[],
    prepare: boolean,
  ): Promise<Outcome> {
    // `all` does not tell how many rows were changed, and `run` reads none.
    const method = returns === "rows" ? "all" : "run";
    if (!prepare || !connection.prepare) {
      return await outcomeOf((done) => connection[method](text, parameters, done));
    }
    const entries = this.#entriesOf(connection);
    const entry = entries.get(text) ?? prepareOn(connection, text, entries);
    try {
      await entry.ready;
      return await outcomeOf((done) => entry.prepared[method](parameters, done));
    } catch (error) {
      // sqlite3 does not reset a statement that has failed, which would keep its lock on the file.
      if (entries.get(text) === entry) {
        entries.delete(text);
        entry.prepared.finalize();
      }
      throw error;
    }
  }

  protected override isAboutPreparing(): boolean {
    return false;
  }

  #entriesOf(connection: Database): Map<string, Entry> {
    let entries = this.#entries.get(connection);
    if (entries === undefined) {
      this.#entries.set(connection, entries = new Map());
      finalizeOnClose(connection, entries);
    }
    return entries;
  }
}

function outcomeOf(send: (done: Callback) => void): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    send(function (error, rows = []): void {
      if (error) reject(error);
      else resolve({ rows, count: this.changes ?? 0 });
    });
  });
}

function prepareOn(connection: Database, text: string, entries: Map<string, Entry>): Entry {
  let prepared!: Prepared;
  const ready = new Promise<void>((resolve, reject) => {
    prepared = connection.prepare!(text, (error) => error ? reject(error) : resolve());
  });
  const entry = { prepared, ready };
  entries.set(text, entry);
  return entry;
}

/** SQLite refuses to close a database that has prepared statements. */
function finalizeOnClose(connection: Database, entries: Map<string, Entry>): void {
  const { close } = connection;
  connection.close = (callback) => {
    for (const { prepared } of entries.values()) prepared.finalize();
    entries.clear();
    return close.call(connection, callback);
  };
}
