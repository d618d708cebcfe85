/**
 * A store for express-session and @fastify/session: see {@linkcode ExpressStore}.
 *
 * @example
 * ```ts
 * import { SequelizeStore } from "@scs/sequelize-store";
 * import { ExpressStore } from "@scs/sequelize-store/express";
 * import { nodeSqlite } from "@scs/sequelize-store/node-sqlite";
 * import { Sequelize } from "sequelize";
 *
 * const sequelize = new Sequelize({
 *   dialect: "sqlite",
 *   storage: ":memory:",
 *   dialectModule: nodeSqlite,
 *   logging: false,
 * });
 * await using sessions = await SequelizeStore.open(sequelize);
 * const store = new ExpressStore(sessions); // for session({ store, ... })
 * console.log(await store.length()); // 0
 * ```
 *
 * @module
 */

export { ExpressStore } from "./express_store.ts";
export type { ExpressStoreOptions, Serializer } from "./options.ts";
export type { Callback } from "./callback.ts";
export type { SessionRequest } from "./middleware_classes.ts";
export { ConflictError } from "../store/conflict_error.ts";
export type { SavableCookie, SavableSession, StoredCookie, StoredSession } from "./session_data.ts";
export type { StoreSource } from "../store/resolve_store.ts";
export type {
  CallOptions,
  CommitOptions,
  FullSessionStore,
  OwnedSessionStore,
  ReplaceOptions,
  SessionRecord,
  SessionStore,
} from "../store/store.ts";
export type { Owner } from "../store/owner.ts";
export type { Duration } from "../util/duration.ts";
