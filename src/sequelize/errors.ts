// What a database error means for the statement that met it. Errors are told apart by name and code, not by
// `instanceof`: an application may hold another copy of Sequelize or of its driver.

import type { Fault } from "../batching/delivery.ts";

/**
 * What an error means:
 * - `transient`: the database undid the statement because of what others did. It may succeed if sent again.
 * - `busy`: the same; but if it does not pass, no other statement gets through either.
 * - `connection`: there is no connection, or it was lost, with or without a statement under way.
 * - `read-only`: the server takes no writes, or is a standby whose rows may be old: the statement was not carried
 *   out, and may succeed on another connection.
 * - `no-table`, `no-column`: there is no such table or column.
 * - `system`: every other statement would fail as well.
 * - `either`: the statement's own rows are the reason, or the database as a whole.
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
 * A dialect's errors by their code, SQLSTATE or number, some told apart by their message. What is not among them is an
 * `operation`.
 */
export type ErrorTable = Readonly<Record<string, ErrorClass | ((message: string) => ErrorClass)>>;

/** The name of the error of a read on a standby. */
export const STANDBY_ERROR = "StandbyError";

/** The fields that the drivers' errors carry, each some of them. */
export interface DriverError {
  readonly code?: string;
  readonly errno?: number;
  readonly number?: number;
  readonly sqlState?: string;
  readonly fatal?: boolean;
  readonly message?: string;
}

const CONNECTION_ERROR_NAME = /^Sequelize(Connection|HostNot|InvalidConnection|AccessDenied)/;
// SQLSTATE class 08 is the connection's in every dialect.
const CONNECTION_CODE =
  /^(ECONN[A-Z]+|ECANCELED|EPIPE|ESOCKET|ETIMEDOUT|ENOTFOUND|E(HOST|NET)UNREACH|PROTOCOL_.*|08.{3}|57P0[1-5])$/;

// Errors without a code.
const MESSAGES: readonly [RegExp, ErrorClass][] = [
  // node-postgres about a connection that has gone, Sequelize about a pool that closes or is closed.
  [
    /^Connection terminated|not queryable|connection manager was closed|pool is draining/,
    "connection",
  ],
  [/^SQLITE_ERROR: no such table/, "no-table"],
  [/^SQLITE_ERROR: .*(no such column|has no column named)/, "no-column"],
  [/^Query read timeout/, "either"], // node-postgres: query_timeout
];

/** Tells what an error means. */
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

/** Whether a statement that failed says something about its own rows, or about the database as a whole. */
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

/** The driver's error inside a Sequelize error, or the error itself. */
export function driverError(error: unknown): DriverError {
  const { parent } = (error ?? {}) as { parent?: unknown };
  return (parent ?? error ?? {}) as DriverError;
}
