import type { Sequelize } from "sequelize";

/** The caller's own copy of Sequelize: importing one here could bring a second. */
export function libraryOf(
  sequelize: Sequelize,
): Pick<typeof import("sequelize"), "ConnectionError" | "DataTypes" | "Op" | "QueryTypes"> & {
  prototype: Sequelize;
} {
  // Of a subclass, the class that it extends.
  return sequelize.Sequelize as unknown as ReturnType<typeof libraryOf>;
}
