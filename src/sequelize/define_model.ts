import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type { Model, Sequelize, WhereOptions } from "sequelize";
import { dialectOf } from "./dialects/mod.ts";
import { isolate } from "./isolation.ts";
import { libraryOf } from "./library.ts";
import type { SessionAttributes, SessionModel, SessionModelOptions } from "./model.ts";

/** Defines the model without touching the database. */
export function defineSessionModel(
  sequelize: Sequelize,
  { tableName, schema, logging, owners }: SessionModelOptions,
): SessionModel {
  const { DataTypes } = libraryOf(sequelize);
  const { columnTypes } = dialectOf(sequelize);
  const { token, data, owner } = columnTypes(DataTypes);
  const names = owners ? INDEXED : INDEXED.slice(0, 1);
  return isolate(sequelize, logging).define<Model<SessionAttributes, SessionAttributes>>(
    "Session",
    {
      token: { type: token, primaryKey: true, allowNull: false },
      data: { type: data, allowNull: false },
      expiry: { type: DataTypes.DATE(3), allowNull: false },
      ...(owners && { owner: { type: owner, allowNull: true } }),
    },
    {
      tableName,
      ...(schema === undefined ? {} : { schema }),
      timestamps: false,
      indexes: names.map((column) => indexOn(column, sequelize, tableName, schema)),
    },
  );
}

/** PostgreSQL's limit, in bytes; MySQL's and MariaDB's is 64 characters. */
const MAX_INDEX_NAME = 63;

/** The columns that an index begins with. */
export type IndexedColumn = "expiry" | "owner";

const INDEXED: readonly IndexedColumn[] = ["expiry", "owner"];

/** An index as Sequelize takes it. */
export interface Index {
  readonly name: string;
  readonly fields: string[];
  readonly where?: WhereOptions<SessionAttributes>;
}

/**
 * Returns the index on a column. The owner's index holds each owner's tokens in order, without rows that have no
 * owner.
 */
export function indexOn(
  column: IndexedColumn,
  sequelize: Sequelize,
  tableName: string,
  schema: string | undefined,
): Index {
  const isPrefixed = dialectOf(sequelize).schemas === "prefix" && schema !== undefined;
  const table = isPrefixed ? `${schema}.${tableName}` : tableName;
  const name = nameOf(`_${column}_idx`, table, tableName);
  if (column === "expiry") return { name, fields: ["expiry"] };
  // Sequelize leaves the condition out for MySQL and MariaDB, which have none.
  const where = { owner: { [libraryOf(sequelize).Op.ne]: null } };
  return { name, fields: ["owner", "token"], where };
}

/**
 * Makes a name from the table's name, because index names are unique in a schema of PostgreSQL and in a file of
 * SQLite. If the table's name alone is not enough for a unique name, a hash is added.
 */
function nameOf(suffix: string, table: string, tableName: string): string {
  if (table === tableName && Buffer.byteLength(table + suffix) <= MAX_INDEX_NAME) {
    return table + suffix;
  }
  const hash = createHash("sha256").update(table).digest("hex").slice(0, 8);
  const end = `_${hash}${suffix}`;
  // A dot would be read as the end of a schema's name.
  const start = firstBytes(table.replace(".", "_"), MAX_INDEX_NAME - end.length);
  return start + end;
}

/** Returns as many whole characters as fit into `count` bytes. */
function firstBytes(text: string, count: number): string {
  // As a stream may continue, the decoder holds back an incomplete character.
  return new TextDecoder().decode(Buffer.from(text).subarray(0, count), { stream: true });
}
