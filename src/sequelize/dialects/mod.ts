// Chooses the dialect of a Sequelize instance.

import type { Sequelize } from "sequelize";
import type { Driver } from "../drivers/mod.ts";
import type { SessionModel } from "../model.ts";
import type { Dialect, Statements } from "./dialect.ts";
import { genericStatements } from "./generic.ts";
import { mssql } from "./mssql.ts";
import { mysql } from "./mysql.ts";
import { postgres } from "./postgres.ts";
import { sqlite } from "./sqlite.ts";

export type * from "./dialect.ts";

const DIALECTS: Readonly<Record<string, Dialect>> = {
  postgres,
  mysql,
  mariadb: mysql,
  mssql,
  sqlite,
};

/** The names of the dialects that the store is written for. */
export const DIALECT_NAMES: readonly string[] = Object.keys(DIALECTS);

/** The dialect of a Sequelize instance. */
export function dialectOf(sequelize: Sequelize): Dialect {
  return DIALECTS[sequelize.getDialect()]!;
}

/** The statements on a table: the dialect's own, unless a setting of Sequelize's does not fit them. */
export function statementsOn(model: SessionModel, driver: Driver): Statements {
  const { statements } = dialectOf(model.sequelize!);
  return statements === undefined || prependsSearchPath(model.sequelize!)
    ? genericStatements(model)
    : statements(model, driver);
}

/** With a search path before it a statement is two, and PostgreSQL takes bind parameters for one only. */
function prependsSearchPath(sequelize: Sequelize): boolean {
  const { options } = sequelize as unknown as {
    options: { dialectOptions?: { prependSearchPath?: boolean } };
  };
  return options.dialectOptions?.prependSearchPath === true;
}
