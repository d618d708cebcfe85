/**
 * The sessions table as a migration, for umzug and sequelize-cli: see {@linkcode up} and
 * {@linkcode down}. Open the store with `sync: false` then.
 *
 * @module
 */

export { down, type MigrationOptions, up } from "./src/migration.ts";
