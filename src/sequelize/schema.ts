// Making and dropping the table: for SequelizeStore.open() and for migrations.

import type { Transaction } from "sequelize";
import { retry } from "../util/retry.ts";
import { dialectOf } from "./dialects/mod.ts";
import { quotedTable } from "./dialects/rows.ts";
import { classify, driverError } from "./errors.ts";
import { libraryOf } from "./library.ts";
import { expiryIndex, type SessionModel } from "./model.ts";

/** Without a transaction of the caller's, no ambient one; and never a replica. */
interface QueryOptions {
  readonly transaction: Transaction | null;
  readonly useMaster: true;
}

const ALONE: QueryOptions = { transaction: null, useMaster: true };

/**
 * Creates the table and its index if they are missing. Any number of processes may do so at once: a process
 * that loses the race fails somewhere in between, retries, and finds the table.
 *
 * @param action Completes "Cannot ...".
 * @throws {Error} If there is a table of that name that is not a sessions table.
 */
export async function createSessionTable(
  model: SessionModel,
  action = "open the session store",
): Promise<void> {
  const fault = await retry(async () => {
    // Looked for first, because CREATE TABLE IF NOT EXISTS asks for the permission to create in any case.
    const found = await missingColumn(model, ALONE).then((fault) => ({ fault }), (error) => {
      if (isConnectionError(model, error)) throw error;
      return undefined;
    });
    if (found) return found.fault ?? await addMissingIndex(model, ALONE);
    await createTable(model, ALONE);
    await addExpiryIndex(model, ALONE);
    return undefined;
  }, (error) => !isConnectionError(model, error));
  if (fault !== undefined) throw wrongTable(action, model, fault);
}

/**
 * Does the same once, in a transaction; there, PostgreSQL takes no statement after one that has failed.
 *
 * @throws {Error} If there is a table of that name that is not a sessions table.
 */
export async function createSessionTableIn(
  transaction: Transaction,
  model: SessionModel,
  action: string,
): Promise<void> {
  const options: QueryOptions = { transaction, useMaster: true };
  // Changes no table that is there already.
  await createTable(model, options);
  const fault = await missingColumn(model, options) ?? await addMissingIndex(model, options);
  if (fault !== undefined) throw wrongTable(action, model, fault);
}

function wrongTable(action: string, model: SessionModel, fault: string): Error {
  const { tableName, schema } = placeOf(model);
  const name = schema === undefined ? tableName : `${schema}.${tableName}`;
  return new Error(`Cannot ${action}: the table '${name}' is not a sessions table: ${fault}`);
}

/** Drops the table, and with it the index; does nothing where there is none. */
export async function dropSessionTable(
  model: SessionModel,
  transaction: Transaction | null,
): Promise<void> {
  const queryInterface = model.sequelize!.getQueryInterface();
  await queryInterface.dropTable(model.getTableName(), { ...ALONE, transaction });
}

async function createTable(model: SessionModel, options: QueryOptions): Promise<void> {
  const queryInterface = model.sequelize!.getQueryInterface();
  await queryInterface.createTable(model.getTableName(), model.getAttributes(), options);
}

async function addExpiryIndex(model: SessionModel, options: QueryOptions): Promise<void> {
  const queryInterface = model.sequelize!.getQueryInterface();
  const { tableName, schema } = placeOf(model);
  const index = expiryIndex(model.sequelize!.getDialect(), tableName, schema);
  await queryInterface.addIndex(model.getTableName(), { ...index, ...options });
}

/** The table's name, and its schema if it was opened with one. */
function placeOf(model: SessionModel): { tableName: string; schema: string | undefined } {
  const name = model.getTableName();
  return typeof name === "string" ? { tableName: name, schema: undefined } : name;
}

/**
 * Probes the table with an impossible token. The probe finds the table wherever the store's own statements
 * do: through the search path or a synonym; Sequelize's `tableExists` looks in one schema only.
 *
 * @returns Which column the table lacks, as the end of an error message; `undefined` if it has them all.
 */
async function missingColumn(
  model: SessionModel,
  options: QueryOptions,
): Promise<string | undefined> {
  try {
    await model.findByPk("", { raw: true, ...options });
    return undefined;
  } catch (error) {
    const { code, errno, number, message = "" } = driverError(error);
    const isColumn = [code, errno, number].some((each) => NO_SUCH_COLUMN.includes(each)) ||
      SQLITE_NO_SUCH_COLUMN.test(message);
    // In whatever language the message is, it names the column.
    const [column] = isColumn ? /\b(token|data|expiry)\b/.exec(message) ?? [] : [];
    if (column === undefined) throw error;
    return `it has no column '${column}'`;
  }
}

