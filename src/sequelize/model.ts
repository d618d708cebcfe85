// The table: SCS's own `token`, `data` and `expiry`, and an index that finds what has expired.

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type { Model, ModelStatic, QueryOptions, Sequelize } from "sequelize";
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
/** What the view needs of Sequelize that its types do not have. */
interface SharedOptions {
  readonly query?: object;
  readonly searchPath?: string;
}

/** The store knows best which of its statements may be sent again: see SessionTable.run. */
const NO_RETRY = { max: 1 };

/**
 * A view of the application's Sequelize instance for the store alone. It shares the dialect and the
 * connections; models, hooks and defaults are its own, so that nothing of the application's
 * (`define`, `query`, hooks, a model of the same name) reaches the store, and the other way round: the
 * application's `sequelize.sync({ force: true })` does not drop the sessions.
 */
function isolate(sequelize: Sequelize, logging: SessionModelOptions["logging"]): Sequelize {
  const { options: shared } = sequelize as unknown as { options: SharedOptions };
  const options = derive(shared, {
    attributeBehavior: "throw",
    define: {},
    hooks: {},
    logging,
    minifyAliases: false,
    omitNull: false,
    query: {},
    quoteIdentifiers: true,
    retry: NO_RETRY,
    schema: undefined,
    // Sequelize would send SHOW WARNINGS after a statement, and take the answer for that statement's.
    showWarnings: false,
    // DATETIME of MySQL and MariaDB has no time zone: in a local one, an hour comes twice every autumn,
    // and applications with different ones could not share the table.
    timezone: "+00:00",
    // Sequelize reads this one only where it is an own property.
    ...("searchPath" in shared && { searchPath: shared.searchPath }),
  });
  const queryInterface = sequelize.getQueryInterface();
  const view = derive(sequelize, { ...methodsOf(sequelize, logging), options, models: {} });
  const queryGenerator = derive(queryInterface.queryGenerator as object, {
    OperatorsAliasMap: {},
    options,
    sequelize: view,
  });
  const ModelManager = sequelize.modelManager.constructor as new (of: Sequelize) => unknown;
  return Object.assign(view, {
    queryInterface: derive(queryInterface, { queryGenerator, sequelize: view }),
    modelManager: new ModelManager(view),
  });
}

/**
 * Sequelize's own methods in place of those that a subclass overrides: the private fields of the subclass
 * exist only on the instance itself, so that its methods cannot run on the view. An overridden `query`
 * still gets every statement: it runs on the instance, with the view's options.
 */
function methodsOf(sequelize: Sequelize, logging: SessionModelOptions["logging"]): object {
  const methods: Record<string, unknown> = {};
  const base = sequelize.Sequelize.prototype as unknown as Record<string, unknown>;
  let level = Object.getPrototypeOf(sequelize);
  for (; level !== null && level !== base; level = Object.getPrototypeOf(level)) {
    for (const name of Object.getOwnPropertyNames(level)) {
      // The class stays: libraryOf reads it.
      if (name in base && name !== "constructor") methods[name] = base[name];
    }
  }
  if ("query" in methods) methods.query = queryOn(sequelize, logging);
  return methods;
}

/** `sequelize.query`, except that the instance's options do not reach the statement. */
function queryOn(
  sequelize: Sequelize,
  logging: SessionModelOptions["logging"],
): (sql: string, options?: QueryOptions) => Promise<unknown> {
  const { options: { query = {} } } = sequelize as unknown as { options: SharedOptions };
  const noDefaults = Object.fromEntries(Object.keys(query).map((name) => [name, undefined]));
  return (sql, options = {}) =>
    sequelize.query(sql, {
      ...noDefaults,
      ...options,
      logging: options.logging ?? logging,
      retry: NO_RETRY,
    });
}

/** An object that is as another, except for some properties. */
function derive<T extends object>(from: T, properties: object): T {
  // Defined, not assigned: an assignment would call a setter that `from` has.
  return Object.create(from, Object.getOwnPropertyDescriptors(properties));
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
      indexes: [expiryIndex(sequelize.getDialect(), tableName, schema)],
    },
  );
}

/** PostgreSQL's limit, in bytes; MySQL's and MariaDB's is 64 characters. */
const MAX_INDEX_NAME = 63;

/**
 * Named after the table, because index names are unique in a schema of PostgreSQL and in a file of SQLite.
 * Where the table's name alone does not make a name of its own, a hash does.
 */
export function expiryIndex(
  dialect: string,
  tableName: string,
  schema: string | undefined,
): { name: string; fields: string[] } {
  // SQLite has no schemas: in Sequelize, the schema is the beginning of the table's name there.
  const table = dialect === "sqlite" && schema !== undefined ? `${schema}.${tableName}` : tableName;
  const suffix = "_expiry_idx";
  const fields = ["expiry"];
  if (table === tableName && Buffer.byteLength(table + suffix) <= MAX_INDEX_NAME) {
    return { name: table + suffix, fields };
  }
  const hash = createHash("sha256").update(table).digest("hex").slice(0, 8);
  const end = `_${hash}${suffix}`;
  // A dot would end a schema's name.
  const start = firstBytes(table.replace(".", "_"), MAX_INDEX_NAME - end.length);
  return { name: start + end, fields };
}

/** As many whole characters as fit into so many bytes. */
function firstBytes(text: string, count: number): string {
  // A stream may go on: the decoder keeps an incomplete character back.
  return new TextDecoder().decode(Buffer.from(text).subarray(0, count), { stream: true });
}
