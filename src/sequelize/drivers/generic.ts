import type { Sequelize, Transaction } from "sequelize";
import { libraryOf } from "../library.ts";
import { check, isNumber, type Rule } from "../../util/check.ts";
import { ask, on } from "./ask.ts";
import { logged } from "./log.ts";
import type { Driver, Outcome, Parameter, Row, Statement } from "./driver.ts";
import type { Ask, Primary } from "./primary.ts";

/** Writes a value as a literal of SQL. */
type Literal = (value: Parameter) => string;

/** A quoted name, which may hold a `$`. */
const QUOTED = /"[^"]*"|`[^`]*`/g;
/** The same, or a parameter. */
const PARAMETER = /"[^"]*"|`[^`]*`|\$(\d+)/g;

const COUNT: Rule<number> = { text: "a number", hasType: isNumber };

const NO_ROWS: readonly Row[] = [];

/** Sends statements by `sequelize.query`: for every dialect, driver and setting of Sequelize. */
export class GenericDriver implements Driver {
  readonly #sequelize: Sequelize;
  readonly #primary: Primary | undefined;
  readonly #literal: Literal | undefined;

  /**
   * @param primary Left out if the dialect has no standbys.
   * @param literal Writes a value into the text; by default values are bind parameters.
   */
  constructor(sequelize: Sequelize, primary?: Primary, literal?: Literal) {
    this.#sequelize = sequelize;
    this.#primary = primary;
    this.#literal = literal;
  }

  async send(
    statement: Statement,
    parameters: readonly Parameter[],
    transaction: Transaction | null,
  ): Promise<Outcome> {
    if (transaction || !this.#primary) return await this.#send(statement, parameters, transaction);
    return await this.#primary.lend(
      statement.returns === "rows",
      this.#ask,
      (connection) => this.#send(statement, parameters, on(connection)),
    );
  }

  async reachPrimary(): Promise<void> {
    await this.#primary?.lend(true, this.#ask, () => Promise.resolve());
  }

  async transact<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const own = await this.#sequelize.transaction();
    const { connection } = own as unknown as { connection: object };
    try {
      await this.#primary?.check(connection, true, this.#ask);
      const result = await work(own);
      // COMMIT is sent by hand first. Galera refuses it if another node has changed the same rows, and Sequelize's
      // own commit would then print the error and end the connection.
      await this.#sequelize.query("COMMIT", { transaction: own });
      await own.commit();
      return result;
    } catch (error) {
      // If the commit has failed, or the connection is lost, there is nothing to roll back.
      if (!this.#primary?.evictAfter(error, connection)) await own.rollback().catch(() => {});
      throw error;
    }
  }

  readonly #ask: Ask = (connection, statement) => ask(this.#sequelize, connection, statement);

  async #send(
    { text, returns }: Statement,
    parameters: readonly Parameter[],
    transaction: Transaction | null,
  ): Promise<Outcome> {
    const { SELECT, BULKUPDATE } = libraryOf(this.#sequelize).QueryTypes;
    const { sql, bind } = this.#bind(text, parameters);
    const options = {
      ...(bind && { bind }),
      logging: false,
      raw: true,
      transaction,
      // What Sequelize returns: the rows, or the number of rows that were changed.
      type: returns === "rows" ? SELECT : BULKUPDATE,
      // A session must be readable as soon as it is written: from the primary, even if this is a SELECT.
      useMaster: true,
      // Saves SQLite a look-up of the column types for each statement.
      tableNames: [],
    };
    const send = (): Promise<unknown> => this.#sequelize.query(sql, options);
    const result = await logged(this.#sequelize, sql, bind ?? [], send);
    if (returns === "rows") return { rows: result as readonly Row[], count: 0 };
    check("read the result", "the number of changed rows", result, COUNT);
    return { rows: NO_ROWS, count: result };
  }

  /** Prepares the text for `sequelize.query`, and the parameters if they are bound. */
  #bind(
    text: string,
    parameters: readonly Parameter[],
  ): { readonly sql: string; readonly bind?: Parameter[] } {
    const literal = this.#literal;
    // Without parameters, a `$` in the text is part of a literal.
    if (parameters.length === 0) return { sql: text };
    if (literal === undefined) {
      // Sequelize also looks for parameters in quoted names, unless their `$` is doubled.
      const sql = text.replace(QUOTED, (name) => name.replace(/\B\$/g, "$$$$"));
      return { sql, bind: [...parameters] };
    }
    return {
      sql: text.replace(PARAMETER, (quoted, n) => n ? literal(parameters[n - 1]!) : quoted),
    };
  }
}
