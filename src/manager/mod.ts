/**
 * Sessions for every handler that takes a `Request` and returns a `Response`: see
 * {@linkcode SessionManager}.
 *
 * @example
 * ```ts
 * import { SequelizeStore } from "@scs/sequelize-store";
 * import { SessionManager } from "@scs/sequelize-store/manager";
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
 * const sessions = new SessionManager<{ visits: number }>({ store });
 *
 * // For Deno.serve, and for everything else that takes such a function.
 * const handler = sessions.loadAndSave((_request, session) => {
 *   session.put("visits", (session.get("visits") ?? 0) + 1);
 *   return new Response(`Visit ${session.get("visits")}`);
 * });
 * await handler(new Request("http://localhost/"));
 * ```
 *
 * @module
 */

export { type Codec, devalueCodec, jsonCodec, type SessionContent } from "./codec.ts";
export type { CookieToSet, CookieToSetOptions } from "./cookie.ts";
export type { SessionCookieOptions } from "./cookie_options.ts";
export type { CookieSource, HeadersLike } from "./cookie_header.ts";
export type { LazySession } from "./lazy_session.ts";
export type { SessionManagerOptions } from "./options.ts";
export type { Header } from "./response_headers.ts";
export { MemoryStore } from "../store/memory_store.ts";
export { SessionManager } from "./session_manager.ts";
export { RenewedSessionError } from "./renewed_session_error.ts";
export type { RenewalOptions, Session, SessionStatus } from "./session.ts";
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
export { ConflictError } from "../store/conflict_error.ts";
