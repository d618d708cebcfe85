import type { Context, MiddlewareHandler } from "hono";
import type { LazySession, Session, SessionManager } from "../manager/mod.ts";
import { MANAGER } from "../manager/manager_rule.ts";
import { addHeaders, describesResponse } from "../manager/response_headers.ts";
import { checkResponse } from "../manager/response_rule.ts";
import { check, FLAG } from "../util/check.ts";
import { readOptions, withDefault } from "../util/options.ts";

/** The options of {@linkcode honoSessions}. */
export interface HonoSessionsOptions {
  /**
   * Whether `c.var.session` is a {@linkcode LazySession}, which is loaded when it is first awaited. A request that
   * does not await it costs no query, and its response does not get `Vary: Cookie`.
   *
   * @default {false}
   */
  readonly lazy?: boolean | undefined;
}

/**
 * What the middleware adds to an app's `Env`: for `new Hono<SessionEnv<Session<Values>>>()`, if the type is not
 * inferred from `use`.
 *
 * @template S What `c.var.session` is.
 */
export interface SessionEnv<S> {
  /** The variables that handlers find in `c.var`. */
  Variables: {
    /** The request's session. */
    session: S;
  };
}

/** @ignore so that the documentation does not take Hono's own type for an undocumented one */
type HonoMiddleware<S> = MiddlewareHandler<SessionEnv<S>>;

/**
 * The middleware that {@linkcode honoSessions} makes.
 *
 * @template S What `c.var.session` is.
 */
export type SessionMiddleware<S> = HonoMiddleware<S>;

const OPTIONS = { lazy: withDefault(FLAG, false) };

/**
 * Makes a middleware for Hono. It puts the session into `c.var.session`, and commits it after the handlers have
 * returned and before the response is sent. Later changes by a streaming body are saved only by `commit` of the
 * {@linkcode SessionManager}.
 *
 * A handler must return a response that can be sent. `Response.error()`, or a response whose body was read, causes an
 * error before anything is saved.
 *
 * If a handler throws, nothing is saved, whatever `app.onError` returns. If the store fails, the manager's `onError`
 * is called, and the response is what it returns, or else a 500 response. Headers of other middlewares stay if they
 * do not describe the page, such as CORS headers.
 *
 * @param manager The manager of the sessions.
 * @param options `lazy`: whether `c.var.session` is loaded only when it is awaited.
 * @returns The middleware, for `app.use`.
 * @throws {TypeError} If an argument has the wrong type.
 *
 * @example A session that only some pages need
 * ```ts
 * import { honoSessions } from "@scs/sequelize-store/hono";
 * import { SessionManager } from "@scs/sequelize-store/manager";
 * import { Hono } from "hono";
 *
 * const sessions = new SessionManager<{ userId: number }>();
 *
 * const app = new Hono().use(honoSessions(sessions, { lazy: true }))
 *   .get("/", (c) => c.text("For everybody"))
 *   .get("/account", async (c) => {
 *     const session = await c.var.session;
 *     return c.text(`User ${session.get("userId")}`);
 *   });
 * await app.request("/account");
 * ```
 */
export function honoSessions<Values extends object>(
  manager: SessionManager<Values>,
  options: HonoSessionsOptions & { readonly lazy: true },
): SessionMiddleware<LazySession<Values>>;
/** Makes a middleware whose sessions are loaded before the handler runs: see above. */
export function honoSessions<Values extends object>(
  manager: SessionManager<Values>,
  options?: HonoSessionsOptions & { readonly lazy?: false | undefined },
): SessionMiddleware<Session<Values>>;
export function honoSessions<Values extends object>(
  manager: SessionManager<Values>,
  options: HonoSessionsOptions = {},
  // deno-lint-ignore no-explicit-any -- the one or the other session
): SessionMiddleware<any> {
  const action = "create the middleware";
  check(action, "manager", manager, MANAGER);
  const { lazy } = readOptions(action, options, OPTIONS);
  /** The requests that already have a session: the middleware may be mounted twice. */
  const requests = served.get(manager) ?? new WeakSet();
  served.set(manager, requests);

  return async (c, next) => {
    if (requests.has(c)) return await next();
    requests.add(c);
    const request = c.req.raw;
    const session = manager.loadLazily(request);
    try {
      c.set("session", lazy ? session : await session);
    } catch (error) {
      return await manager.toErrorResponse(error, { request });
    }
    await next();
    checkResponse(c.res);
    try {
      // Hono has caught the error, and `app.onError` has made the response.
      if (c.error !== undefined) await discard(session, c.error);
      const headers = await manager.commitHeaders(session);
      if (headers.length > 0) replaceResponse(c, addHeaders(c.res, headers));
    } catch (error) {
      c.res.body?.cancel().catch(() => {});
      const kept = [...c.res.headers].filter(([name]) => !describesResponse(name));
      const response = await manager.toErrorResponse(error, { request, session });
      replaceResponse(
        c,
        addHeaders(response, kept.filter(([name]) => !response.headers.has(name))),
      );
    }
  };
}

/** By manager, because two middlewares of one manager count as one. */
const served = new WeakMap<object, WeakSet<Context>>();

/**
 * Drops what a failed request has done to its session.
 *
 * @throws The error, if it is that the session could not be loaded.
 */
async function discard<Values extends object>(
  session: LazySession<Values>,
  error: unknown,
): Promise<void> {
  if (!session.used) return;
  await session.then((loaded) => loaded.discard(), (failure) => {
    if (failure === error) throw error;
  });
}

/** Without the reset, Hono overwrites the headers of this response with those of the previous one. */
function replaceResponse(c: Context, response: Response): void {
  if (response === c.res) return;
  c.res = undefined;
  c.res = response;
}
