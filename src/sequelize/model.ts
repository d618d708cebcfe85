// The table: SCS's own `token`, `data` and `expiry`, and an index that finds what has expired.

import type { Buffer } from "node:buffer";
import type { Model, ModelStatic, Sequelize } from "sequelize";

/** The columns of the sessions table. */
export interface SessionAttributes {
  /** The primary key. */
  token: string;
  /** The encoded values; a `Buffer`, because Sequelize would write any other array as text. */
  data: Buffer;
  /** When the session stops being active. */
  expiry: Date;
}

/** A session whose expiry is to move. */
export type Touch = Omit<SessionAttributes, "data">;

/** A session that is to hold other data and another expiry, if it holds `current`. */
export interface Replacement extends SessionAttributes {
  readonly current: Buffer;
}

/** @ignore so that the documentation does not take Sequelize's own types for undocumented ones */
type SessionModelStatic = ModelStatic<Model<SessionAttributes, SessionAttributes>>;

/** The Sequelize model behind a store. */
export type SessionModel = SessionModelStatic;

/** Where the table is, and whether its statements are logged. */
export interface SessionModelOptions {
  readonly tableName: string;
  readonly schema: string | undefined;
  readonly logging: false | ((sql: string, timing?: number) => void);
}

/**
 * The token column per dialect. The collation is pinned because the defaults of MySQL, MariaDB and
 * SQL Server ignore case, so that `abc` would find `ABC`; and because indexes under PostgreSQL's "C"
 * neither depend on the operating system's locale data nor break when that changes.
 */
const TOKEN_TYPES: Readonly<Record<string, string>> = {
  postgres: 'VARCHAR(255) COLLATE "C"',
  mysql: "VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin",
  mariadb: "VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin",
  mssql: "NVARCHAR(255) COLLATE Latin1_General_100_BIN2",
  sqlite: "VARCHAR(255)",
};

/** Whether a dialect is MySQL's: MySQL or MariaDB, by whichever driver. */
export function isMySql(dialect: string): boolean {
  return dialect === "mysql" || dialect === "mariadb";
}

/** The dialects that the store is written for. */
export const DIALECTS: readonly string[] = Object.keys(TOKEN_TYPES);

/**
 * A view of the application's Sequelize instance for the store alone. It shares the dialect and the
 * connections; models, hooks and defaults are its own, so that nothing of the application's
 * (`define`, `query`, hooks, a model of the same name) reaches the store, and the other way round: the
 * application's `sequelize.sync({ force: true })` does not drop the sessions.
 */
function isolate(sequelize: Sequelize, logging: SessionModelOptions["logging"]): Sequelize {
  const { options: shared } = sequelize as unknown as { options: { searchPath?: string } };
  const options = derive(shared, {
    define: {},
    hooks: {},
    logging,
    omitNull: false,
    query: {},
    quoteIdentifiers: true,
    // The store knows best which of its statements may be sent again: see isTransient.
    retry: { max: 1 },
    schema: undefined,
    // DATETIME of MySQL and MariaDB has no time zone: in a local one, an hour comes twice every autumn,
    // and applications with different ones could not share the table.
    timezone: "+00:00",
    // Sequelize reads this one only where it is an own property.
    ...("searchPath" in shared && { searchPath: shared.searchPath }),
  });
  const view = derive(sequelize, { options, models: {} });
  const queryInterface = sequelize.getQueryInterface();
  const queryGenerator = derive(queryInterface.queryGenerator as object, {
    options,
    sequelize: view,
  });
  const ModelManager = sequelize.modelManager.constructor as new (of: Sequelize) => unknown;
  return Object.assign(view, {
    queryInterface: derive(queryInterface, { queryGenerator, sequelize: view }),
    modelManager: new ModelManager(view),
  });
}

/** An object that is as another, but for some properties. */
function derive<T extends object>(from: T, properties: object): T {
  return Object.assign(Object.create(from), properties);
}

/** The caller's own copy of Sequelize: importing one here could bring a second. */
export function libraryOf(
  sequelize: Sequelize,
): Pick<
  typeof import("sequelize"),
  "cast" | "col" | "DataTypes" | "literal" | "Op" | "QueryTypes"
> {
  return sequelize.constructor as unknown as typeof import("sequelize");
}

/** Defines the model without touching the database. */
export function defineSessionModel(
  sequelize: Sequelize,
  { tableName, schema, logging }: SessionModelOptions,
): SessionModel {
  const { DataTypes } = libraryOf(sequelize);
  const dialect = sequelize.getDialect();
  return isolate(sequelize, logging).define<Model<SessionAttributes, SessionAttributes>>(
    "Session",
    {
      token: { type: TOKEN_TYPES[dialect]!, primaryKey: true, allowNull: false },
      // Without a length, BLOB of MySQL and MariaDB ends at 64 KiB; nowhere else does it take one.
      data: { type: isMySql(dialect) ? DataTypes.BLOB("long") : DataTypes.BLOB, allowNull: false },
      expiry: { type: DataTypes.DATE(3), allowNull: false },
    },
    {
      tableName,
      ...(schema === undefined ? {} : { schema }),
      timestamps: false,
      indexes: [expiryIndex(tableName)],
    },
  );
}

/** Named after the table, because PostgreSQL's index names are unique in a schema; 63 characters at most. */
export function expiryIndex(tableName: string): { name: string; fields: string[] } {
  return { name: `${tableName.slice(0, 52)}_expiry_idx`, fields: ["expiry"] };
}
