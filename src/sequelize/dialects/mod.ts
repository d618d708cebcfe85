// Chooses the dialect of a Sequelize instance.

import type { Sequelize } from "sequelize";
import type { Dialect } from "./dialect.ts";
import { mssql } from "./mssql.ts";
import { mariadb, mysql } from "./mysql.ts";
import { postgres } from "./postgres.ts";
import { sqlite } from "./sqlite.ts";

export type * from "./dialect.ts";

const DIALECTS: Readonly<Record<string, Dialect>> = {
  postgres,
  mysql,
  mariadb,
  mssql,
  sqlite,
};

/** The names of the dialects that the store is written for. */
export const DIALECT_NAMES: readonly string[] = Object.keys(DIALECTS);

export function dialectOf(sequelize: Sequelize): Dialect {
  return DIALECTS[sequelize.getDialect()]!;
}
