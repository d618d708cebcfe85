// Reads a table's indexes through Sequelize, for the dialects that do not need a query of their own.

import type { SessionModel } from "../model.ts";
import type { QueryOptions } from "./dialect.ts";

interface ShownIndex {
  readonly unique: boolean;
  /** Set by SQLite if the index leaves rows out. */
  readonly partial?: number;
  readonly fields: readonly {
    /** Missing for an expression. */
    readonly attribute?: string | null;
    /** Set by MySQL and MariaDB if the index covers only the beginning of the column. */
    readonly length?: number | undefined;
  }[];
}

/** The length of the longest token. */
const TOKEN_LENGTH = 255;

/** Returns the columns that an index serves: see {@linkcode Dialect.indexedColumns}. */
export async function shownIndexedColumns(
  model: SessionModel,
  options: QueryOptions,
): Promise<Set<string>> {
  const queryInterface = model.sequelize!.getQueryInterface();
  const table = model.getTableName() as string;
  const indexes = await queryInterface.showIndex(table, options) as ShownIndex[];
  const columns = new Set<string>();
  for (const { unique, partial, fields } of indexes) {
    // These databases ignore the case of column names.
    const column = fields[0]?.attribute?.toLowerCase();
    const isWhole = (fields[0]?.length ?? TOKEN_LENGTH) >= TOKEN_LENGTH;
    if (column === "expiry" || column === "owner") columns.add(column);
    if (column === "token" && unique && !partial && fields.length === 1 && isWhole) {
      columns.add(column);
    }
  }
  return columns;
}
