import { cookieSource, type NodeRequest, urlOf } from "./cookie_source.ts";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerResponse } from "node:http2";
import type { LazySession, Session, SessionManager } from "../manager/mod.ts";
import { MANAGER } from "../manager/manager_rule.ts";
import { check, FLAG, FUNCTION, hasMethods } from "../util/check.ts";
import { readOptions, withDefault } from "../util/options.ts";
import { printer } from "../util/report.ts";
import { HeldResponse, type Outcome, type Target } from "./held_response.ts";

/** A response of node:http, or of the compatibility API of node:http2. */
export type NodeResponse = ServerResponse | Http2ServerResponse;

/** The options of {@linkcode nodeSessions}. */
export interface NodeSessionsOptions {
  /**
   * Whether `request.session` is a {@linkcode LazySession}, which is loaded when it is first awaited. A request that
   * does not await it costs no query, and its response does not get `Vary: Cookie`.
   *
   * @default {false}
   */
  readonly lazy?: boolean | undefined;
}

/**
 * A middleware that puts the session into `request.session`, and commits it before the response's head is sent.
 *
 * @template S What `request.session` is.
 */
export interface NodeSessions<S> {
  /** Loads the session and calls `next`. If the store fails, sends the response instead. */
  (
    request: NodeRequest,
    response: NodeResponse,
    next: (error?: unknown) => void,
  ): Promise<void>;

  /**
   * Does the same without `next`, for a server of node:http itself.
   *
   * @returns Whether to continue: `false` if the store has failed and the response was sent.
   */
  (request: NodeRequest, response: NodeResponse): Promise<boolean>;

  /**
   * Wraps a handler for `createServer` of node:http. Its requests then have a `session`.
   *
   * @param handler Called with the request and its session, and the response.
   * @returns A handler for the server.
   * @throws {TypeError} If the handler is not a function.
   */
  wrap<Request extends NodeRequest = IncomingMessage, Res extends NodeResponse = ServerResponse>(
    handler: (request: Request & { session: S }, response: Res) => unknown,
  ): (request: Request, response: Res) => Promise<void>;
}

const OPTIONS = { lazy: withDefault(FLAG, false) };

/** The requests that already have a session, by their managers: a middleware may be mounted twice. */
const served = new WeakMap<object, WeakSet<object>>();

/**
 * Makes a middleware for Express, connect, Polka, NestJS and node:http itself. It puts the session into
 * `request.session`, and commits it before the response's head is sent, whichever method sends it: `writeHead`,
 * `write`, `end`, `pipe` and `flushHeaders` wait for the store, in order. Later changes to the session are saved only
 * by `commit` of the {@linkcode SessionManager}.
 *
 * If the store fails, the manager's `onError` is called, and what it returns, or else a 500 response, is sent instead
 * of the response. If a client disconnects before the response, the session is committed anyway.
 *
 * If an error handler sends the response, the session is also committed. Call `discard` of the {@linkcode Session} in
 * the error handler if the changes of the failed request must not be saved.
 *
 * For an upgrade to a WebSocket, as with `io.engine.use(...)` of socket.io, the session is loaded but not committed,
 * because nothing waits for it. Call the manager's `commit` yourself.
 *
 * @param manager The manager of the sessions.
 * @param options `lazy`: whether `request.session` is loaded only when it is awaited.
 * @returns The middleware, for `app.use`; `wrap` makes it a handler for `createServer`.
 * @throws {TypeError} If an argument has the wrong type.
 *
 * @example A server of node:http
 * ```ts ignore
 * import { SessionManager } from "@scs/sequelize-store/manager";
 * import { nodeSessions } from "@scs/sequelize-store/node";
 * import { createServer } from "node:http";
 *
 * const sessions = nodeSessions(new SessionManager<{ visits: number }>());
 *
 * createServer(sessions.wrap(({ session }, response) => {
 *   session.put("visits", (session.get("visits") ?? 0) + 1);
 *   response.end(`Visit ${session.get("visits")}`);
 * })).listen(4000);
 * ```
 *
 * @example The type of `request.session` in Express
 * ```ts ignore
 * declare global {
 *   namespace Express {
 *     interface Request {
 *       session: Session<{ visits: number }>;
 *     }
 *   }
 * }
 * ```
 */
