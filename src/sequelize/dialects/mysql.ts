// Statements for MySQL and MariaDB alone, which do not tell what rows an UPDATE has met, but how many it has
// changed.

import type { Buffer } from "node:buffer";
import type { Sequelize, Transaction } from "sequelize";
import { libraryOf, type Replacement, type SessionModel, type Touch } from "../model.ts";
import type { SessionRow } from "../session_table.ts";
import { quotedTable, type SendOptions } from "./rows.ts";

/**
 * Statements that are sent for each request of a visitor; the updates are for two rows or more: of one,
 * Sequelize's own does it in fewer statements.
 */
export class MySqlStatements {
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
    { transaction }: SendOptions,
  ): Promise<SessionRow[]> {
    const active = this.#active(tokens.map((token) => ({ token })), now);
    // As text: what the drivers make of a date depends on the time zones of the application and of the
    // process, and on the type parsers that the application has set.
    const columns = "`token`, `data`, CAST(`expiry` AS CHAR) AS `expiry`";
    return this.#select(columns, `WHERE ${active}`, transaction);
  }

  /** Moves the expiries of sessions that are active; answers which were. */
  async touch(
    rows: readonly Touch[],
    now: Date,
    { transaction }: SendOptions,
  ): Promise<Set<string>> {
    const active = this.#active(rows, now);
    const changed = await this.#update(
      `SET ${this.#expiries(rows)} WHERE ${active}`,
      transaction,
    );
    if (changed === rows.length) return tokensOf(rows);
    // Some had this very expiry already, or were not there.
    return tokensOf(await this.#select("`token`", `WHERE ${active}`, transaction));
  }

  /**
   * Overwrites sessions that are active and hold what they should; answers which did. It locks them first:
   * once they are written it can no longer be told which were.
   */
  async replace(
    rows: readonly Replacement[],
    now: Date,
    { transaction }: SendOptions,
  ): Promise<Set<string>> {
    const holds = this.#case(rows, ({ current }) => `\`data\` = ${this.#escape(current)}`);
    return await this.#inTransaction(transaction, async (transaction) => {
      const condition = `WHERE ${this.#active(rows, now)} AND ${holds} FOR UPDATE`;
      const met = tokensOf(await this.#select("`token`", condition, transaction));
      const hits = rows.filter(({ token }) => met.has(token));
      if (hits.length > 0) {
        const data = this.#case(hits, ({ data }) => this.#escape(data));
        const set = `SET \`data\` = ${data}, ${this.#expiries(hits)}`;
        await this.#update(`${set} WHERE ${this.#among(hits)}`, transaction);
      }
      return met;
    });
  }

  /** Runs `work` in the caller's transaction, or else in one of its own. */
  async #inTransaction<T>(
    transaction: Transaction | null,
    work: (transaction: Transaction) => Promise<T>,
  ): Promise<T> {
    if (transaction) return await work(transaction);
    const own = await this.#sequelize.transaction();
    try {
      const result = await work(own);
      // By hand first: where Galera refuses it, as it does what another node has changed, Sequelize's own
      // would print that and end the connection.
      await this.#sequelize.query("COMMIT", { transaction: own });
      await own.commit();
      return result;
    } catch (error) {
      // Where the commit has failed, or the connection is lost, there is none to roll back.
      await own.rollback().catch(() => {});
      throw error;
    }
  }

  async #update(rest: string, transaction: Transaction | null): Promise<number> {
    const type = libraryOf(this.#sequelize).QueryTypes.BULKUPDATE;
    return await this.#sequelize.query(`UPDATE ${this.#table} ${rest}`, { transaction, type });
  }

  #select(
    columns: string,
    rest: string,
    transaction: Transaction | null,
  ): Promise<SessionRow[]> {
    const type = libraryOf(this.#sequelize).QueryTypes.SELECT;
    const options = { raw: true, transaction, type, useMaster: true } as const;
    return this.#sequelize.query(`SELECT ${columns} FROM ${this.#table} ${rest}`, options);
  }

  #among(rows: readonly { readonly token: string }[]): string {
    return `\`token\` IN (${rows.map(({ token }) => this.#escape(token)).join(", ")})`;
  }

  #active(rows: readonly { readonly token: string }[], now: Date): string {
    return `${this.#among(rows)} AND \`expiry\` > ${this.#escape(text(now))}`;
  }

  #expiries(rows: readonly Touch[]): string {
    return `\`expiry\` = ${this.#case(rows, ({ expiry }) => this.#escape(text(expiry)))}`;
  }

  /** An expression that has a value for each row. */
  #case<Row extends { readonly token: string }>(
    rows: readonly Row[],
    valueOf: (row: Row) => string,
  ): string {
    const cases = rows.map((row) => `WHEN ${this.#escape(row.token)} THEN ${valueOf(row)}`);
    return `CASE \`token\` ${cases.join(" ")} END`;
  }

  #escape(value: string | Buffer): string {
    return this.#sequelize.escape(value as string);
  }
}

function tokensOf(rows: readonly { readonly token: string }[]): Set<string> {
  return new Set(rows.map(({ token }) => token));
}

/** A date as the store writes it, in UTC whatever the server's time zone. */
function text(date: Date): string {
  return date.toISOString().replace("T", " ").replace("Z", "");
}
