/**
 * Sessions for the web in any SQL database that Sequelize speaks: see {@linkcode SequelizeStore}.
 *
 * @module
 */

export type { CallOptions, FullSessionStore, SessionRecord, SessionStore } from "./src/store.ts";
export { SequelizeStore } from "./src/sequelize_store.ts";
export type { SequelizeCallOptions, SequelizeStoreOptions } from "./src/options.ts";
export type { SessionAttributes, SessionModel } from "./src/session_model.ts";
