// What a database error means for the statement that met it. Errors are told apart by name and code, not
// by `instanceof`: an application may well hold another copy of Sequelize or of its driver.

import type { Fault } from "../batching/delivery.ts";

/** The fields that the drivers' errors carry, each some of them. */
interface DriverError {
  readonly code?: string;
  readonly errno?: number;
  readonly number?: number;
  readonly sqlState?: string;
  readonly fatal?: boolean;
  readonly message?: string;
}

/** The driver's error inside a Sequelize error, or the error itself. */
function driverError(error: unknown): DriverError {
  const { parent } = (error ?? {}) as { parent?: unknown };
  return (parent ?? error ?? {}) as DriverError;
}

const ROLLED_BACK = new Set<string | number | undefined>([
  "40001", // SQL standard, PostgreSQL, CockroachDB: serialization failure
  "40P01", // PostgreSQL: deadlock detected
  1213, // MySQL, MariaDB: deadlock; Galera: certification failure
  1020, // MariaDB 11.6 on (innodb_snapshot_isolation): record has changed since last read
  "SQLITE_BUSY", // another connection is writing, and the busy timeout has passed
]);

// SQL Server has numbers of its own: 1205 is a lock wait timeout in MySQL.
const SQL_SERVER_DEADLOCK = 1205;
const SQL_SERVER_LOCK_TIMEOUT = 1222;

/**
 * Whether the database has undone the statement because of what others were doing at that moment, so
 * that the same statement may succeed if it is sent again.
 */
export function isTransient(error: unknown): boolean {
  const { code, errno, number } = driverError(error);
  return ROLLED_BACK.has(code) || ROLLED_BACK.has(errno) || number === SQL_SERVER_DEADLOCK;
}

const CONNECTION_ERROR_NAME = /^Sequelize(Connection|HostNot|InvalidConnection|AccessDenied)/;
const CONNECTION_CODE =
  /^(ECONN[A-Z]+|ECANCELED|EPIPE|ESOCKET|ETIMEDOUT|ENOTFOUND|E(HOST|NET)UNREACH|PROTOCOL_.*|08.{3}|57P0[1-5])$/;
// Errors without a code: node-postgres about a connection that has gone, Sequelize about a closed pool.
const CONNECTION_MESSAGE = /^Connection terminated|not queryable|connection manager was closed/;

/** Whether there is no connection, or it was lost, with or without a statement under way. */
export function isConnectionError(error: unknown): boolean {
  const { name } = (error ?? {}) as { name?: string };
  const { code, sqlState, fatal, message } = driverError(error);
  // The mariadb driver also calls an interrupted statement (SQLSTATE 70100) fatal.
  const isFatal = fatal === true && sqlState !== "70100";
  return CONNECTION_ERROR_NAME.test(name ?? "") || CONNECTION_CODE.test(code ?? "") ||
    CONNECTION_CODE.test(sqlState ?? "") || isFatal || CONNECTION_MESSAGE.test(message ?? "");
}

const SYSTEM_FAULTS = new Set<string | number | undefined>([
  "42P01", // PostgreSQL: there is no such table
  "42501", // PostgreSQL: insufficient privilege
  "25006", // PostgreSQL: read-only transaction, as on a standby
  1044, // MySQL, MariaDB: access to the database denied
  1047, // Galera: the node is not in the cluster
  1142, // MySQL, MariaDB: access to the table denied
  1146, // MySQL, MariaDB: there is no such table
  1290, // MySQL, MariaDB: --read-only
  1792, // MySQL, MariaDB: read-only transaction
  1836, // MySQL, MariaDB: read-only mode
  "SQLITE_BUSY",
  "SQLITE_CANTOPEN",
  "SQLITE_CORRUPT",
  "SQLITE_IOERR",
  "SQLITE_NOTADB",
  "SQLITE_READONLY",
]);
// SQLite has no code for it.
const SYSTEM_MESSAGE = /^SQLITE_ERROR: no such table/;
const SQL_SERVER_SYSTEM_FAULTS = new Set<number | undefined>([
  208, // there is no such table
  229, // permission denied
  3906, // the database is read-only
]);

/** What a large row may meet and a small one not. */
const FULL = new Set<string | number | undefined>([
  "53100", // PostgreSQL: disk full
  1021, // MySQL, MariaDB: disk full
  1114, // MySQL, MariaDB: table full
  "SQLITE_FULL",
]);
const SQL_SERVER_FULL = new Set<number | undefined>([
  1105, // no space in the file group
  9002, // the transaction log is full
]);

const TIMEOUTS = new Set<string | number | undefined>([
  "57014", // PostgreSQL: statement_timeout
  "55P03", // PostgreSQL: lock_timeout
  1205, // MySQL, MariaDB: innodb_lock_wait_timeout
  1969, // MariaDB: max_statement_time
  3024, // MySQL: max_execution_time
  "ETIMEOUT", // tedious: requestTimeout
]);
// node-postgres: query_timeout, which has no code.
const TIMEOUT_MESSAGE = /^Query read timeout/;

/**
 * Whether a statement that failed with this error says something of its own rows, or of the database
 * as a whole; a statement that ran out of time may have met one locked row, or a database at a halt,
 * and one that ran out of space may have been a large one.
 */
export function faultOf(error: unknown): Fault {
  const { code, errno, number, message } = driverError(error);
  const isSystem = isConnectionError(error) || SYSTEM_FAULTS.has(code) ||
    SYSTEM_FAULTS.has(errno) || SQL_SERVER_SYSTEM_FAULTS.has(number) ||
    SYSTEM_MESSAGE.test(message ?? "");
  if (isSystem) return "system";
  const isFull = FULL.has(code) || FULL.has(errno) || SQL_SERVER_FULL.has(number);
  const isTimeout = TIMEOUTS.has(code) || TIMEOUTS.has(errno) ||
    number === SQL_SERVER_LOCK_TIMEOUT || TIMEOUT_MESSAGE.test(message ?? "");
  return isFull || isTimeout ? "either" : "operation";
}
