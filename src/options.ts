import type { Sequelize, Transaction } from "sequelize";
import {
  check,
  FLAG,
  FUNCTION,
  INTERVAL,
  isFunction,
  isNumber,
  isString,
  ROW_COUNT,
  type Rule,
} from "./check.ts";
import { printer } from "./report.ts";
import { DIALECTS, type SessionModelOptions } from "./session_model.ts";
import type { CallOptions } from "./store.ts";

/** How a {@linkcode SequelizeStore} is set up. */
export interface SequelizeStoreOptions {
  /**
   * The time between two cleanups in milliseconds, jittered by ±20 % so that instances spread out; 0
   * for no cleanup loop.
   *
   * @default {300_000}
   */
  readonly cleanupInterval?: number | undefined;
  /**
   * The most rows that one cleanup statement deletes, 1 to 10 000.
   *
   * @default {1000}
   */
  readonly cleanupBatchSize?: number | undefined;
  /**
   * The most calls that may wait at a time until they can be sent, of reads and of writes each; those
   * beyond it reject with a {@linkcode QueueFullError} at once. 1 or more, or `Infinity`.
   *
   * They pile up only while the database is slower than its callers, or at a halt.
   *
   * @default {10_000}
   */
  readonly queueLimit?: number | undefined;
  /** Stops the cleanup loop when aborted; the store itself goes on working. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Told of each failed cleanup, and waited for; the loop goes on. By default the message alone goes to
   * `console.error`.
   */
  readonly onError?: ((error: unknown) => void) | undefined;
  /**
   * Whether `open` creates the table and its index where they are missing. `false` makes no query, and
   * the database user needs no permission to create anything.
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
  /** The table's schema; by default whichever the connection has. It must exist. */
  readonly schema?: string | undefined;
  /**
   * Gets every SQL statement. They hold tokens and data, and so are not logged by default, whatever
   * the Sequelize instance does with its own.
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
   * Without one, a call stands for itself even inside an ambient (CLS) transaction; except with SQLite
   * in memory, where Sequelize has one connection for everything.
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
}

const QUEUE_LIMIT: Rule<number> = {
  text: "an integer, 1 or more, or Infinity",
  hasType: isNumber,
  inRange: (value) => value >= 1 && (Number.isInteger(value) || value === Infinity),
};

/** A table's or a schema's name. */
export const NAME: Rule<string> = {
  // The length that every dialect takes; a dot would be taken for the end of a schema's name.
  text: "1 to 63 characters other than dots, quotes and brackets",
  hasType: isString,
  inRange: (value) => /^[^."'`[\]]{1,63}$/.test(value),
};

const SIGNAL: Rule<AbortSignal | undefined> = {
  text: "an AbortSignal",
  // By its shape: a test runner's sandbox has a class of its own.
  hasType: (value) => {
    return value === undefined || isFunction((value as AbortSignal | null)?.addEventListener);
  },
};

/** A function that gets SQL, if any. */
export const LOGGING: Rule<unknown> = {
  text: "false or a function",
  hasType: (value) => value === false || isFunction(value),
};

/** An instance of a dialect that the store is written for. */
export const SEQUELIZE: Rule<Sequelize> = {
  text: `a Sequelize 6 instance for ${DIALECTS.join(", ")}`,
  hasType: (value) => isFunction((value as Partial<Sequelize> | undefined)?.getDialect),
  inRange: (value) => DIALECTS.includes(value.getDialect()),
  describe: (value) => `one for ${value.getDialect()}`,
};

/**
 * Checks what {@linkcode SequelizeStore.open} was given, and fills in the defaults.
 *
 * @throws {TypeError} Where the instance or an option has the wrong type.
 * @throws {RangeError} Where a value is out of range, or the dialect is not supported.
 */
export function checkOptions(sequelize: Sequelize, options: SequelizeStoreOptions): Settings {
  const settings: Settings = {
    cleanupInterval: options.cleanupInterval ?? 5 * 60_000,
    cleanupBatchSize: options.cleanupBatchSize ?? 1000,
    queueLimit: options.queueLimit ?? 10_000,
    signal: options.signal,
    onError: options.onError ?? printer("delete expired sessions"),
    sync: options.sync ?? true,
    tableName: options.tableName ?? "sessions",
    schema: options.schema,
    logging: options.logging ?? false,
  };
  const action = "open the session store";
  check(action, "sequelize", sequelize, SEQUELIZE);
  check(action, "cleanupInterval", settings.cleanupInterval, INTERVAL);
  check(action, "cleanupBatchSize", settings.cleanupBatchSize, ROW_COUNT);
  check(action, "queueLimit", settings.queueLimit, QUEUE_LIMIT);
  check(action, "signal", settings.signal, SIGNAL);
  check(action, "onError", settings.onError, FUNCTION);
  check(action, "sync", settings.sync, FLAG);
  check(action, "tableName", settings.tableName, NAME);
  if (settings.schema !== undefined) check(action, "schema", settings.schema, NAME);
  check(action, "logging", settings.logging, LOGGING);
  return settings;
}
