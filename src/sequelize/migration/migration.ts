import type { QueryInterface, Transaction } from "sequelize";
import { check, hasMethods, isFunction, type Rule } from "../../util/check.ts";
import { checkDialect, SEQUELIZE, TABLE_OPTIONS } from "../options.ts";
import { readOptions, withDefault } from "../../util/options.ts";
import { defineSessionModel } from "../define_model.ts";
import type { SessionModel } from "../model.ts";
import { createSessionTable, createSessionTableIn, dropSessionTable } from "../schema.ts";

/** @ignore so that the documentation does not take Sequelize's own type for an undocumented one */
type SequelizeQueryInterface = QueryInterface;
/** @ignore */
type SequelizeTransaction = Transaction;

/** The table that a migration creates or drops. */
export interface MigrationOptions {
  /**
   * The table's name.
   *
   * @default {"sessions"}
   */
  readonly tableName?: string | undefined;
  /**
   * The table's schema, which must exist; by default the connection's. Sequelize has no schemas with its mysql
   * dialect.
   */
  readonly schema?: string | undefined;
  /**
   * Whether the table has owners: see `owners` of `SequelizeStore.open`. `up` adds what a table lacks.
   *
   * @default {false}
   */
  readonly owners?: boolean | undefined;
  /**
   * A transaction that the migration is part of; by default there is none. On MySQL and MariaDB, the statements of a
   * migration are never part of a transaction: they commit what the transaction has done before.
   */
  readonly transaction?: SequelizeTransaction | null | undefined;
  /**
   * Called with every SQL statement.
   *
   * @default {false}
   */
  readonly logging?: false | ((sql: string, timing?: number) => void) | undefined;
}

const QUERY_INTERFACE: Rule<QueryInterface> = {
  text: "a QueryInterface of Sequelize 6",
  hasType: (value): value is QueryInterface => hasMethods(value, ["createTable"]),
};

const TRANSACTION: Rule<Transaction | null> = {
  text: "a transaction of Sequelize",
  hasType: (value): value is Transaction | null => value === null || hasMethods(value, ["commit"]),
};

const MIGRATION_OPTIONS = { ...TABLE_OPTIONS, transaction: withDefault(TRANSACTION, null) };

/**
 * Creates the sessions table, its columns and its indexes if they are missing, as `SequelizeStore.open` does unless
 * `sync` is `false`.
 *
 * @param queryInterface What umzug and sequelize-cli pass to a migration.
 * @param options The table, and the transaction.
 * @throws {TypeError} If an argument or option has the wrong type.
 * @throws {RangeError} If a name is out of range or the dialect is not supported.
 * @throws {Error} If a table of that name exists that is not a sessions table.
 * @throws The database's error if the table cannot be created.
 *
 * @example A migration
 * ```ts
 * import { down, up } from "@scs/sequelize-store/migration";
 * import { nodeSqlite } from "@scs/sequelize-store/node-sqlite";
 * import { Sequelize } from "sequelize";
 *
 * const sequelize = new Sequelize({
 *   dialect: "sqlite",
 *   storage: ":memory:",
 *   dialectModule: nodeSqlite,
 *   logging: false,
 * });
 * await up(sequelize.getQueryInterface(), { tableName: "app_sessions" });
 * await down(sequelize.getQueryInterface(), { tableName: "app_sessions" });
 * ```
 */
export async function up(
  queryInterface: SequelizeQueryInterface,
  options: MigrationOptions = {},
): Promise<void> {
  const action = "create the sessions table";
  const { model, transaction } = open(action, queryInterface, options);
  if (transaction) await createSessionTableIn(transaction, model, action);
  else await createSessionTable(model, action);
}

/**
 * Drops the sessions table, and with it all sessions; does nothing if there is no such table.
 *
 * @param queryInterface What umzug and sequelize-cli pass to a migration.
 * @param options The table, and the transaction.
 * @throws {TypeError} If an argument or option has the wrong type.
 * @throws {RangeError} If a name is out of range or the dialect is not supported.
 * @throws The database's error if the table cannot be dropped.
 *
 * @example Undo the migration
 * ```ts
 * import { down } from "@scs/sequelize-store/migration";
 * import { nodeSqlite } from "@scs/sequelize-store/node-sqlite";
 * import { Sequelize } from "sequelize";
 *
 * const sequelize = new Sequelize({
 *   dialect: "sqlite",
 *   storage: ":memory:",
 *   dialectModule: nodeSqlite,
 *   logging: false,
 * });
 * await down(sequelize.getQueryInterface());
 * ```
 */
export async function down(
  queryInterface: SequelizeQueryInterface,
  options: MigrationOptions = {},
): Promise<void> {
  const { model, transaction } = open("drop the sessions table", queryInterface, options);
  await dropSessionTable(model, transaction);
}

function open(
  action: string,
  queryInterface: QueryInterface,
  options: MigrationOptions,
): { readonly model: SessionModel; readonly transaction: Transaction | null } {
  check(action, "queryInterface", queryInterface, QUERY_INTERFACE);
  // sequelize-cli passes the Sequelize class to a migration as its second argument.
  const given = isFunction(options) ? {} : options;
  const { transaction, ...table } = readOptions(action, given, MIGRATION_OPTIONS);
  check(action, "queryInterface.sequelize", queryInterface.sequelize, SEQUELIZE);
  checkDialect(action, queryInterface.sequelize, table.schema);
  return { model: defineSessionModel(queryInterface.sequelize, table), transaction };
}
