import { hasMethods } from "../../util/check.ts";
import { DirectDriver } from "./direct.ts";
import type { Outcome, Parameter, Row, Statement } from "./driver.ts";
import { toPositional } from "./positional.ts";

type Result = readonly Row[] | { readonly affectedRows: number };

interface Command {
  readonly sql: string;
  readonly values?: readonly Parameter[];
}

/** The part of a connection of mysql2 that is used here. */
interface Connection {
  execute(command: Command, callback: (error: unknown, result: Result) => void): void;
  query(command: Command, callback: (error: unknown, result: Result) => void): void;
}

/** Options that the application may have set differently for all its statements. */
const PLAIN = {
  namedPlaceholders: false,
  nestTables: false,
  rowsAsArray: false,
  typeCast: (_field: unknown, next: () => unknown): unknown => next(),
};

/** Sends statements over connections of mysql2: prepared if they are fixed, or else as text. */
export class Mysql2Driver extends DirectDriver<Connection> {
  /** Whether a module is mysql2. */
  static fits(module: unknown): boolean {
    const { Connection } = (module ?? {}) as { Connection?: { prototype?: unknown } };
    return hasMethods(Connection?.prototype, ["execute", "query"]);
  }

  protected override sendOver(
    connection: Connection,
    { text }: Statement,
    parameters: readonly Parameter[],
    prepare: boolean,
  ): Promise<Outcome> {
    const command = parameters.length === 0 ? { sql: text } : toPositional(text, parameters);
    const method = prepare ? "execute" : "query";
    return new Promise((resolve, reject) => {
      connection[method]({ ...PLAIN, ...command }, (error, result) => {
        if (error) reject(error);
        else if ("affectedRows" in result) resolve({ rows: [], count: result.affectedRows });
        else resolve({ rows: result, count: 0 });
      });
    });
  }

  protected override isAboutPreparing(error: unknown): boolean {
    return isAboutPreparing(error);
  }
}

const PREPARING = new Set<unknown>([
  1243, // unknown prepared statement handler
  1461, // max_prepared_stmt_count is reached
  1615, // prepared statement needs to be prepared again
  1295, // the command is not supported in the prepared statement protocol
]);

/** Whether a statement was refused, before anything was done, because it was prepared. */
export function isAboutPreparing(error: unknown): boolean {
  return PREPARING.has((error as { errno?: unknown }).errno);
}
