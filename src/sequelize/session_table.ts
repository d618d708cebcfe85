// The statements on the sessions table, one statement a method.

import type { Buffer } from "node:buffer";
import type {
  FindAttributeOptions,
  literal,
  Op,
  ProjectionAlias,
  QueryInterface,
  Sequelize,
  TableName,
  Transaction,
  WhereOptions,
} from "sequelize";
import { isTransient } from "./errors.ts";
import { MySqlStatements } from "./dialects/mysql.ts";
import { PostgresStatements } from "./dialects/postgres.ts";
import { redact } from "./redact.ts";
import { retry } from "../util/retry.ts";
import { SqliteStatements } from "./dialects/sqlite.ts";
import {
  isMySql,
  libraryOf,
  type Replacement,
  type SessionAttributes,
  type SessionModel,
  type Touch,
} from "./model.ts";

/** A row as Sequelize reads it without building an instance. */
export interface SessionRow {
  readonly token: string;
  readonly data: Buffer;
  /** As text where the database has no type for it, or is asked for text. */
  readonly expiry: Date | string;
}

/** What Sequelize has where nothing else is set. */
const SEQUELIZE_POOL_SIZE = 5;

interface SequelizeOptions {
  readonly dialectOptions?: { readonly prependSearchPath?: boolean };
}

type Statements = PostgresStatements | SqliteStatements | MySqlStatements;
type Where = WhereOptions<SessionAttributes>;
type InTransaction = Transaction | null | undefined;

/**
 * Reads and writes the rows of a {@linkcode SessionModel}, each method by one statement. What is called
 * most goes to Sequelize's query interface, which spares the building of instances.
 */
export class SessionTable {
  readonly #model: SessionModel;
  readonly #queryInterface: QueryInterface;
  readonly #name: TableName;
  readonly #attributes: ReturnType<SessionModel["getAttributes"]>;
  readonly #library: ReturnType<typeof libraryOf>;
  readonly #op: typeof Op;
  readonly #dialect: string;
  readonly #columns: FindAttributeOptions;
  readonly #postgres: PostgresStatements | undefined;
  /** What is sent most, in the form that the dialect is fastest with. */
  readonly #statements: Statements | undefined;

