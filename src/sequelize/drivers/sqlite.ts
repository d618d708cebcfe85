import { hasMethods } from "../../util/check.ts";
import { DirectDriver } from "./direct.ts";
import type { Outcome, Parameter, Row, Statement } from "./driver.ts";

type Callback = (
  this: { readonly changes?: number },
  error: unknown,
  rows?: readonly Row[],
) => void;

/** The part of a database of sqlite3 that is used here. */
interface Database {
  all(text: string, values: readonly Parameter[], callback: Callback): void;
  run(text: string, values: readonly Parameter[], callback: Callback): void;
  serialize(callback: () => void): void;
}

/**
 * Sends statements over databases of sqlite3, or of a module that has its interface.
 *
 * It keeps no prepared statements, although they would take a third of the time on sqlite3. There, a statement that
 * is refused as busy stays open until the main thread resets it. Until then, SQLite commits no other statement of the
 * connection, although it reports them as done. `./node-sqlite` keeps prepared statements itself.
 */
export class SqliteDriver extends DirectDriver<Database> {
  /** Whether a module is sqlite3, or has its interface. */
  static fits(module: unknown): boolean {
    const { Database } = (module ?? {}) as { Database?: { prototype?: unknown } };
    return hasMethods(Database?.prototype, ["all", "run", "serialize"]);
  }

  protected override sendOver(
    connection: Database,
    { text, returns }: Statement,
    parameters: readonly Parameter[],
  ): Promise<Outcome> {
    // `all` does not report how many rows were changed, and `run` reads none.
    const method = returns === "rows" ? "all" : "run";
    return new Promise((resolve, reject) => {
      // One after another, as Sequelize sends them.
      connection.serialize(() => {
        connection[method](text, parameters, function (error, rows = []): void {
          if (error) reject(error);
          else resolve({ rows, count: this.changes ?? 0 });
        });
      });
    });
  }

  protected override isAboutPreparing(): boolean {
    return false;
  }
}
