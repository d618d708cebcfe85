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

/** Sends statements over databases of sqlite3, or of what has its interface. */
export class SqliteDriver extends DirectDriver<Database> {
  readonly #prepared = new WeakMap<Database, Map<string, Prepared>>();

  /** Whether a module is sqlite3, or has its interface. */
  static fits(module: unknown): boolean {
    const { Database } = (module ?? {}) as { Database?: { prototype?: unknown } };
    return hasMethods(Database?.prototype, ["all", "run"]);
  }

  protected override sendOver(
    connection: Database,
    { text, returns }: Statement,
    parameters: readonly Parameter[],
    prepare: boolean,
  ): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const done: Callback = function (error, rows = []): void {
        if (error) reject(error);
        else resolve({ rows, count: this.changes ?? 0 });
      };
      // `all` does not tell how many rows were changed, and `run` reads none.
      const method = returns === "rows" ? "all" : "run";
      if (prepare && connection.prepare) {
        this.#prepare(connection, text, reject)[method](parameters, done);
      } else connection[method](text, parameters, done);
    });
  }

  protected override isAboutPreparing(): boolean {
    return false;
  }

  #prepare(connection: Database, text: string, onError: (error: unknown) => void): Prepared {
    let all = this.#prepared.get(connection);
    if (all === undefined) {
      this.#prepared.set(connection, all = new Map());
      finalizeOnClose(connection, all);
    }
    let prepared = all.get(text);
    if (prepared === undefined) {
      const known = all;
      prepared = connection.prepare!(text, (error) => {
        if (!error) return;
        known.delete(text);
        onError(error);
      });
      all.set(text, prepared);
    }
    return prepared;
  }
}

/** SQLite refuses to close a database that has prepared statements. */
function finalizeOnClose(connection: Database, prepared: Map<string, Prepared>): void {
  const { close } = connection;
  connection.close = (callback) => {
    for (const statement of prepared.values()) statement.finalize();
    prepared.clear();
    return close.call(connection, callback);
  };
}
