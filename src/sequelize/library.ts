import type { Sequelize } from "sequelize";

/** The caller's own copy of Sequelize: importing one here could bring a second. */
export function libraryOf(
  sequelize: Sequelize,
): Pick<
  typeof import("sequelize"),
  "cast" | "col" | "DataTypes" | "literal" | "Op" | "QueryTypes"
> {
  return sequelize.constructor as unknown as typeof import("sequelize");
}
