/**
 * The store behind express-session and @fastify/session: see {@linkcode ExpressStore}.
 *
 * @example
 * ```ts
 * import { SequelizeStore } from "@scs/sequelize-store";
 * import { ExpressStore } from "@scs/sequelize-store/express";
 * import { Sequelize } from "sequelize";
 *
 * const sequelize = new Sequelize({ dialect: "sqlite", storage: ":memory:", logging: false });
 * await using sessions = await SequelizeStore.open(sequelize);
 * const store = new ExpressStore(sessions); // for session({ store, ... })
 * console.log(await store.length()); // 0
 * ```
 *
 * @module
 */

export { ExpressStore } from "./src/express_store.ts";
export type { ExpressStoreOptions, Serializer } from "./src/express_options.ts";
export type { Callback } from "./src/callback.ts";
export type { SessionRequest } from "./src/express_classes.ts";
export type {
  SavableCookie,
  SavableSession,
  StoredCookie,
  StoredSession,
} from "./src/express_session.ts";
export type { CallOptions, FullSessionStore, SessionRecord, SessionStore } from "./src/store.ts";
export type { Duration } from "./src/read_options.ts";