/**
 * Adds an index on the expiry if there is none: any index that begins with the expiry will do, because
 * gormstore gave its own another name.
 *
 * @returns Why the rows cannot be upserted by their token, as the end of an error message, if so.
 */
async function addMissingIndex(
  model: SessionModel,
  options: QueryOptions,
): Promise<string | undefined> {
  const indexed = await indexedColumns(model, options);
  if (indexed === undefined) return undefined;
  if (!indexed.has("token")) {
    return "its column 'token' is not the primary key and has no unique index of its own";
  }
  if (!indexed.has("expiry")) await addExpiryIndex(model, options);
  return undefined;
}

/**
 * Looks at the indexes: "token" is among the results if a unique index is on it alone, and "expiry" if an
 * index begins with it.
 *
 * @returns `undefined` if the user may not look, or there is a synonym in between: the table must then be
 *   taken as it stands.
 */
async function indexedColumns(
  model: SessionModel,
  options: QueryOptions,
): Promise<Set<string> | undefined> {
  try {
    return model.sequelize!.getDialect() === "postgres"
      ? await postgresIndexedColumns(model, options)
      : await shownIndexedColumns(model, options);
  } catch (error) {
    const { code, number } = driverError(error);
    // Not in a transaction, which would be left unusable.
    if (options.transaction || !(CANNOT_LOOK.includes(code) || CANNOT_LOOK.includes(number))) {
      throw error;
    }
    return undefined;
  }
}

/** Sequelize's own look-up takes in the tables of that name in all schemas. */
async function postgresIndexedColumns(
  model: SessionModel,
  options: QueryOptions,
): Promise<Set<string>> {
  const table = model.sequelize!.escape(quotedTable(model));
  const isTokenAlone = `"i"."indisunique" AND "i"."indimmediate" AND "i"."indisvalid"` +
    // One entry for each column of the key, without those that are only included.
    ` AND "i"."indpred" IS NULL AND array_length("i"."indoption", 1) = 1`;
  const sql = `SELECT "a"."attname" AS "column" FROM "pg_catalog"."pg_index" AS "i"` +
    ` JOIN "pg_catalog"."pg_attribute" AS "a"` +
    ` ON "a"."attrelid" = "i"."indrelid" AND "a"."attnum" = "i"."indkey"[0]` +
    ` WHERE "i"."indrelid" = CAST(${table} AS regclass)` +
    ` AND ("a"."attname" = 'expiry' OR "a"."attname" = 'token' AND ${isTokenAlone})`;
  const type = libraryOf(model.sequelize!).QueryTypes.SELECT;
  const rows = await model.sequelize!.query<{ column: string }>(sql, {
    ...options,
    raw: true,
    type,
  });
  return new Set(rows.map(({ column }) => column));
}

interface ShownIndex {
  readonly unique: boolean;
  /** SQLite's, if the index leaves rows out. */
  readonly partial?: number;
  readonly fields: readonly {
    /** None for an expression. */
    readonly attribute?: string | null;
    /** MySQL's and MariaDB's, if the index is on the beginning of the column alone. */
    readonly length?: number | undefined;
  }[];
}

/** The longest token. */
const TOKEN_LENGTH = 255;

async function shownIndexedColumns(
  model: SessionModel,
  options: QueryOptions,
): Promise<Set<string>> {
  const queryInterface = model.sequelize!.getQueryInterface();
  const table = model.getTableName() as string;
  const indexes = await queryInterface.showIndex(table, options) as ShownIndex[];
  const columns = new Set<string>();
  for (const { unique, partial, fields } of indexes) {
    // These databases take a column whatever the case of its name.
    const column = fields[0]?.attribute?.toLowerCase();
    const isWhole = (fields[0]?.length ?? TOKEN_LENGTH) >= TOKEN_LENGTH;
    if (column === "expiry") columns.add(column);
    if (column === "token" && unique && !partial && fields.length === 1 && isWhole) {
      columns.add(column);
    }
  }
  return columns;
}

const NO_SUCH_COLUMN: readonly unknown[] = [
  "42703", // PostgreSQL
  1054, // MySQL, MariaDB
  207, // SQL Server
];
// SQLite has no code for it.
const SQLITE_NO_SUCH_COLUMN = /no such column/;

const CANNOT_LOOK: readonly unknown[] = [
  "42501", // PostgreSQL: the catalogs are not for this user
  229, // SQL Server: likewise
  15009, // SQL Server: sp_helpindex takes no synonym
];

function isConnectionError(model: SessionModel, error: unknown): boolean {
  return classify(error, dialectOf(model.sequelize!).errors) === "connection";
}
