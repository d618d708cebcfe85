/**
 * Sessions for the web in any SQL database that Sequelize supports: see {@linkcode SequelizeStore}.
 *
 * @example
 * ```ts
 * import { SequelizeStore } from "@scs/sequelize-store";
 * import { nodeSqlite } from "@scs/sequelize-store/node-sqlite";
 * import { Sequelize } from "sequelize";
 *
 * const sequelize = new Sequelize({
 *   dialect: "sqlite",
 *   storage: ":memory:",
 *   dialectModule: nodeSqlite,
 *   logging: false,
 * });
 * await using store = await SequelizeStore.open(sequelize);
 *
 * const inAnHour = new Date(Date.now() + 3_600_000);
 * await store.commit("a-token", new TextEncoder().encode("Hello from a session!"), inAnHour);
 * const session = await store.find("a-token");
 * ```
 *
 * @module
 */

export type {
  CallOptions,
  CommitOptions,
  FullSessionStore,
  OwnedSessionStore,
  ReplaceOptions,
  SessionRecord,
  SessionStore,
} from "./src/store/store.ts";
export { SequelizeStore } from "./src/sequelize/sequelize_store.ts";
export type { CleanupStats, StoreStats } from "./src/sequelize/counters.ts";
export type { StatementMessage, StatementVerb } from "./src/sequelize/statement_channel.ts";
export { QueueFullError } from "./src/batching/queue_full_error.ts";
export type { DriverChoice } from "./src/sequelize/drivers/mod.ts";
export type { SequelizeCallOptions, SequelizeStoreOptions } from "./src/sequelize/options.ts";
export type { SessionAttributes, SessionModel } from "./src/sequelize/model.ts";
export type { Duration } from "./src/util/duration.ts";
