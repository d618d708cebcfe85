/**
 * A store for koa-session: see {@linkcode KoaStore}.
 *
 * @example
 * ```ts
 * import { KoaStore } from "@scs/sequelize-store/koa";
 * import { MemoryStore } from "@scs/sequelize-store/manager";
 *
 * const store = new KoaStore(new MemoryStore()); // for session({ store }, app)
 * await store.set("a-key", { userId: 7 }, 60_000);
 * console.log((await store.get("a-key"))?.userId); // 7
 * ```
 *
 * @module
 */

export { type KoaCall, type KoaSession, KoaStore } from "./koa_store.ts";
export type { ExpressStoreOptions, Serializer } from "./options.ts";
export type { StoreSource } from "../store/resolve_store.ts";
export type { CallOptions, FullSessionStore, SessionRecord, SessionStore } from "../store/store.ts";
export type { Duration } from "../util/duration.ts";
