// Chooses how the statements of a Sequelize instance are sent.

import type { Sequelize } from "sequelize";
import { hasMethods } from "../../util/check.ts";
import { libraryOf } from "../library.ts";
import type { DirectDriver, SequelizeInternals } from "./direct.ts";
import type { Driver, Parameter } from "./driver.ts";
import { GenericDriver } from "./generic.ts";
import { MariadbDriver } from "./mariadb.ts";
import { Mysql2Driver } from "./mysql2.ts";
import { PgDriver } from "./pg.ts";
import { SqliteDriver } from "./sqlite.ts";

export type * from "./driver.ts";

/** How statements are sent: by the database driver itself if possible, or by `sequelize.query`. */
export type DriverChoice = "direct" | "sequelize";

interface DirectDriverClass {
  new (sequelize: Sequelize, generic: GenericDriver): DirectDriver<never>;
  /** Whether the module that Sequelize uses is the one that this driver is written for. */
  fits(module: unknown): boolean;
}

const DIRECT_DRIVERS: Readonly<Record<string, DirectDriverClass>> = {
  postgres: PgDriver,
  mysql: Mysql2Driver,
  mariadb: MariadbDriver,
  sqlite: SqliteDriver,
};

/**
 * Chooses the driver for a Sequelize instance. It is a direct one if everything is as it is known to work: the
 * dialect's usual module, Sequelize's own connection manager, and its own `query` method.
 *
 * @param literal Writes a value as a literal of SQL, for dialects whose bind parameters are no good.
 */
export function driverFor(
  sequelize: Sequelize,
  choice: DriverChoice,
  literal: ((value: Parameter) => string) | undefined,
): Driver {
  const generic = new GenericDriver(sequelize, literal);
  const Direct = DIRECT_DRIVERS[sequelize.getDialect()];
  const { connectionManager, options } = sequelize as unknown as SequelizeInternals;
  const isUsual = !options.native && !options.dialectOptions?.prependSearchPath &&
    sequelize.query === libraryOf(sequelize).prototype.query &&
    hasMethods(connectionManager, ["getConnection", "releaseConnection"]);
  return choice === "direct" && isUsual && Direct?.fits(connectionManager.lib)
    ? new Direct(sequelize, generic)
    : generic;
}
