// Creates and drops the table, for SequelizeStore.open() and for migrations.

import type { DataType, ModelAttributeColumnOptions, Transaction } from "sequelize";
import { retry } from "../util/retry.ts";
import { dialectOf, type QueryOptions } from "./dialects/mod.ts";
import { classify, driverError, type ErrorClass } from "./errors.ts";
import { type IndexedColumn, indexOn } from "./define_model.ts";
import { hasOwners, type SessionModel } from "./model.ts";

/** For calls without the caller's transaction: they do not join an ambient one. */
const ALONE: QueryOptions = { transaction: null, useMaster: true };

/** The columns that every sessions table has. */
const COLUMNS = ["token", "data", "expiry"];

/**
 * Creates the table, its columns and its indexes if they are missing. Any number of processes may do so at once: a
 * process that loses the race fails at some step, retries, and finds the table.
 *
 * @param action Completes "Cannot ...".
 * @throws {Error} If a table of that name exists that is not a sessions table.
 */
export async function createSessionTable(
  model: SessionModel,
  action = "open the session store",
): Promise<void> {
  const fault = await retry(async () => {
    // The table is looked for first, because CREATE TABLE IF NOT EXISTS always needs the permission to create.
    const found = await missingColumn(model, ALONE).then((fault) => ({ fault }), (error) => {
      if (isConnectionError(model, error)) throw error;
      return undefined;
    });
    if (found) return found.fault ?? await addMissing(model, ALONE);
    await createTable(model, ALONE);
    await addIndex("expiry", model, ALONE);
    if (hasOwners(model)) await addIndex("owner", model, ALONE);
    return undefined;
  }, (error) => !isConnectionError(model, error));
  if (fault !== undefined) throw wrongTable(action, model, fault);
}

/**
 * Does the same in a transaction, without retries: PostgreSQL accepts no statement there after one that has failed.
 *
 * @throws {Error} If a table of that name exists that is not a sessions table.
 */
export async function createSessionTableIn(
  transaction: Transaction,
  model: SessionModel,
  action: string,
): Promise<void> {
  const options: QueryOptions = { transaction, useMaster: true };
  // Does not change an existing table.
  await createTable(model, options);
  const fault = await missingColumn(model, options) ?? await addMissing(model, options);
  if (fault !== undefined) throw wrongTable(action, model, fault);
}

function wrongTable(action: string, model: SessionModel, fault: string): Error {
  const { tableName, schema } = placeOf(model);
  const name = schema === undefined ? tableName : `${schema}.${tableName}`;
  return new Error(`Cannot ${action}: the table '${name}' is not a sessions table: ${fault}`);
}

/** Drops the table, including its indexes; does nothing if there is none. */
export async function dropSessionTable(
  model: SessionModel,
  transaction: Transaction | null,
): Promise<void> {
  const queryInterface = model.sequelize!.getQueryInterface();
  await queryInterface.dropTable(model.getTableName(), { ...ALONE, transaction });
}

async function createTable(model: SessionModel, options: QueryOptions): Promise<void> {
  const queryInterface = model.sequelize!.getQueryInterface();
  const attributes = await attributesFor(model, options);
  await queryInterface.createTable(model.getTableName(), attributes, options);
}

/** The columns, with the types that this server needs. */
async function attributesFor(
  model: SessionModel,
  options: QueryOptions,
): Promise<Record<string, ModelAttributeColumnOptions>> {
  const sequelize = model.sequelize!;
  const types: Record<string, DataType | undefined> =
    await dialectOf(sequelize).otherTypes?.(sequelize, options) ?? {};
  const columns = Object.entries(model.getAttributes());
  return Object.fromEntries(columns.map(([name, column]) => {
    return [name, { ...column, type: types[name] ?? column.type }];
  }));
}

async function addIndex(
  column: IndexedColumn,
  model: SessionModel,
  options: QueryOptions,
): Promise<void> {
  const queryInterface = model.sequelize!.getQueryInterface();
  const { tableName, schema } = placeOf(model);
  const index = indexOn(column, model.sequelize!, tableName, schema);
  await queryInterface.addIndex(model.getTableName(), { ...index, ...options });
}

/** The table's name, and its schema if it was opened with one. */
function placeOf(model: SessionModel): { tableName: string; schema: string | undefined } {
  const name = model.getTableName();
  return typeof name === "string" ? { tableName: name, schema: undefined } : name;
}

/**
 * Probes the table with an impossible token. The probe finds the table in the same way as the store's statements,
 * through the search path or a synonym. Sequelize's `tableExists` looks in one schema only.
 *
 * @returns Which column the table lacks, as the end of an error message; `undefined` if it has them all.
 */
async function missingColumn(
  model: SessionModel,
  options: QueryOptions,
  columns = COLUMNS,
): Promise<string | undefined> {
  try {
    await model.findByPk("", { attributes: columns, raw: true, ...options });
    return undefined;
  } catch (error) {
    // The message may be in any language, but it names the column.
    const [column] = classOf(model, error) === "no-column"
      ? /\b(token|data|expiry|owner)\b/.exec(driverError(error).message ?? "") ?? []
      : [];
    if (column === undefined) throw error;
    return `it has no column '${column}'`;
  }
}

/**
 * Adds the owner's column and the indexes that are missing. Any index that begins with the column is enough, because
 * gormstore gives its own index another name.
 *
 * @returns Why the rows cannot be upserted by their token, as the end of an error message; `undefined` if they can.
 */
async function addMissing(
  model: SessionModel,
  options: QueryOptions,
): Promise<string | undefined> {
  const indexed = await dialectOf(model.sequelize!).indexedColumns(model, options);
  if (indexed && !indexed.has("token")) {
    return "its column 'token' is not the primary key and has no unique index of its own";
  }
  if (hasOwners(model)) await addMissingOwner(model, options);
  if (indexed && !indexed.has("expiry")) await addIndex("expiry", model, options);
  if (indexed && !indexed.has("owner") && hasOwners(model)) await addIndex("owner", model, options);
  return undefined;
}

async function addMissingOwner(model: SessionModel, options: QueryOptions): Promise<void> {
  const { addOwnerIfMissing } = dialectOf(model.sequelize!);
  // A look-up that fails would make the transaction unusable.
  const isLookedFor = !options.transaction || !addOwnerIfMissing;
  if (isLookedFor && await missingColumn(model, options, ["owner"]) === undefined) return;
  const { owner } = await attributesFor(model, options);
  if (addOwnerIfMissing) {
    const sql = addOwnerIfMissing(model, owner!.type);
    await model.sequelize!.query(sql, { ...options, raw: true });
    return;
  }
  const queryInterface = model.sequelize!.getQueryInterface();
  await queryInterface.addColumn(model.getTableName(), "owner", owner!, options);
}

function isConnectionError(model: SessionModel, error: unknown): boolean {
  return classOf(model, error) === "connection";
}

function classOf(model: SessionModel, error: unknown): ErrorClass {
  return classify(error, dialectOf(model.sequelize!).errors);
}
