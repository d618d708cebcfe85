// Chooses how the statements of a Sequelize instance are sent.

import type { Sequelize } from "sequelize";
import { libraryOf } from "../library.ts";
import type { ErrorTable } from "../errors.ts";
import type { DirectDriver, SequelizeInternals } from "./direct.ts";
import type { Driver, Parameter } from "./driver.ts";
import { GenericDriver } from "./generic.ts";
import { MariadbDriver } from "./mariadb.ts";
import { Mysql2Driver } from "./mysql2.ts";
import { PgDriver } from "./pg.ts";
import { Primary, type StandbyCheck } from "./primary.ts";
import { SqliteDriver } from "./sqlite.ts";

export type * from "./driver.ts";
export type { StandbyCheck } from "./primary.ts";

/** How statements are sent: by the database driver itself if possible, or by `sequelize.query`. */
export type DriverChoice = "direct" | "sequelize";

interface DirectDriverClass {
  new (sequelize: Sequelize, generic: GenericDriver, primary: Primary): DirectDriver<never>;
  /** Whether the module that Sequelize uses is the one that this driver is written for. */
  fits(module: unknown): boolean;
}

const DIRECT_DRIVERS: Readonly<Record<string, DirectDriverClass>> = {
  postgres: PgDriver,
  mysql: Mysql2Driver,
  mariadb: MariadbDriver,
  sqlite: SqliteDriver,
};

/** What a driver must know of its dialect. */
interface DialectFacts {
  readonly errors: ErrorTable;
  readonly standbyCheck?: StandbyCheck;
  /** Writes a value as a literal of SQL, for dialects whose bind parameters cannot be used. */
  readonly literalFor?: (sequelize: Sequelize) => ((value: Parameter) => string) | undefined;
}

/** How a driver is chosen, and what it does. */
interface DriverSettings {
  readonly driver: DriverChoice;
  /** Whether rows may come from a standby. */
  readonly standbyReads: boolean;
}

/**
 * Chooses the driver for a Sequelize instance. It is a direct one if the instance is set up as usual: with the
 * dialect's usual module, Sequelize's own connection manager, and its own `query` method.
 *
 * @param onEvicted Called after each connection that was taken out of the pool.
 */
export function driverFor(
  sequelize: Sequelize,
  { errors, standbyCheck, literalFor }: DialectFacts,
  { driver, standbyReads }: DriverSettings,
  onEvicted: () => void,
): Driver {
  const check = standbyReads ? undefined : standbyCheck;
  const primary = Primary.of(sequelize, errors, check, onEvicted);
  const literal = literalFor?.(sequelize);
  const generic = new GenericDriver(sequelize, standbyCheck && primary, literal);
  const Direct = DIRECT_DRIVERS[sequelize.getDialect()];
  const { connectionManager, options } = sequelize as unknown as SequelizeInternals;
  const isUsual = !options.native && !options.dialectOptions?.prependSearchPath &&
    sequelize.query === libraryOf(sequelize).prototype.query;
  return driver === "direct" && isUsual && primary && Direct?.fits(connectionManager.lib)
    ? new Direct(sequelize, generic, primary)
    : generic;
}
