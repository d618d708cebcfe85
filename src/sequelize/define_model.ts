import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type { Model, Sequelize } from "sequelize";
import { type Dialect, dialectOf } from "./dialects/mod.ts";
import { isolate } from "./isolation.ts";
import { libraryOf } from "./library.ts";
import type { SessionAttributes, SessionModel, SessionModelOptions } from "./model.ts";

/** Defines the model without touching the database. */
export function defineSessionModel(
  sequelize: Sequelize,
  { tableName, schema, logging }: SessionModelOptions,
): SessionModel {
  const { DataTypes } = libraryOf(sequelize);
  const { columnTypes, schemas } = dialectOf(sequelize);
  const { token, data } = columnTypes(DataTypes);
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
      indexes: [expiryIndex(schemas, tableName, schema)],
    },
  );
}

/** PostgreSQL's limit, in bytes; MySQL's and MariaDB's is 64 characters. */
const MAX_INDEX_NAME = 63;

/**
 * Named after the table, because index names are unique in a schema of PostgreSQL and in a file of SQLite.
 * If the table's name alone does not make a name of its own, a hash does.
 */
export function expiryIndex(
  schemas: Dialect["schemas"],
  tableName: string,
  schema: string | undefined,
): { name: string; fields: string[] } {
  const isPrefixed = schemas === "prefix" && schema !== undefined;
  const table = isPrefixed ? `${schema}.${tableName}` : tableName;
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
