/**
 * Finds the primary among several database hosts, without a proxy in front: see {@linkcode primaryOf}.
 *
 * @example
 * ```ts
 * import { primaryOf } from "@scs/sequelize-store/failover";
 * import { Sequelize } from "sequelize";
 *
 * const sequelize = new Sequelize("postgres://user:password@/name");
 * sequelize.addHook("beforeConnect", primaryOf(["db1:5432", "db2:5432", "db3:5432"]));
 * await sequelize.close();
 * ```
 *
 * @module
 */

export { type ConnectionTarget, primaryOf, type PrimaryOfOptions } from "./primary_of.ts";
export type { Duration } from "../../util/duration.ts";
