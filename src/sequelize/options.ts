import type { Sequelize, Transaction } from "sequelize";
import { LIMIT, ROW_COUNT } from "../store/arguments.ts";
import {
  check,
  FLAG,
  FUNCTION,
  hasMethods,
  isFunction,
  isObject,
  isString,
  type Rule,
} from "../util/check.ts";
import { type Duration, INTERVAL, toMilliseconds } from "../util/duration.ts";
import { optional, readOptions, withDefault } from "../util/options.ts";
import { printer } from "../util/report.ts";
import type { DriverChoice } from "./drivers/mod.ts";
import { DIALECT_NAMES, dialectOf } from "./dialects/mod.ts";
import type { SessionModelOptions } from "./model.ts";
import type { CallOptions } from "../store/store.ts";

/** How a {@linkcode SequelizeStore} is set up. */
export interface SequelizeStoreOptions {
  /**
   * The time between two cleanups in milliseconds; 0 for no cleanup loop. It varies by ±20 %, so that instances
   * spread out. A number below 1000 is refused, because it is probably meant in seconds; a test can write
   * `{ milliseconds: 5 }`.
   *
   * @default {300_000}
   */
  readonly cleanupInterval?: Duration | undefined;
  /**
   * The most rows that one cleanup statement deletes, 1 to 10 000.
   *
   * @default {1000}
   */
  readonly cleanupBatchSize?: number | undefined;
  /**
   * The most calls that may wait at a time, counted separately for reads and for writes. Further calls reject with a
   * {@linkcode QueueFullError} at once. An integer, 1 or more, or `Infinity`.
   *
   * A call waits if it cannot be sent at once: the store has as many statements under way as it may have, or one of
   * them is for the same session. Calls that are made together and fit into the statements that are sent right then
   * do not count, so an idle store accepts about 1000 more. Calls accumulate only while the database is slower than
   * its callers, or does not respond.
   *
   * @default {10_000}
   */
  readonly queueLimit?: number | undefined;
  /** Stops the cleanup loop when aborted; the store itself goes on working. By default only `stopCleanup` stops it. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Called with the error of each failed cleanup, and awaited; the loop continues. By default, only the first line of
   * the message goes to `console.error`.
   */
  readonly onError?: ((error: unknown) => void) | undefined;
  /**
   * Whether the table keeps the owners of sessions, for `commit`, `replace`, `entriesOf` and `deleteOwned`: in a
   * nullable column `owner` with an index. With `sync`, both are added to a table that lacks them. If the table is
   * large, create the index by hand, because its creation blocks writes. With `false`, the table is as SCS makes it.
   *
   * @default {false}
   */
  readonly owners?: boolean | undefined;
  /**
   * Whether `open` creates the table, its columns and its indexes if they are missing. With `false`, `open` makes no
   * query, and the database user needs no permission to create anything.
   *
   * @default {true}
   */
  readonly sync?: boolean | undefined;
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
   * How statements are sent. With `"direct"`, the database driver itself sends them over the connections of the
   * Sequelize instance's pool, prepared except with sqlite3. This is faster than `sequelize.query`. It needs one of
   * the usual drivers (pg, mysql2, mariadb, sqlite3, `./node-sqlite`). With any other driver, such as pg-native, and
   * in a transaction, statements go through `sequelize.query` anyway. With `"sequelize"`, they always do, for
   * instance so that a wrapper of `Sequelize.prototype.query` sees each statement.
   *
   * @default {"direct"}
   */
  readonly driver?: DriverChoice | undefined;
  /**
   * Whether sessions may be read from a standby: a replica, or a primary that was demoted. They may be out of date
   * there. By default, a connection to a standby is ended as soon as it is noticed, and the statement is sent again
   * over another one. Calls reject if only standbys are reached for 5 s. Set it to `true` for a program that only
   * reads from a replica, or behind a proxy that splits reads from writes. Writes always need the primary.
   *
   * @default {false}
   */
  readonly standbyReads?: boolean | undefined;
  /**
   * Called with every SQL statement, except the check whether the server is a standby. Statements contain tokens and
   * data, so they are not logged by default, even if the Sequelize instance logs its own.
   *
   * @default {false}
   */
  readonly logging?: false | ((sql: string, timing?: number) => void) | undefined;
}

/** @ignore so that the documentation does not take Sequelize's own type for an undocumented one */
type SequelizeTransaction = Transaction;

/** The options of every call on a {@linkcode SequelizeStore}. */
export interface SequelizeCallOptions extends CallOptions {
  /**
   * A transaction that the call is part of; by default there is none. In a transaction, the call is sent at once, in
   * no batch, and is not retried. Without one, the call does not join an ambient (CLS) transaction either; except
   * with SQLite in memory, for which Sequelize has one connection.
   */
  readonly transaction?: SequelizeTransaction | null | undefined;
}