  constructor(model: SessionModel) {
    this.#model = model;
    this.#queryInterface = model.sequelize!.getQueryInterface();
    this.#name = model.getTableName();
    this.#attributes = model.getAttributes();
    this.#dialect = model.sequelize!.getDialect();
    this.#library = libraryOf(model.sequelize!);
    const { cast, col, Op } = this.#library;
    this.#op = Op;
    // As text: what the drivers of MySQL and MariaDB make of a date depends on the time zones of the
    // application and of the process, and on the type parsers that the application has set.
    const expiry: ProjectionAlias = [cast(col("expiry"), "char"), "expiry"];
    this.#columns = ["token", "data", isMySql(this.#dialect) ? expiry : "expiry"];
    if (takesPostgresStatements(model.sequelize!)) this.#postgres = new PostgresStatements(model);
    this.#statements = this.#postgres;
    if (this.#dialect === "sqlite") this.#statements = new SqliteStatements(model);
    if (isMySql(this.#dialect)) this.#statements = new MySqlStatements(model);
  }

  /** Whether several rows can be upserted by one statement. Sequelize cannot on SQL Server. */
  get hasMultiRowUpsert(): boolean {
    return this.#dialect !== "mssql";
  }

  /** Whether several rows can be updated at once, each to values of its own, and it be told which were met. */
  get hasMultiRowUpdate(): boolean {
    return this.#statements !== undefined;
  }

  /** How many connections Sequelize opens at most. */
  get poolSize(): number {
    return this.#model.sequelize!.config.pool?.max ?? SEQUELIZE_POOL_SIZE;
  }

  /** The active sessions among these tokens. */
  findActive(tokens: readonly string[], transaction?: InTransaction): Promise<SessionRow[]> {
    const statements = this.#statements;
    if (statements === undefined) {
      return this.#select({ token: [...tokens], ...this.#active() }, transaction);
    }
    return this.#send(transaction, (call) => statements.findActive(tokens, new Date(), call));
  }

  /** All active sessions. */
  findAllActive(transaction?: InTransaction): Promise<SessionRow[]> {
    return this.#select(this.#active(), transaction);
  }

  /** The active sessions whose tokens come after one, in order. */
  findActiveAfter(
    token: string,
    limit: number,
    transaction?: InTransaction,
  ): Promise<SessionRow[]> {
    const where = { token: { [this.#op.gt]: token }, ...this.#active() };
    return this.#select(where, transaction, { order: ["token"], limit });
  }

  /** The tokens of the sessions that expired first, up to `now`. */
  async findExpired(now: Date, limit: number, transaction?: InTransaction): Promise<string[]> {
    const rows = await this.#select(this.#expired(now), transaction, {
      attributes: ["token"],
      order: ["expiry"],
      limit,
    });
    return rows.map(({ token }) => token);
  }

  /** Inserts rows, or overwrites data and expiry of those that are there. */
  upsert(rows: readonly SessionAttributes[], transaction?: InTransaction): Promise<void> {
    return this.#send(transaction, async (call) => {
      if (this.#postgres) {
        await this.#postgres.upsert(rows, call);
      } else if (this.hasMultiRowUpsert) {
        const options = { ...call, updateOnDuplicate: ["data", "expiry"], upsertKeys: ["token"] };
        const values = rows.map((row) => ({ ...row, expiry: this.#literal(row.expiry) }));
        await this.#queryInterface.bulkInsert(this.#name, values, options, this.#attributes);
      } else {
        const options = { ...call, hooks: false, returning: false, validate: false };
        for (const row of rows) await this.#model.upsert(row, options);
      }
    });
  }

  /** Deletes the rows of these tokens. */
  async delete(tokens: readonly string[], transaction?: InTransaction): Promise<void> {
    const postgres = this.#postgres;
    if (postgres) await this.#send(transaction, (call) => postgres.delete(tokens, call));
    else await this.#destroy({ token: [...tokens] }, transaction);
  }

  /** Deletes the rows of these tokens that are expired still: one may have been extended meanwhile. */
  deleteExpired(
    tokens: readonly string[],
    now: Date,
    transaction?: InTransaction,
  ): Promise<number> {
    const postgres = this.#postgres;
    if (postgres) {
      return this.#send(transaction, (call) => postgres.deleteExpired(tokens, now, call));
    }
    return this.#destroy({ token: [...tokens], ...this.#expired(now) }, transaction);
  }

  /**
   * Moves the expiries of sessions that are active; answers with the tokens of those that were. Takes one
   * at a time, unless {@linkcode SessionTable.hasMultiRowUpdate}.
   */
  async touch(rows: readonly Touch[], transaction?: InTransaction): Promise<Set<string>> {
    const updates = this.#updatesFor(rows);
    if (updates) {
      return await this.#send(transaction, (call) => updates.touch(rows, new Date(), call));
    }
    const [{ token, expiry }] = rows as [Touch];
    const isMet = await this.#update({ expiry }, { token, ...this.#active() }, true, transaction);
    return new Set(isMet ? [token] : []);
  }

  /**
   * Overwrites sessions that are active and hold `current`; answers with the tokens of those that did. Takes
   * one at a time, unless {@linkcode SessionTable.hasMultiRowUpdate}.
   */
  async replace(
    rows: readonly Replacement[],
    transaction?: InTransaction,
  ): Promise<Set<string>> {
    const updates = this.#updatesFor(rows);
    if (updates) {
      return await this.#send(transaction, (call) => updates.replace(rows, new Date(), call));
    }
    const [{ token, data, expiry, current }] = rows as [Replacement];
    const where = { token, data: current, ...this.#active() };
    const sameData = data.equals(current);
    const isMet = await this.#update({ data, expiry }, where, sameData, transaction);
    return new Set(isMet ? [token] : []);
  }

  #updatesFor(rows: readonly unknown[]): Statements | undefined {
    return rows.length === 1 && isMySql(this.#dialect) ? undefined : this.#statements;
  }

  /** A date as Sequelize writes it, which takes it a third of the time that a large upsert takes here. */
  #literal(date: Date): ReturnType<typeof literal> {
    const iso = date.toISOString().replace("T", " ");
    return this.#library.literal(`'${iso.replace("Z", isMySql(this.#dialect) ? "" : " +00:00")}'`);
  }

  #active(): { expiry: { [op: symbol]: Date } } {
    return { expiry: { [this.#op.gt]: new Date() } };
  }

  #expired(now: Date): { expiry: { [op: symbol]: Date } } {
    return { expiry: { [this.#op.lte]: now } };
  }

  #select(
    where: Where,
    transaction: InTransaction,
    options: { attributes?: string[]; order?: string[]; limit?: number } = {},
  ): Promise<SessionRow[]> {
    const query = {
      attributes: this.#columns,
      ...options,
      where,
      raw: true,
      // On the primary: a session must be readable as soon as it was written.
      useMaster: true,
      // Spares SQLite a look-up of the column types for each statement; raw rows don't need them.
      tableNames: [],
    };
    return this.#send(transaction, async (call) => {
      const options = { ...query, ...call };
      return await this.#queryInterface.select(this.#model, this.#name, options) as SessionRow[];
    });
  }

  #destroy(where: Where, transaction: InTransaction): Promise<number> {
    return this.#send(
      transaction,
      (call) => this.#model.destroy({ ...call, where, hooks: false }),
    );
  }

  /**
   * Updates the row that meets a condition; answers whether one did.
   *
   * @param mayChangeNothing Whether the row may hold these very values already. MySQL and MariaDB count
   *   only rows that change, so that where they count none the row is looked for once more.
   */
  async #update(
    values: Partial<SessionAttributes>,
    where: Where,
    mayChangeNothing: boolean,
    transaction: InTransaction,
  ): Promise<boolean> {
    const [updated] = await this.#send(transaction, (call) => {
      // Without bind parameters: mysql2 would prepare a statement for each time of day that it meets in
      // the condition, and the server keeps them all.
      const options = { ...call, where, hooks: false, validate: false, bindParam: false };
      return this.#model.update(values, options);
    });
    if (updated > 0) return true;
    if (!mayChangeNothing || !isMySql(this.#dialect)) return false;
    const found = await this.#select(where, transaction, { attributes: ["token"] });
    return found.length > 0;
  }

  /** In a transaction nothing is sent again: the database may have rolled back what came before. */
  async #send<T>(
    transaction: InTransaction,
    statement: (call: { transaction: Transaction | null }) => Promise<T>,
  ): Promise<T> {
    try {
      if (transaction) return await statement({ transaction });
      // null, not undefined: or Sequelize would look for an ambient (CLS) transaction.
      return await retry(() => statement({ transaction: null }), isTransient);
    } catch (error) {
      throw redact(error);
    }
  }
}

/**
 * With a search path that Sequelize puts before each statement, it is no longer one: PostgreSQL takes bind
 * parameters for one only.
 */
function takesPostgresStatements(sequelize: Sequelize): boolean {
  const { options } = sequelize as unknown as { options: SequelizeOptions };
  return sequelize.getDialect() === "postgres" && !options.dialectOptions?.prependSearchPath;
}
