// The table: SCS's own `token`, `data` and `expiry`, and an index that finds what has expired.

import type { Buffer } from "node:buffer";
import type { Model, ModelStatic, Sequelize } from "sequelize";
import { dialectOf } from "./dialects/mod.ts";
import { libraryOf } from "./library.ts";

/** The columns of the sessions table. */
export interface SessionAttributes {
  /** The primary key. */
  token: string;
  /** The encoded values; a `Buffer`, because Sequelize would write any other array as text. */
  data: Buffer;
  /** When the session stops being active. */
  expiry: Date;
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
    // The store knows best which of its statements may be sent again: see SessionTable.run.
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

/** Defines the model without touching the database. */
export function defineSessionModel(
  sequelize: Sequelize,
  { tableName, schema, logging }: SessionModelOptions,
): SessionModel {
  const { DataTypes } = libraryOf(sequelize);
  const { token, data } = dialectOf(sequelize).columnTypes(DataTypes);
  return isolate(sequelize, logging).define<Model<SessionAttributes, SessionAttributes>>(
    "Session",
    {
      token: { type: token, primaryKey: true, allowNull: false },
      data: { type: data, allowNull: false },
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
