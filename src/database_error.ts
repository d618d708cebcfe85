// What a database error means for the statement that met it. Errors are told apart by name and code, not
// by `instanceof`: an application may well hold another copy of Sequelize or of its driver.

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
  1205, // SQL Server: chosen as deadlock victim (as `number`; MySQL's 1205, an `errno`, has waited enough)
  "SQLITE_BUSY", // another connection is writing, and the busy timeout has passed
]);

/**
 * Whether the database has undone the statement because of what others were doing at that moment, so
 * that the same statement may succeed if it is sent again.
 */
export function isTransient(error: unknown): boolean {
  const { code, errno, number } = driverError(error);
  return ROLLED_BACK.has(code) || ROLLED_BACK.has(number) ||
    (errno !== 1205 && ROLLED_BACK.has(errno));
}

const CONNECTION_ERROR_NAME = /^Sequelize(Connection|HostNot|InvalidConnection|AccessDenied)/;
const CONNECTION_CODE =
  /^(ECONN[A-Z]+|EPIPE|ESOCKET|ETIMEDOUT|ENOTFOUND|E(HOST|NET)UNREACH|PROTOCOL_.*|08.{3}|57P0[123])$/;
// Errors without a code: node-postgres about a connection that has gone, Sequelize about a closed pool.
const CONNECTION_MESSAGE = /^Connection terminated|not queryable|connection manager was closed/;

/** Whether there is no connection, or it was lost, with or without a statement under way. */
export function isConnectionError(error: unknown): boolean {
  const { name } = (error ?? {}) as { name?: string };
  const { code, sqlState, fatal, message } = driverError(error);
  return CONNECTION_ERROR_NAME.test(name ?? "") || CONNECTION_CODE.test(code ?? "") ||
    CONNECTION_CODE.test(sqlState ?? "") || fatal === true ||
    CONNECTION_MESSAGE.test(message ?? "");
}