export function nodeSessions<Values extends object>(
  manager: SessionManager<Values>,
  options: NodeSessionsOptions & { readonly lazy: true },
): NodeSessions<LazySession<Values>>;
/** Makes a middleware whose sessions are loaded before the handler runs: see above. */
export function nodeSessions<Values extends object>(
  manager: SessionManager<Values>,
  options?: NodeSessionsOptions & { readonly lazy?: false | undefined },
): NodeSessions<Session<Values>>;
export function nodeSessions<Values extends object>(
  manager: SessionManager<Values>,
  options: NodeSessionsOptions = {},
): NodeSessions<LazySession<Values>> | NodeSessions<Session<Values>> {
  check("create the middleware", "manager", manager, MANAGER);
  const { lazy } = readOptions("create the middleware", options, OPTIONS);
  const requests = served.get(manager) ?? new WeakSet();
  served.set(manager, requests);

  function begin(request: NodeRequest, response: NodeResponse, session: object): void {
    requests.add(request);
    Object.assign(request, { session });
    if (!canWait(response)) return;
    new HeldResponse(response as unknown as Target, () => {
      return lazy && !(session as LazySession<Values>).used ? undefined : commit(request, session);
    });
  }

  async function commit(request: NodeRequest, session: object): Promise<Outcome> {
    const ours = session as Session<Values>;
    try {
      return { headers: await manager.commitHeaders(ours) };
    } catch (error) {
      const about = { request: toRequest(request), session: ours };
      const instead = manager.toErrorResponse(error, about).catch((thrown) => {
        printer("answer the request")(thrown);
        return new Response("Internal Server Error\n", { status: 500 });
      });
      return { instead: await instead };
    }
  }

  /** Answers a request whose session could not be loaded. */
  async function fail(
    error: unknown,
    request: NodeRequest,
    response: NodeResponse,
    next: ((error?: unknown) => void) | undefined,
  ): Promise<void> {
    try {
      const instead = await manager.toErrorResponse(error, { request: toRequest(request) });
      if (!canWait(response)) throw error;
      new HeldResponse(response as unknown as Target, () => Promise.resolve({ instead }));
      response.end();
    } catch (error) {
      if (next === undefined) throw error;
      next(error);
    }
  }

  async function middleware(
    request: NodeRequest,
    response: NodeResponse,
    next?: (error?: unknown) => void,
  ): Promise<boolean> {
    if (!requests.has(request)) {
      try {
        const session = manager.loadLazily(cookieSource(request));
        begin(request, response, lazy ? session : await session);
      } catch (error) {
        await fail(error, request, response, next);
        return false;
      }
    }
    next?.();
    return true;
  }

  function wrap(
    handler: (request: NodeRequest, response: NodeResponse) => unknown,
  ): (request: NodeRequest, response: NodeResponse) => Promise<void> {
    check("wrap the handler", "handler", handler, FUNCTION);
    return async (request, response) => {
      if (await middleware(request, response)) await handler(request, response);
    };
  }

  return Object.assign(middleware, { wrap }) as unknown as NodeSessions<Session<Values>>;
}

/** Whether a response can send a head: what an upgrade passes instead of a response cannot. */
function canWait(response: NodeResponse): boolean {
  return hasMethods(response, [
    "writeHead",
    "write",
    "end",
    "flushHeaders",
    "getHeaderNames",
    "once",
  ]);
}

/** Makes the `Request` that `onError` gets, without a body; `undefined` if that is not possible. */
function toRequest(request: NodeRequest): Request | undefined {
  const { originalUrl = request.url } = request as { originalUrl?: string };
  try {
    const headers = Object.entries(request.headers).filter(([name]) => !name.startsWith(":"))
      .flatMap(([name, value]) =>
        [value ?? []].flat().map((each): [string, string] => [name, each])
      );
    const url = new URL(originalUrl ?? "/", urlOf(request) ?? "http://localhost");
    return new Request(url, { method: request.method ?? "GET", headers });
  } catch {
    return undefined;
  }
}
