// The look at a table's indexes that Sequelize has, for the dialects that do without one of their own.

import type { SessionModel } from "../model.ts";
import type { QueryOptions } from "./dialect.ts";

interface ShownIndex {
  readonly unique: boolean;
  /** SQLite's, if the index leaves rows out. */
  readonly partial?: number;
  readonly fields: readonly {
    /** None for an expression. */
    readonly attribute?: string | null;
    /** MySQL's and MariaDB's, if the index is on the beginning of the column alone. */
    readonly length?: number | undefined;
  }[];
}

/** The longest token. */
const TOKEN_LENGTH = 255;

/** The columns that an index serves: see {@linkcode Dialect.indexedColumns}. */
export async function shownIndexedColumns(
  model: SessionModel,
  options: QueryOptions,
): Promise<Set<string>> {
  const queryInterface = model.sequelize!.getQueryInterface();
  const table = model.getTableName() as string;
  const indexes = await queryInterface.showIndex(table, options) as ShownIndex[];
  const columns = new Set<string>();
  for (const { unique, partial, fields } of indexes) {
    // These databases take a column whatever the case of its name.
    const column = fields[0]?.attribute?.toLowerCase();
    const isWhole = (fields[0]?.length ?? TOKEN_LENGTH) >= TOKEN_LENGTH;
    if (column === "expiry" || column === "owner") columns.add(column);
    if (column === "token" && unique && !partial && fields.length === 1 && isWhole) {
      columns.add(column);
    }
  }
  return columns;
}
