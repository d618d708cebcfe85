// Statements for PostgreSQL alone. Their text does not grow with their values, which are bind parameters of
// unnamed statements: the server prepares nothing that outlives them, so that they pass through a pooler
// in transaction mode. Text in place of `bytea` and `timestamptz` where both ends convert it faster.

import { Buffer } from "node:buffer";
import type { Sequelize } from "sequelize";
import {
  libraryOf,
  type Replacement,
  type SessionAttributes,
  type SessionModel,
  type Touch,
} from "../model.ts";
import { quotedTable, type SendOptions } from "./rows.ts";

/** What `find` reads. */
interface FoundRow {
  readonly token: string;
  /** `null` where somebody else has made the table, and the row. */
  readonly data: string | null;
  /** Seconds; as text where the application has replaced the parser of numbers. */
  readonly expiry: number | string;
}

/** The statements that are sent for each request of a visitor. */
export class PostgresStatements {
  readonly #sequelize: Sequelize;
  readonly #table: string;

  constructor(model: SessionModel) {
    this.#sequelize = model.sequelize!;
    this.#table = quotedTable(model);
  }

  /** Reads the sessions among these tokens that are active at a moment. */
  async findActive(
    tokens: readonly string[],
    now: Date,
    options: SendOptions,
  ): Promise<{ token: string; data: Buffer; expiry: Date }[]> {
    const sql = `SELECT "token", encode("data", 'base64') AS "data",` +
      ` date_part('epoch', "expiry") AS "expiry" FROM ${this.#table}` +
      ` WHERE "token" = ANY($1) AND "expiry" > $2`;
    const rows = await this.#query<FoundRow>(sql, [tokens, now.toISOString()], options);
    return rows.map(({ token, data, expiry }) => ({
      token,
      data: Buffer.from(data ?? "", "base64"),
      expiry: new Date(Math.round(Number(expiry) * 1000)),
    }));
  }

  /** Inserts rows, or overwrites those that are there. */
  async upsert(rows: readonly SessionAttributes[], options: SendOptions): Promise<void> {
    const values = rows.map((_, i) => `($${3 * i + 1}, $${3 * i + 2}, $${3 * i + 3})`);
    const sql = `INSERT INTO ${this.#table} ("token", "data", "expiry") VALUES ${values.join()}` +
      ` ON CONFLICT ("token") DO UPDATE SET "data" = EXCLUDED."data", "expiry" = EXCLUDED."expiry"`;
    const bind = rows.flatMap(({ token, data, expiry }) => [token, data, expiry.toISOString()]);
    await this.#query(sql, bind, options);
  }

  /** Deletes the rows of these tokens. */
  async delete(tokens: readonly string[], options: SendOptions): Promise<void> {
    await this.#query(`DELETE FROM ${this.#table} WHERE "token" = ANY($1)`, [tokens], options);
  }

  /** Deletes those rows among these tokens that have expired; answers how many did. */
  async deleteExpired(
    tokens: readonly string[],
    now: Date,
    { transaction }: SendOptions,
  ): Promise<number> {
    const sql = `DELETE FROM ${this.#table} WHERE "token" = ANY($1) AND "expiry" <= $2`;
    const type = libraryOf(this.#sequelize).QueryTypes.BULKDELETE;
    const options = { bind: [tokens, now.toISOString()], transaction, type };
    return await this.#sequelize.query(sql, options) as unknown as number;
  }

  /** Moves the expiries of sessions that are active; answers which were. */
  async touch(
    rows: readonly Touch[],
    now: Date,
    options: SendOptions,
  ): Promise<Set<string>> {
    const sql = `UPDATE ${this.#table} AS "old" SET "expiry" = "new"."expiry"` +
      ` FROM unnest($1::text[], $2::timestamptz[]) AS "new" ("token", "expiry")` +
      ` WHERE "old"."token" = "new"."token" AND "old"."expiry" > $3 RETURNING "old"."token"`;
    const bind = [tokensOf(rows), expiriesOf(rows), now.toISOString()];
    return new Set(tokensOf(await this.#query<SessionAttributes>(sql, bind, options)));
  }

  /** Overwrites sessions that are active and hold what they should; answers which did. */
  async replace(
    rows: readonly Replacement[],
    now: Date,
    options: SendOptions,
  ): Promise<Set<string>> {
    const sql = `UPDATE ${this.#table} AS "old"` +
      ` SET "data" = decode("new"."data", 'base64'), "expiry" = "new"."expiry"` +
      ` FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])` +
      ` AS "new" ("token", "current", "data", "expiry") WHERE "old"."token" = "new"."token"` +
      ` AND "old"."data" = decode("new"."current", 'base64') AND "old"."expiry" > $5` +
      ` RETURNING "old"."token"`;
    const current = rows.map(({ current }) => current.toString("base64"));
    const data = rows.map(({ data }) => data.toString("base64"));
    const bind = [tokensOf(rows), current, data, expiriesOf(rows), now.toISOString()];
    return new Set(tokensOf(await this.#query<SessionAttributes>(sql, bind, options)));
  }

  async #query<Row>(sql: string, bind: unknown[], { transaction }: SendOptions): Promise<Row[]> {
    const type = libraryOf(this.#sequelize).QueryTypes.SELECT;
    // A write, too, is a SELECT to Sequelize, whose rows are read; on the primary, all the same.
    const options = { bind, raw: true, transaction, type, useMaster: true };
    return await this.#sequelize.query(sql, options) as unknown as Row[];
  }
}

function tokensOf(rows: readonly { readonly token: string }[]): string[] {
  return rows.map(({ token }) => token);
}

function expiriesOf(rows: readonly { readonly expiry: Date }[]): string[] {
  return rows.map(({ expiry }) => expiry.toISOString());
}
