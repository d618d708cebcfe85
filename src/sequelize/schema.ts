// Making and dropping the table: for SequelizeStore.open() and for migrations.

import type { Transaction } from "sequelize";
import { isConnectionError } from "./errors.ts";
import { retry } from "../util/retry.ts";
import { expiryIndex, type SessionModel } from "./model.ts";

/** Without a transaction of the caller's, no ambient one; and never a replica. */
interface QueryOptions {
  readonly transaction: Transaction | null;
  readonly useMaster: true;
}

const ALONE: QueryOptions = { transaction: null, useMaster: true };

/**
 * Creates the table and its index where they are missing. Any number of processes may do so at once:
 * those that come second fail somewhere in between, look again, and find it done.
 */
export async function createSessionTable(model: SessionModel): Promise<void> {
  await retry(async () => {
    // Looked for first, because CREATE TABLE IF NOT EXISTS asks for the permission to create in any case.
    const existed = await tableExists(model);
    if (!existed) await createTable(model, ALONE);
    if (!existed || !await hasExpiryIndex(model, ALONE)) await addExpiryIndex(model, ALONE);
  }, (error) => !isConnectionError(error));
}

/** Does the same once, in a transaction; there, PostgreSQL takes no statement after one that has failed. */
export async function createSessionTableIn(
  transaction: Transaction,
  model: SessionModel,
): Promise<void> {
  const options: QueryOptions = { transaction, useMaster: true };
  await createTable(model, options);
  if (!await hasExpiryIndex(model, options)) await addExpiryIndex(model, options);
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
  const index = expiryIndex(model.tableName);
  await queryInterface.addIndex(model.getTableName(), { ...index, ...options });
}

/**
 * Asks for a row that cannot be, which meets the table wherever the store's own statements would:
 * through the search path or a synonym; Sequelize's `tableExists` looks in one schema only.
 */
async function tableExists(model: SessionModel): Promise<boolean> {
  try {
    await model.findByPk("", { raw: true, ...ALONE });
    return true;
  } catch (error) {
    if (isConnectionError(error)) throw error;
    return false;
  }
}

/** Any index that begins with the expiry will do: gormstore gave its own another name. */
async function hasExpiryIndex(model: SessionModel, options: QueryOptions): Promise<boolean> {
  const indexes = await model.sequelize!.getQueryInterface().showIndex(
    model.getTableName() as string,
    options,
  ) as { fields: { attribute: string }[] }[];
  return indexes.some(({ fields }) => fields[0]?.attribute === "expiry");
}
