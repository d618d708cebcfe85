// Statements for SQLite alone, which tells what rows it has updated since version 3.35.

import type { Buffer } from "node:buffer";
import type { Sequelize } from "sequelize";
import { libraryOf, type Replacement, type SessionModel, type Touch } from "../model.ts";
import type { SessionRow } from "../session_table.ts";
import { quotedTable, type SendOptions } from "./rows.ts";

/** What differs between the updates. */
interface Update {
  /** What each row's values are. */
  readonly columns: string;
  readonly set: string;
  /** A condition more. */
  readonly where: string;
  readonly values: readonly (string | Buffer)[][];
  readonly now: Date;
}

/** Statements that are sent for each request of a visitor. */
export class SqliteStatements {
  readonly #sequelize: Sequelize;
  readonly #table: string;

  constructor(model: SessionModel) {
    this.#sequelize = model.sequelize!;
    this.#table = quotedTable(model);
  }

  /** Reads the sessions among these tokens that are active at a moment. */
  findActive(
    tokens: readonly string[],
    now: Date,
    options: SendOptions,
  ): Promise<SessionRow[]> {
    const places = tokens.map((_, i) => `$${i + 2}`).join(", ");
    const sql = `SELECT \`token\`, \`data\`, \`expiry\` FROM ${this.#table}` +
      ` WHERE \`token\` IN (${places}) AND \`expiry\` > $1`;
    return this.#query(sql, [text(now), ...tokens], options);
  }

  /** Moves the expiries of sessions that are active; answers which were. */
  touch(
    rows: readonly Touch[],
    now: Date,
    options: SendOptions,
  ): Promise<Set<string>> {
    const values = rows.map(({ token, expiry }) => [token, text(expiry)]);
    const [columns, set] = ["`token`, `expiry`", "`expiry` = `new`.`expiry`"];
    return this.#update({ columns, set, where: "", values, now }, options);
  }

  /** Overwrites sessions that are active and hold what they should; answers which did. */
  replace(
    rows: readonly Replacement[],
    now: Date,
    options: SendOptions,
  ): Promise<Set<string>> {
    const values = rows.map((row) => [row.token, text(row.expiry), row.data, row.current]);
    const set = "`expiry` = `new`.`expiry`, `data` = `new`.`data`";
    const where = " AND +`old`.`data` = `new`.`current`";
    const columns = "`token`, `expiry`, `data`, `current`";
    return this.#update({ columns, set, where, values, now }, options);
  }

  async #update(
    { columns, set, where, values, now }: Update,
    { transaction }: SendOptions,
  ): Promise<Set<string>> {
    let n = 1;
    const rows = values.map((row) => `(${row.map(() => `$${++n}`).join(", ")})`);
    // The unary plus keeps the planner to the token's index: https://sqlite.org/optoverview.html#uplus
    const sql = `WITH \`new\` (${columns}) AS (VALUES ${rows.join(", ")})` +
      ` UPDATE ${this.#table} AS \`old\` SET ${set} FROM \`new\`` +
      ` WHERE \`old\`.\`token\` = \`new\`.\`token\`${where}` +
      ` AND +\`old\`.\`expiry\` > $1 RETURNING \`token\``;
    const updated = await this.#query(sql, [text(now), ...values.flat()], { transaction });
    return new Set(updated.map(({ token }) => token));
  }

  #query(sql: string, bind: unknown[], { transaction }: SendOptions): Promise<SessionRow[]> {
    return this.#sequelize.query<SessionRow>(sql, {
      bind,
      raw: true,
      transaction,
      type: libraryOf(this.#sequelize).QueryTypes.SELECT,
      // Spares a look-up of the column types.
      ...{ tableNames: [] },
    });
  }
}

/** A date as Sequelize writes it, since SQLite compares dates as text. */
function text(date: Date): string {
  return date.toISOString().replace("T", " ").replace("Z", " +00:00");
}
