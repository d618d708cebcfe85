/**
 * Creates and drops the sessions table in a migration, for umzug and sequelize-cli: see {@linkcode up} and
 * {@linkcode down}. Open the store with `sync: false` then.
 *
 * @example With umzug
 * ```ts
 * import { down, up } from "@scs/sequelize-store/migration";
 * import type { QueryInterface } from "sequelize";
 *
 * const migration = {
 *   name: "2026-01-31-sessions",
 *   up: ({ context }: { context: QueryInterface }) => up(context),
 *   down: ({ context }: { context: QueryInterface }) => down(context),
 * };
 * ```
 *
 * @module
 */

export { down, type MigrationOptions, up } from "./migration.ts";
