/**
 * SQLite for Sequelize 6 with the runtime's own module, `node:sqlite`: nothing to install and nothing to
 * compile. It replaces the package `sqlite3` as Sequelize's `dialectModule`; any application with Sequelize 6
 * can use it, with or without this package's sessions.
 *
 * It needs Node 22.16, Deno 2.8 or Bun 1.4, or later. It can be imported anywhere; on other runtimes, the
 * first query rejects with an error that names what is missing.
 *
 * @example
 * ```ts
 * import { nodeSqlite } from "@scs/sequelize-store/node-sqlite";
 * import { Sequelize } from "sequelize";
 *
 * const sequelize = new Sequelize({
 *   dialect: "sqlite",
 *   storage: ":memory:",
 *   dialectModule: nodeSqlite,
 *   logging: false,
 * });
 * await sequelize.authenticate();
 * await sequelize.close();
 * ```
 *
 * @module
 */

import { Database } from "./database.ts";
import { OPEN_CREATE, OPEN_READONLY, OPEN_READWRITE, OPEN_URI } from "./open.ts";

export type { Row } from "./connection.ts";
export type { Database, DoneCallback, RowsCallback, RunCallback, Statement } from "./database.ts";
export type { SqliteError } from "./errors.ts";
export type { Parameters, Value } from "./parameters.ts";

/** What {@linkcode nodeSqlite} offers: the part of the package `sqlite3` that Sequelize 6 uses. */
export interface NodeSqlite {
  /** Opens the file for reading only. This and the other constants are for Sequelize's `dialectOptions.mode`. */
  readonly OPEN_READONLY: number;
  /** Opens the file for reading and writing. */
  readonly OPEN_READWRITE: number;
  /** Creates the file if it does not exist. */
  readonly OPEN_CREATE: number;
  /** Reads a name that starts with `file:` as a URI. */
  readonly OPEN_URI: number;
  /** A connection. */
  readonly Database: typeof Database;
}

/**
 * Sequelize's `dialectModule` for the dialect `sqlite`.
 *
 * @example A file
 * ```ts ignore
 * import { nodeSqlite } from "@scs/sequelize-store/node-sqlite";
 * import { Sequelize } from "sequelize";
 *
 * const sequelize = new Sequelize("sqlite:app.db", { dialectModule: nodeSqlite });
 * ```
 */
export const nodeSqlite: NodeSqlite = {
  OPEN_READONLY,
  OPEN_READWRITE,
  OPEN_CREATE,
  OPEN_URI,
  Database,
};
