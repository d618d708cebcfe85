/**
 * Sessions for every handler that takes a `Request` and gives a `Response`: see
 * {@linkcode SessionManager}.
 *
 * @module
 */

export { type Codec, devalueCodec, jsonCodec, type SessionContent } from "./src/codec.ts";
export type { SessionCookieOptions } from "./src/cookie.ts";
export type { SessionManagerOptions } from "./src/manager_options.ts";
export { MemoryStore } from "./src/memory_store.ts";
export { SessionManager } from "./src/session_manager.ts";
export type { Session, SessionStatus } from "./src/session.ts";
export type { CallOptions, FullSessionStore, SessionRecord, SessionStore } from "./src/store.ts";
