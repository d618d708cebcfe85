import type { Sequelize } from "sequelize";

/** Returns the caller's own copy of Sequelize. An import here could load a second copy. */
export function libraryOf(
  sequelize: Sequelize,
): Pick<typeof import("sequelize"), "ConnectionError" | "DataTypes" | "Op" | "QueryTypes"> & {
  prototype: Sequelize;
} {
  // For a subclass, this is the class that it extends.
  return sequelize.Sequelize as unknown as ReturnType<typeof libraryOf>;
}
