/**
 * Sessions for node:http and the frameworks on top of it, such as Express, connect, Polka and NestJS: see
 * {@linkcode nodeSessions}.
 *
 * @example
 * ```ts ignore
 * import { SessionManager } from "@scs/sequelize-store/manager";
 * import { nodeSessions } from "@scs/sequelize-store/node";
 * import express from "express";
 *
 * const app = express();
 * app.use(nodeSessions(new SessionManager<{ visits: number }>()));
 * app.get("/", (request, response) => {
 *   request.session.put("visits", (request.session.get("visits") ?? 0) + 1);
 *   response.send(`Visit ${request.session.get("visits")}`);
 * });
 * ```
 *
 * @module
 */

export { cookieSource, type NodeRequest } from "./cookie_source.ts";
export {
  type NodeResponse,
  type NodeSessions,
  nodeSessions,
  type NodeSessionsOptions,
} from "./node_sessions.ts";
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
