import { check, FUNCTION, hasMethods, isObject, type Rule } from "../util/check.ts";
import { decodeWith, encodesAlike, encodeWith } from "./encoding.ts";
import { toConditional } from "../store/conditional_store.ts";
import {
  checkManagerOptions,
  type ManagerSettings,
  type SessionManagerOptions,
} from "./options.ts";
import { report } from "../util/report.ts";
import { addHeaders } from "./response_headers.ts";
import type { Session } from "./session.ts";
import { Committer } from "./committer.ts";
import type { SessionContext, SessionOrigin } from "./session_state.ts";
import { TrackedSession } from "./tracked_session.ts";
import type { CallOptions } from "../store/store.ts";
import { hashToken, isGenerated } from "../store/token.ts";

const RESPONSE: Rule<Response> = {
  text: "a Response",
  // By its shape: a framework may bring a class of its own.
  hasType: (value): value is Response => (value as Response | undefined)?.headers !== undefined,
};

/**
 * Throws if a handler is called with something else than a `Request`, as happens behind node:http.
 *
 * @throws {TypeError} If it is.
 */
function checkRequest(request: unknown): asserts request is Request {
  // By its shape: a framework may bring a class of its own.
  if (typeof (request as Partial<Request> | undefined)?.headers?.get === "function") return;
  const isNode = hasMethods(request, ["setEncoding"]) && isObject((request as Request).headers);
  const received = isNode
    ? "an IncomingMessage of node:http; make a Request of it first, as @hono/node-server does"
    : request === null
    ? "null"
    : typeof request;
  throw new TypeError(
    `Cannot load the session: 'request' must be a Request: received ${received}`,
  );
}

/**
 * Throws if a response cannot be sent, before the session is saved for its sake.
 *
 * @throws {TypeError} If it is no `Response`, or if its body was used.
 */
function checkResponse(response: unknown): asserts response is Response {
  check("answer the request", "response", response, RESPONSE);
  if (!response.bodyUsed && !response.body?.locked) return;
  throw new TypeError(
    "Cannot answer the request: 'response' must have a body that nobody has begun to read: " +
      `received one that ${response.bodyUsed ? "was read" : "is locked"}`,
  );
}

/**
 * Gives each visitor of a website a session: loads it before a request is handled, saves what was changed
 * before the response goes out, and sees to the cookie.
 *
 * @example Serve a website with sessions
 * ```ts ignore
 * import { SequelizeStore } from "@scs/sequelize-store";
 * import { SessionManager } from "@scs/sequelize-store/manager";
 * import { Sequelize } from "sequelize";
 *
 * const store = await SequelizeStore.open(new Sequelize("postgres://user:password@host/name"));
 * const sessions = new SessionManager<{ visits: number }>({ store });
 *
 * Deno.serve(sessions.loadAndSave((_request, session) => {
 *   const visits = (session.get("visits") ?? 0) + 1;
 *   session.put("visits", visits);
 *   return new Response(`Visit ${visits}`);
 * }));
 * ```
 *
 * @template Values The type of each of a session's values by its key.
 */
