/**
 * Sessions for React Router 7 and 8 in framework mode: see {@linkcode createSessionStorage}.
 *
 * @example
 * ```ts
 * import { createSessionStorage } from "@scs/sequelize-store/react-router";
 * import { SessionManager } from "@scs/sequelize-store/manager";
 *
 * const { getSession, commitSession, destroySession } = createSessionStorage(
 *   new SessionManager<{ userId: number }>(),
 * );
 *
 * async function action({ request }: { request: Request }): Promise<Response> {
 *   const session = await getSession(request.headers.get("Cookie"));
 *   session.renewToken();
 *   session.set("userId", 7);
 *   const headers = { Location: "/", "Set-Cookie": await commitSession(session) };
 *   return new Response(null, { status: 302, headers });
 * }
 * await action({ request: new Request("http://localhost/") });
 * ```
 *
 * @module
 */

export {
  createSessionStorage,
  type FlashSessionData,
  type RenewableRouterSession,
  type RouterCookieOptions,
  type RouterSession,
  type RouterSessionStorage,
} from "./session_storage.ts";
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
