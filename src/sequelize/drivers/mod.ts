// Chooses how the statements of a Sequelize instance are sent.

import type { Sequelize } from "sequelize";
import type { Driver, Parameter } from "./driver.ts";
import { GenericDriver } from "./generic.ts";

export type * from "./driver.ts";

/**
 * The driver for a Sequelize instance.
 *
 * @param literal Writes a value as a literal of SQL, for dialects whose bind parameters are no good.
 */
export function driverFor(
  sequelize: Sequelize,
  literal: ((value: Parameter) => string) | undefined,
): Driver {
  return new GenericDriver(sequelize, literal);
}
