// What a database error means for the statement that failed. Errors are recognized by name and code, not by
// `instanceof`, because an application may have another copy of Sequelize or of its driver.

import type { Fault } from "../batching/delivery.ts";

/**
 * What an error means:
 * - `transient`: the database undid the statement because of concurrent ones. It may succeed if sent again.
 * - `busy`: the same, but if the error persists, all other statements fail as well.
 * - `connection`: there is no connection, or it was lost, with or without a statement under way.
 * - `read-only`: the server takes no writes, or is a standby whose rows may be old. The statement was not carried
 *   out, and may succeed on another connection.
 * - `no-table`, `no-column`: there is no such table or column.
 * - `system`: every other statement would fail as well.
 * - `either`: either the statement's own rows or the database as a whole is the reason.
 * - `operation`: the statement's own rows are the reason.
 */
export type ErrorClass =
  | "transient"
  | "busy"
  | "connection"
  | "read-only"
  | "no-table"
  | "no-column"
  | "system"
  | "either"
  | "operation";

/**
 * What a dialect's errors mean, by their code, SQLSTATE or number. For some, the message decides. An error that is
 * not in the table is an `operation`.
 */
export type ErrorTable = Readonly<Record<string, ErrorClass | ((message: string) => ErrorClass)>>;

/** The name of the error that a read on a standby throws. */
export const STANDBY_ERROR = "StandbyError";

/** The fields of the drivers' errors. Each driver sets only some of them. */
export interface DriverError {
  readonly code?: string;
  readonly errno?: number;
  readonly number?: number;
  readonly sqlState?: string;
  readonly fatal?: boolean;
  readonly message?: string;
}

const CONNECTION_ERROR_NAME = /^Sequelize(Connection|HostNot|InvalidConnection|AccessDenied)/;
// SQLSTATE class 08 is about the connection in every dialect.
const CONNECTION_CODE =
  /^(ECONN[A-Z]+|ECANCELED|EPIPE|ESOCKET|ETIMEDOUT|ENOTFOUND|E(HOST|NET)UNREACH|PROTOCOL_.*|08.{3}|57P0[1-5])$/;

// Errors without a code.
const MESSAGES: readonly [RegExp, ErrorClass][] = [
  // node-postgres: the connection is gone. Sequelize: the pool is closing or closed.
  [
    /^Connection terminated|not queryable|connection manager was closed|pool is draining/,
    "connection",
  ],
  [/^SQLITE_ERROR: no such table/, "no-table"],
  [/^SQLITE_ERROR: .*(no such column|has no column named)/, "no-column"],
  [/^Query read timeout/, "either"], // node-postgres: query_timeout
];

/** Returns what an error means. */
export function classify(error: unknown, table: ErrorTable): ErrorClass {
  const { name } = (error ?? {}) as { name?: string };
  const { code = "", errno = "", number = "", sqlState = "", fatal, message = "" } = driverError(
    error,
  );
  // The mariadb driver also calls an interrupted statement (SQLSTATE 70100) fatal.
  const isLost = CONNECTION_ERROR_NAME.test(name ?? "") || CONNECTION_CODE.test(code) ||
    CONNECTION_CODE.test(sqlState) || fatal === true && sqlState !== "70100";
  if (isLost) return "connection";
  if (name === STANDBY_ERROR) return "read-only";
  const meaning = table[code] ?? table[errno] ?? table[number];
  if (typeof meaning === "function") return meaning(message);
  return meaning ??
    MESSAGES.find(([pattern]) => pattern.test(message))?.[1] ?? "operation";
}

/** Whether the same statement may succeed if it is sent again. */
export function isTransient(errorClass: ErrorClass): boolean {
  return errorClass === "transient" || errorClass === "busy";
}

/**
 * Returns whether an error is caused by the statement's own rows, by the database as a whole, or possibly by either.
 */
export function faultOf(errorClass: ErrorClass): Fault {
  switch (errorClass) {
    case "connection":
    case "read-only":
    case "no-table":
    case "no-column":
    case "system":
    case "busy":
      return "system";
    case "either":
      return "either";
    default:
      return "operation";
  }
}

/** Returns the driver's error inside a Sequelize error, or else the error itself. */
export function driverError(error: unknown): DriverError {
  const { parent } = (error ?? {}) as { parent?: unknown };
  return (parent ?? error ?? {}) as DriverError;
}