/** The options with their defaults in place. */
export interface Settings extends SessionModelOptions {
  readonly cleanupInterval: number;
  readonly cleanupBatchSize: number;
  readonly queueLimit: number;
  readonly signal: AbortSignal | undefined;
  readonly onError: (error: unknown) => void;
  readonly sync: boolean;
  readonly driver: DriverChoice;
  readonly standbyReads: boolean;
}

const DRIVER: Rule<DriverChoice> = {
  text: `"direct" or "sequelize"`,
  hasType: (value): value is DriverChoice => isString(value),
  inRange: (value) => value === "direct" || value === "sequelize",
  describe: JSON.stringify,
};

/** A table's or a schema's name. */
export const NAME: Rule<string> = {
  // Every dialect accepts this length. A dot would be read as the end of a schema's name.
  text: "1 to 63 characters other than dots, quotes and brackets",
  hasType: isString,
  inRange: (value) => /^[^."'`[\]]{1,63}$/.test(value),
  describe: (value) => value.length > 63 ? `${value.length} characters` : JSON.stringify(value),
};

const SIGNAL: Rule<AbortSignal> = {
  text: "an AbortSignal",
  // By its shape: a test runner's sandbox has its own class.
  hasType: (value): value is AbortSignal => hasMethods(value, ["addEventListener"]),
};

/** A function that is called with SQL, if any. */
const LOGGING: Rule<SessionModelOptions["logging"]> = {
  text: "false or a function",
  hasType: (value): value is SessionModelOptions["logging"] => value === false || isFunction(value),
};

/** An instance of a dialect that the store is written for. */
export const SEQUELIZE: Rule<Sequelize> = {
  text: `a Sequelize 6 instance for ${DIALECT_NAMES.join(", ")}`,
  hasType: (value): value is Sequelize =>
    hasMethods(value, ["getDialect", "getQueryInterface", "define", "query"]) &&
    isObject((value as Sequelize & { options: unknown }).options),
  inRange: (value) => DIALECT_NAMES.includes(value.getDialect()),
  describe: (value) => `one for ${value.getDialect()}`,
};

/**
 * Checks what depends on the dialect.
 *
 * @param action Completes "Cannot ...".
 * @throws {TypeError} If an option of the driver changes results in a way that Sequelize itself cannot read.
 * @throws {RangeError} If a schema is given with a dialect for which Sequelize has none.
 */
export function checkDialect(
  action: string,
  sequelize: Sequelize,
  schema: string | undefined,
): void {
  const { reshapingOptions = {}, schemas } = dialectOf(sequelize);
  const { dialectOptions = {} } = (sequelize as unknown as {
    options: { dialectOptions?: Record<string, unknown> | null };
  }).options;
  for (const [name, reshapes] of Object.entries(reshapingOptions)) {
    if (!reshapes(dialectOptions?.[name])) continue;
    throw new TypeError(
      `Cannot ${action}: 'dialectOptions.${name}' must be left out: Sequelize cannot read the results`,
    );
  }
  if (schema !== undefined && schemas === "refused") {
    throw new RangeError(
      `Cannot ${action}: 'schema' must be left out with the mysql dialect, for which Sequelize has none:` +
        ` use the connection's database: received ${JSON.stringify(schema)}`,
    );
  }
}

/** The options of a store and of a migration that describe the table. */
export const TABLE_OPTIONS = {
  tableName: withDefault(NAME, "sessions"),
  schema: optional(NAME),
  owners: withDefault(FLAG, false),
  logging: withDefault(LOGGING, false),
};

const STORE_OPTIONS = {
  cleanupInterval: withDefault(INTERVAL, 5 * 60_000),
  cleanupBatchSize: withDefault(ROW_COUNT, 1000),
  queueLimit: withDefault(LIMIT, 10_000),
  signal: optional(SIGNAL),
  onError: withDefault(FUNCTION, printer("delete expired sessions")),
  sync: withDefault(FLAG, true),
  driver: withDefault<DriverChoice>(DRIVER, "direct"),
  standbyReads: withDefault(FLAG, false),
  ...TABLE_OPTIONS,
};

/**
 * Checks the arguments of `SequelizeStore.open`, and fills in the defaults.
 *
 * @throws {TypeError} If the instance or an option has the wrong type, or an option is unknown.
 * @throws {RangeError} If a value is out of range, or the dialect is not supported.
 */
export function checkOptions(sequelize: Sequelize, options: SequelizeStoreOptions): Settings {
  const action = "open the session store";
  check(action, "sequelize", sequelize, SEQUELIZE);
  const values = readOptions(action, options, STORE_OPTIONS);
  checkDialect(action, sequelize, values.schema);
  return { ...values, cleanupInterval: toMilliseconds(values.cleanupInterval) };
}
