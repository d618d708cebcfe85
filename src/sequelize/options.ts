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
   * The time between two cleanups in milliseconds, jittered by ±20 % so that instances spread out; 0
   * for no cleanup loop. Less than a second is refused as a number, because it is likely meant in seconds;
   * a test writes `{ milliseconds: 5 }`.
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
   * The most calls that may wait at a time, of reads and of writes each; those beyond it reject with a
   * {@linkcode QueueFullError} at once. 1 or more, or `Infinity`.
   *
   * A call waits if it cannot be sent at once: because the store has as many statements under way as it
   * may, or because one of them is for the same session. Calls made together that fit into the statements
   * that leave right then do not count, so that an idle store takes some 1000 more. Calls pile up only
   * while the database is slower than its callers, or at a halt.
   *
   * @default {10_000}
   */
  readonly queueLimit?: number | undefined;
  /** Stops the cleanup loop when aborted; the store itself goes on working. By default only `stopCleanup` stops it. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Called with the error of each failed cleanup, and awaited; the loop goes on. By default only the message
   * goes to `console.error`.
   */
  readonly onError?: ((error: unknown) => void) | undefined;
  /**
   * Whether the table says whose session is whose, for `commit`, `replace`, `entriesOf` and `deleteOwned`: in
   * a nullable column `owner` with an index. With `sync`, a table that lacks them gets both; the index of a large
   * table is better made by hand, because that holds up its writes. `false` leaves the table as SCS makes it.
   *
   * @default {false}
   */
  readonly owners?: boolean | undefined;
  /**
   * Whether `open` creates the table, its columns and its indexes if they are missing. `false` makes no
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
   * The table's schema; by default whichever the connection has. It must exist. Sequelize has no schemas
   * with its mysql dialect.
   */
  readonly schema?: string | undefined;
  /**
   * How statements are sent. `"direct"`: by the database driver itself, prepared except with sqlite3, over the
   * connections of the Sequelize instance's pool, which is faster than `sequelize.query`. It needs one of the
   * usual drivers (pg, mysql2, mariadb, sqlite3, `./node-sqlite`); with anything else, such as pg-native,
   * and in a transaction, statements go through `sequelize.query` anyway. `"sequelize"`: always so, for
   * instance because something that wraps `Sequelize.prototype.query` is to see each statement.
   *
   * @default {"direct"}
   */
  readonly driver?: DriverChoice | undefined;
  /**
   * Whether sessions may be read from a standby: a replica, or a primary that was demoted. They may be old there. By
   * default a connection to one is ended as soon as that is noticed, and the statement sent again on another; calls
   * reject if only standbys are reached for 5 s. Set it for a program that only reads, on a replica, or behind a
   * proxy that splits reads from writes. Writes always need the primary.
   *
   * @default {false}
   */
  readonly standbyReads?: boolean | undefined;
  /**
   * Gets every SQL statement, except the check whether the server is a standby. They hold tokens and data, and so
   * are not logged by default, whatever the Sequelize instance does with its own.
   *
   * @default {false}
   */
  readonly logging?: false | ((sql: string, timing?: number) => void) | undefined;
}

/** @ignore so that the documentation does not take Sequelize's own type for an undocumented one */
type SequelizeTransaction = Transaction;

/** What every call on a {@linkcode SequelizeStore} takes. */
export interface SequelizeCallOptions extends CallOptions {
  /**
   * A transaction for the call to be part of; it then goes out at once, in no batch, and is not retried.
   * By default there is none: a call then stands for itself even inside an ambient (CLS) transaction; except
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
  // The length that every dialect takes; a dot would be taken for the end of a schema's name.
  text: "1 to 63 characters other than dots, quotes and brackets",
  hasType: isString,
  inRange: (value) => /^[^."'`[\]]{1,63}$/.test(value),
  describe: (value) => value.length > 63 ? `${value.length} characters` : JSON.stringify(value),
};

const SIGNAL: Rule<AbortSignal> = {
  text: "an AbortSignal",
  // By its shape: a test runner's sandbox has a class of its own.
  hasType: (value): value is AbortSignal => hasMethods(value, ["addEventListener"]),
};

/** A function that gets SQL, if any. */
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
 * @throws {TypeError} If an option of the driver's makes results that Sequelize itself cannot read.
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

/** The options of a store and of a migration that say which table is meant. */
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
 * Checks what {@linkcode SequelizeStore.open} was given, and fills in the defaults.
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
