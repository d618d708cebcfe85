import { hasMethods } from "../../util/check.ts";
import { DirectDriver } from "./direct.ts";
import type { Outcome, Parameter, Row, Statement } from "./driver.ts";
import { isAboutPreparing } from "./mysql2.ts";
import { toPositional } from "./positional.ts";

type Result = readonly Row[] | { readonly affectedRows: number };

/** The part of a connection of the mariadb driver that is used here. */
interface Connection {
  execute(command: object, values: readonly Parameter[]): Promise<Result>;
  query(command: object, values?: readonly Parameter[]): Promise<Result>;
}

/** Options that the application may have set differently for all its statements. */
const PLAIN = {
  metaAsArray: false,
  namedPlaceholders: false,
  nestTables: false,
  rowsAsArray: false,
  typeCast: undefined,
};

/** Sends statements over connections of the mariadb driver: prepared if they are fixed, or else as text. */
export class MariadbDriver extends DirectDriver<Connection> {
  /** Whether a module is the mariadb driver. */
  static fits(module: unknown): boolean {
    return hasMethods(module, ["createConnection", "importFile"]);
  }

  protected override async sendOver(
    connection: Connection,
    { text }: Statement,
    parameters: readonly Parameter[],
    prepare: boolean,
  ): Promise<Outcome> {
    const { sql, values } = parameters.length === 0
      ? { sql: text, values: [] }
      : toPositional(text, parameters);
    const result = await connection[prepare ? "execute" : "query"]({ ...PLAIN, sql }, values);
    return "affectedRows" in result
      ? { rows: [], count: result.affectedRows }
      : { rows: result, count: 0 };
  }

  protected override isAboutPreparing(error: unknown): boolean {
    return isAboutPreparing(error);
  }
}