export class SessionManager<Values extends object = Record<string, unknown>> {
  readonly #settings: ManagerSettings;
  readonly #committer: Committer;
  readonly #context: SessionContext;
  readonly #sessions = new WeakSet<object>();
  /** The sessions of the requests that are being handled. */
  readonly #running = new WeakMap<Request, TrackedSession<Values>>();
  readonly #ownSession: Rule<Session<Values>> = {
    text: "one of this manager's",
    hasType: (value): value is Session<Values> => this.#sessions.has(Object(value)),
  };

  /**
   * Makes a session manager. It holds no timer and no connection, and needs no closing.
   *
   * @throws {TypeError} Where an option has the wrong type.
   * @throws {RangeError} Where a value is out of range, or browsers would drop or change such a cookie.
   */
  constructor(options: SessionManagerOptions = {}) {
    const settings = checkManagerOptions(options);
    const { store, codec, lifetime, idleTimeout } = settings;
    const decode: SessionContext["decode"] = (data) => decodeWith(codec, data);
    const isSame: SessionContext["isSame"] = (...args) => encodesAlike(codec, ...args);
    const toKey = settings.hashToken ? hashToken : (token: string): string => token;
    this.#settings = settings;
    this.#committer = new Committer(toConditional(store), {
      idleTimeout,
      toKey,
      decode,
      isSame,
      encode: (content) => encodeWith(codec, content),
    });
    this.#context = {
      lifetime,
      decode,
      isSame,
      find: async (token, options) => {
        return isGenerated(token) ? await store.find(toKey(token), options) : undefined;
      },
      // The request goes on with a new session.
      onUnreadable: (error, request) => void report(() => settings.onError(error, request)),
    };
  }

  /**
   * Wraps a handler that wants a session into one for a server. The session is saved once the handler has
   * returned, and before its response goes out, so that the next request finds what this one has left. What
   * a streaming body changes after that is saved only by {@linkcode commit}.
   *
   * The response gets `Vary: Cookie`; and, if the session was changed, prolonged or destroyed, `Set-Cookie`
   * and `Cache-Control: no-cache="Set-Cookie"`. If the handler throws, nothing is saved, and the error passes
   * on; a framework that answers errors itself has to call {@linkcode Session.discard}. If the store fails,
   * `onError` is called, and the answer is 500; if it fails before the handler runs, the handler does not run.
   *
   * A cookie that is malformed or belongs to no session stays as it is until something is put or `destroy`
   * is called. If this manager wraps a handler twice, the inner call gets the session that the outer one has
   * for the same `Request`, and the outer one saves it.
   *
   * @param handler Gets the request, its session, and whatever else the server gives.
   * @throws {TypeError} If the handler is no function; and from the wrapped one, before anything is saved, if
   *   it is called with something else than a `Request`, or if the handler returns no `Response` or one whose
   *   body was read or is locked.
   *
   * @example Two sessions, with a cookie and a lifetime each
   * ```ts
   * import { type Session, SessionManager } from "@scs/sequelize-store/manager";
   *
   * type Visit = { count: number };
   * const visits = new SessionManager<Visit>({ cookie: { name: "visits" } });
   * const logins = new SessionManager<{ userId: number }>({ cookie: { name: "login" } });
   *
   * const handler = visits.loadAndSave(
   *   logins.loadAndSave((_request, login, visit: Session<Visit>) => {
   *     visit.put("count", (visit.get("count") ?? 0) + 1);
   *     return new Response(login.has("userId") ? "Welcome back" : "Please sign in");
   *   }),
   * );
   * await handler(new Request("http://localhost/"));
   * ```
   */
  loadAndSave<Rest extends unknown[] = []>(
    handler: (
      request: Request,
      session: Session<Values>,
      ...rest: Rest
    ) => Response | Promise<Response>,
  ): (request: Request, ...rest: Rest) => Promise<Response> {
    check("wrap the handler", "handler", handler, FUNCTION);
    return async (request, ...rest) => {
      checkRequest(request);
      const outer = this.#running.get(request);
      let session: TrackedSession<Values>;
      try {
        session = outer ?? await this.#load(this.#settings.cookie.read(request), request);
      } catch (error) {
        return await this.#fail(error, request);
      }
      if (outer === undefined) this.#running.set(request, session);
      let response: Response;
      try {
        response = await handler(request, session, ...rest);
      } finally {
        if (outer === undefined) this.#running.delete(request);
      }
      checkResponse(response);
      // The call around this one, for the same request, saves the session.
      if (outer !== undefined && this.#running.get(request) === outer) return response;
      return await this.#answer(request, session, response);
    };
  }

  /**
   * Loads the session of a token, for those who carry it in a header of their own, or write a middleware.
   *
   * @param token What the client sent. Where it is none of a session's, the session is a new one, with
   *   a new token: one that a client made up is never adopted.
   * @throws What the store says when it fails.
   *
   * @example A token in a header
   * ```ts
   * import { SessionManager } from "@scs/sequelize-store/manager";
   *
   * const sessions = new SessionManager<{ calls: number }>();
   *
   * async function handle(request: Request): Promise<Response> {
   *   const session = await sessions.load(request.headers.get("x-session"));
   *   session.put("calls", (session.get("calls") ?? 0) + 1);
   *   await sessions.commit(session);
   *   return new Response("", { headers: { "x-session": session.token! } });
   * }
   * await handle(new Request("http://localhost/"));
   * ```
   */
  async load(
    token: string | null | undefined,
    options: CallOptions = {},
  ): Promise<Session<Values>> {
    return await this.#load([token], undefined, options);
  }

  /**
   * Saves a session that `load`, `iterate` or `loadAndSave` gave: writes what was changed, deletes what
   * was destroyed, or records that the session was used. The session can be changed and committed again.
   *
   * @returns When the session expires; or `undefined` where there is none: it was destroyed, by this
   *   request or another one, or is new and without values. `session.token` is what the client has to
   *   keep.
   * @throws {TypeError} Where the session is not one of this manager's, or a value cannot be encoded.
   * @throws {Error} Where other processes have changed the session again and again meanwhile, for seconds.
   * @throws What the store says when it fails. The changes are then still in the session, and can be
   *   committed again.
   */
  async commit(session: Session<Values>, options: CallOptions = {}): Promise<Date | undefined> {
    const state = this.#own("commit the session", session);
    await this.#committer.commit(state, options);
    return state.record && new Date(state.record.expiry);
  }

  /**
   * Walks all active sessions, so that all of one user's can be found, changed and destroyed.
   *
   * It reads the whole table, page by page. Where tokens are hashed, as they are by default, the
   * sessions have no `token`, because nobody but the client knows it.
   *
   * @param options `pageSize`: the sessions read at a time, 1 to 10 000, by default 1000.
   * @throws {TypeError} On the first step, where the store has no `entries`.
   * @throws {RangeError} On the first step, where `pageSize` is out of range.
   * @throws What the store says when it fails.
   *
   * @example Sign a user out everywhere
   * ```ts
   * import { SessionManager } from "@scs/sequelize-store/manager";
   *
   * const sessions = new SessionManager<{ userId: number }>();
   *
   * for await (const session of sessions.iterate()) {
   *   if (session.get("userId") !== 7) continue;
   *   session.destroy();
   *   await sessions.commit(session);
   * }
   * ```
   */
  async *iterate(
    options: CallOptions & { readonly pageSize?: number | undefined } = {},
  ): AsyncIterableIterator<Session<Values>> {
    const { store, hashToken } = this.#settings;
    check("walk the sessions", "store.entries", store.entries, FUNCTION);
    for await (const record of store.entries!(options)) {
      yield this.#open({ record, token: hashToken ? undefined : record.token });
    }
  }

  /**
   * The `Set-Cookie` header's value that a session needs once it is committed, for those who write a
   * middleware. `loadAndSave` sends it by itself.
   *
   * @returns The value, or `undefined` where the client's cookie is right as it is. A response with it
   *   must not be cached, and every response that depends on a session has to say `Vary: Cookie`.
   * @throws {TypeError} Where the session is not one of this manager's.
   *
   * @example A middleware of Koa's kind
   * ```ts
   * import { type Session, SessionManager } from "@scs/sequelize-store/manager";
   *
   * interface Context {
   *   cookie: string | undefined;
   *   session?: Session;
   *   append(header: string, value: string): void;
   * }
   * const sessions = new SessionManager();
   *
   * async function middleware(context: Context, next: () => Promise<void>): Promise<void> {
   *   const session = context.session = await sessions.load(context.cookie);
   *   await next();
   *   await sessions.commit(session);
   *   const cookie = sessions.toSetCookie(session);
   *   if (cookie !== undefined) context.append("set-cookie", cookie);
   *   context.append("vary", "Cookie");
   * }
   * await middleware({ cookie: undefined, append: () => {} }, () => Promise.resolve());
   * ```
   */
  toSetCookie(session: Session<Values>): string | undefined {
    const change = this.#own("write the cookie", session).cookie;
    const { cookie } = this.#settings;
    if (change?.kind === "clear") return cookie.clear();
    // Of a session that was met by iterate(), only the client knows the token.
    if (change?.token === undefined) return undefined;
    if (change.expiry.getTime() <= Date.now()) return cookie.clear();
    const persist = change.remember ?? cookie.persist;
    // The expiry is all that has changed, and the browser has not been told the old one.
    if (change.kind === "touch" && !persist) return undefined;
    return cookie.write(change.token, change.expiry, persist);
  }

  /** The session of the first token that has one, or else a new one. */
  async #load(
    tokens: readonly (string | null | undefined)[],
    request: Request | undefined,
    options: CallOptions = {},
  ): Promise<TrackedSession<Values>> {
    for (const token of tokens) {
      const record = await this.#context.find(token, options);
      if (record !== undefined) return this.#open({ token: token!, record, request });
    }
    return this.#open({ request });
  }

  #open(origin: SessionOrigin): TrackedSession<Values> {
    const session = new TrackedSession<Values>(this.#context, origin);
    this.#sessions.add(session);
    return session;
  }

  /** Saves a session, and adds its cookie to a response. */
  async #answer(
    request: Request,
    session: TrackedSession<Values>,
    response: Response,
  ): Promise<Response> {
    // Who has sent no cookie has none to clear.
    const setCookie = (): string | undefined =>
      session.cookie?.kind === "clear" && !this.#settings.cookie.isIn(request)
        ? undefined
        : this.toSetCookie(session);
    try {
      await this.commit(session);
    } catch (error) {
      response.body?.cancel().catch(() => {});
      // Some of it may have been committed before, a new token for one.
      return await this.#fail(error, request, setCookie());
    }
    return addHeaders(response, setCookie());
  }

  /** A session of this manager's: another's must not get into this one's store. */
  #own(action: string, session: Session<Values>): TrackedSession<Values> {
    check(action, "session", session, this.#ownSession);
    return session as TrackedSession<Values>;
  }

  async #fail(error: unknown, request: Request, setCookie?: string): Promise<Response> {
    const response = await this.#settings.onError(error, request);
    return addHeaders(
      response ?? new Response("Internal Server Error\n", { status: 500 }),
      setCookie,
    );
  }
}
