/**
 * Sessions for Hono: see {@linkcode honoSessions}.
 *
 * @example
 * ```ts
 * import { honoSessions } from "@scs/sequelize-store/hono";
 * import { SessionManager } from "@scs/sequelize-store/manager";
 * import { Hono } from "hono";
 *
 * const sessions = new SessionManager<{ visits: number }>();
 *
 * const app = new Hono().use(honoSessions(sessions)).get("/", (c) => {
 *   const { session } = c.var;
 *   session.put("visits", (session.get("visits") ?? 0) + 1);
 *   return c.text(`Visit ${session.get("visits")}`);
 * });
 * await app.request("/"); // or Deno.serve(app.fetch)
 * ```
 *
 * @module
 */

export {
  honoSessions,
  type HonoSessionsOptions,
  type SessionEnv,
  type SessionMiddleware,
} from "./hono_sessions.ts";
export type {
  CallOptions,
  CookieSource,
  CookieToSet,
  CookieToSetOptions,
  Header,
  HeadersLike,
  LazySession,
  RenewalOptions,
  Session,
  SessionManager,
  SessionStatus,
} from "../manager/mod.ts";
