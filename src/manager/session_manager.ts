import { check, FLAG, FUNCTION, hasMethods, isObject, isString, type Rule } from "../util/check.ts";
import { decodeWith, encodesAlike, encodeWith, isActive } from "./encoding.ts";
import { followLink, type Link, readLink } from "./grace.ts";
import { type CookieToSet, stringifyCookie } from "./cookie.ts";
import { Clients } from "./clients.ts";
import { checkRequest, type CookieSource } from "./cookie_header.ts";
import { type LazySession, OnDemand } from "./lazy_session.ts";
import { type ConditionalStore, toConditional } from "../store/conditional_store.ts";
import {
  checkManagerOptions,
  type ManagerSettings,
  type SessionManagerOptions,
} from "./options.ts";
import { optional, readOptions, withDefault } from "../util/options.ts";
import { report } from "../util/report.ts";
import { addHeaders, type Header, headersFor } from "./response_headers.ts";
import { checkResponse } from "./response_rule.ts";
import type { Session } from "./session.ts";
import { Committer } from "./committer.ts";
import type { SessionContext, SessionOrigin } from "./session_state.ts";
import { Owners } from "./owners.ts";
import { rememberIn, TrackedSession } from "./tracked_session.ts";
import { type Owner, toOwner } from "../store/owner.ts";
import type { CallOptions, OwnedSessionStore, SessionRecord } from "../store/store.ts";
import { hashToken, isGenerated } from "../store/token.ts";

const ID: Rule<string> = { text: "a string", hasType: isString };

const SIGNAL: Rule<AbortSignal> = {
  text: "an AbortSignal",
  hasType: (value): value is AbortSignal => hasMethods(value, ["throwIfAborted"]),
};

const SESSION: Rule<Session> = {
  text: "a session",
  hasType: (value): value is Session => isObject(value),
};

const DESTROY_OPTIONS = { except: optional(SESSION), signal: optional(SIGNAL) };
const COOKIE_OPTIONS = { always: withDefault(FLAG, false) };

const WRAP_OPTIONS = { lazy: withDefault(FLAG, false) };

/**
 * Gives each visitor of a website a session: loads it before a request is handled, saves the changes before the
 * response is sent, and sets the cookie.
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
  readonly #store: ConditionalStore;
  readonly #committer: Committer;
  /** Whom each session belongs to, if there is the option `owner`. */
  readonly #owners: Owners | undefined;
  readonly #context: SessionContext;
  readonly #sessions = new WeakSet<object>();
  /** The sessions of the requests that are being handled. */
  readonly #running = new WeakMap<Request, OnDemand<Values, TrackedSession<Values>>>();
  readonly #clients: Clients;
  /** Reports that a session's data cannot be read, if the session was not loaded for a request. */
  readonly #reportUnreadable = (error: unknown): void =>
    this.#context.onUnreadable(error, undefined);
  readonly #ownSession: Rule<Session<Values>> = {
    text: "one of this manager's",
    hasType: (value): value is Session<Values> => this.#sessions.has(Object(value)),
  };

  /**
   * Makes a session manager. It holds no timer and no connection, and need not be closed.
   *
   * @param options How the sessions are kept, how long they last, and how their cookie is set.
   * @throws {TypeError} If an option is unknown or has the wrong type.
   * @throws {RangeError} If a value is out of range, or browsers would drop or change such a cookie.
   */
  constructor(options: SessionManagerOptions<Values> = {}) {
    const settings = checkManagerOptions(options);
    const { store, codec, lifetime, idleTimeout, owner, maxPerOwner } = settings;
    const decode: SessionContext["decode"] = (record) => decodeWith(codec, record, lifetime);
    const isSame: SessionContext["isSame"] = (...args) => encodesAlike(codec, ...args);
    const toKey = this.#toKey.bind(this);
    const tell = (error: unknown, request: Request | undefined): void =>
      void report(() => settings.onError(error, request));
    const conditional = toConditional(store);
    this.#settings = settings;
    this.#store = conditional;
    this.#clients = new Clients(settings.cookie, tell);
    this.#owners = owner &&
      new Owners({ store: store as OwnedSessionStore, owner, maxPerOwner, decode });
    this.#committer = new Committer(conditional, {
      idleTimeout,
      owners: this.#owners,
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
        const record = await this.#find(token, options);
        return record && readLink(record) === undefined ? record : undefined;
      },
      // The request goes on with a new session.
      onUnreadable: tell,
    };
  }

  /**
   * Wraps a handler that takes a session, and returns a handler for a server. The session is saved after the handler
   * has returned and before its response is sent, so the next request finds what this one has saved. Later changes by
   * a streaming body are saved only by {@linkcode SessionManager.prototype.commit commit}.
   *
   * The response gets `Vary: Cookie`. If the session was changed, prolonged or destroyed, it also gets `Set-Cookie`
   * and `Cache-Control: no-cache="Set-Cookie"`. If the handler throws, nothing is saved, and the error propagates; a
   * framework that turns errors into responses itself has to call {@linkcode Session.discard}. If the store fails,
   * `onError` is called, and the response is what it returns, or else a 500 response. If the store fails before the
   * handler runs, the handler does not run.
   *
   * A cookie that is malformed or belongs to no session stays as it is until something is put or `destroy` is called.
   * If this manager wraps a handler twice, the inner call gets the session that the outer one has for the same
   * `Request`, and the outer one saves it.
   *
   * With `lazy`, the handler gets a {@linkcode LazySession}, which is loaded when it is first awaited. A request that
   * does not await it costs no query, and its response does not get `Vary: Cookie`. Await it before the handler
   * returns: later changes are not saved.
   *
   * @param handler Called with the request, its session, and any other arguments that the server passes.
   * @param options `lazy`: whether the session is loaded only when it is awaited; by default `false`.
   * @returns A handler for a server. It takes the request and any other arguments that the server passes.
   * @throws {TypeError} If the handler is not a function. The returned handler rejects with it, before anything is
   *   saved, if it is called with something other than a `Request`, or if `handler` does not return a `Response`, or
   *   returns `Response.error()` or a response whose body was read or is locked.
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
   *
   * @example A session that only some pages need
   * ```ts
   * import { SessionManager } from "@scs/sequelize-store/manager";
   *
   * const sessions = new SessionManager<{ userId: number }>();
   *
   * const handler = sessions.loadAndSave(async (request, lazySession) => {
   *   if (new URL(request.url).pathname !== "/account") return new Response("For everybody");
   *   const session = await lazySession;
   *   return new Response(`User ${session.get("userId")}`);
   * }, { lazy: true });
   * await handler(new Request("http://localhost/"));
   * ```
   */
  loadAndSave<Rest extends unknown[] = [], Req extends Request = Request>(
    handler: (
      request: Req,
      session: LazySession<Values>,
      ...rest: Rest
    ) => Response | Promise<Response>,
    options: { readonly lazy: true },
  ): (request: Req, ...rest: Rest) => Promise<Response>;
  /** Wraps a handler whose session is loaded before it runs: see above. */
  loadAndSave<Rest extends unknown[] = [], Req extends Request = Request>(
    handler: (
      request: Req,
      session: Session<Values>,
      ...rest: Rest
    ) => Response | Promise<Response>,
    options?: { readonly lazy?: false | undefined },
  ): (request: Req, ...rest: Rest) => Promise<Response>;
  loadAndSave<Rest extends unknown[], Req extends Request>(
    handler: (
      request: Req,
      // deno-lint-ignore no-explicit-any -- the one or the other session
      session: any,
      ...rest: Rest
    ) => Response | Promise<Response>,
    options: { readonly lazy?: boolean | undefined } = {},
  ): (request: Req, ...rest: Rest) => Promise<Response> {
    check("wrap the handler", "handler", handler, FUNCTION);
    const { lazy } = readOptions("wrap the handler", options, WRAP_OPTIONS);
    return async (request, ...rest) => {
      checkRequest(request);
      const outer = this.#running.get(request);
      const onDemand = outer ?? this.#onDemand(request, {});
      let session: Session<Values> | LazySession<Values> = onDemand;
      if (!lazy) {
        try {
          session = await onDemand;
        } catch (error) {
          return await this.toErrorResponse(error, { request });
        }
      }
      if (outer === undefined) this.#running.set(request, onDemand);
      let response: Response;
      try {
        response = await handler(request, session, ...rest);
      } catch (error) {
        if (outer !== undefined || !onDemand.hasFailedWith(error)) throw error;
        return await this.toErrorResponse(error, { request });
      } finally {
        if (outer === undefined) this.#running.delete(request);
      }
      checkResponse(response);
      // The outer call for the same request saves the session.
      if (outer !== undefined && this.#running.get(request) === outer) return response;
      return await this.#answer(request, onDemand, response);
    };
  }

  /**
   * Loads the session of a request by its cookie, for adapters of frameworks. Like `loadAndSave`, an adapter calls
   * this before the handler and {@linkcode SessionManager.prototype.commitHeaders commitHeaders} after it.
   *
   * @param source A `Request`, its `Headers`, the text of the `Cookie` header, or anything else with `headers.get`.
   *   Without a cookie, or with one that belongs to no session, the session is a new one.
   * @returns The session, which may be new.
   * @throws {TypeError} If `source` is none of these.
   * @throws The store's error if it fails.
   *
   * @example A middleware of Koa's kind
   * ```ts
   * import { type Session, SessionManager } from "@scs/sequelize-store/manager";
   *
   * interface Context {
   *   get(header: string): string;
   *   state: { session?: Session };
   *   append(header: string, value: string): void;
   * }
   * const sessions = new SessionManager();
   *
   * async function middleware(context: Context, next: () => Promise<void>): Promise<void> {
   *   const session = context.state.session = await sessions.loadRequest(context.get("cookie"));
   *   await next();
   *   for (const [name, value] of await sessions.commitHeaders(session)) context.append(name, value);
   * }
   * await middleware({ get: () => "", state: {}, append: () => {} }, () => Promise.resolve());
   * ```
   */
  async loadRequest(source: CookieSource, options: CallOptions = {}): Promise<Session<Values>> {
    return await this.#onDemand(source, options);
  }

  /**
   * Returns the session of a request, which is loaded when it is first awaited: see {@linkcode LazySession}.
   * {@linkcode SessionManager.prototype.commitHeaders commitHeaders} also accepts it.
   *
   * @param source As with {@linkcode SessionManager.prototype.loadRequest loadRequest}.
   * @returns The session, once it is awaited.
   * @throws {TypeError} If `source` is none of these.
   */
  loadLazily(source: CookieSource, options: CallOptions = {}): LazySession<Values> {
    return this.#onDemand(source, options);
  }

  /**
   * Commits a session as {@linkcode SessionManager.prototype.commit commit} does, and returns the headers that the
   * response then needs.
   *
   * @param session The session of the request, lazy or not.
   * @returns Names and values to append to the headers of the response: `Vary` and, if the cookie changes,
   *   `Set-Cookie` and `Cache-Control`. None for a lazy session that was not awaited.
   * @throws {TypeError} If the session is not one of this manager's, or a value cannot be encoded.
   * @throws The store's error if it fails. Then send the response of
   *   {@linkcode SessionManager.prototype.toErrorResponse toErrorResponse}, because a part of the session, such as a
   *   new token, may have been committed.
   */
  async commitHeaders(
    session: Session<Values> | LazySession<Values>,
    options: CallOptions = {},
  ): Promise<Header[]> {
    if (session instanceof OnDemand) {
      if (!session.used) return [];
      const state = await session.then((state) => state, () => undefined);
      // The handler awaited the session, got the error, and answered the request anyway.
      return state === undefined ? headersFor(undefined) : await this.commitHeaders(state, options);
    }
    await this.commit(session as Session<Values>, options);
    return headersFor(this.toSetCookie(session as Session<Values>));
  }

  /**
   * Returns the response to a request whose session could not be loaded or committed: calls `onError`, and returns
   * its `Response`, or else a 500 response. `loadAndSave` calls it itself.
   *
   * @param error What was thrown.
   * @param about `request`: passed to `onError`. `session`: the session that could not be committed. If a part of it
   *   was committed, such as a new token, the response has its cookie.
   * @throws What `onError` throws.
   */
  async toErrorResponse(
    error: unknown,
    { request, session }: {
      readonly request?: Request | undefined;
      readonly session?: Session<Values> | LazySession<Values> | undefined;
    } = {},
  ): Promise<Response> {
    const response = await this.#settings.onError(error, request) ??
      new Response("Internal Server Error\n", { status: 500 });
    const state = session instanceof OnDemand ? session.state : session as Session<Values>;
    return addHeaders(
      response,
      state === undefined ? headersFor(undefined) : headersFor(this.toSetCookie(state)),
    );
  }

  /**
   * Loads the session of a token, for instance from a custom header, or for a middleware.
   *
   * @param token What the client sent. If no session has this token, the session is a new one with a new token: a
   *   token that a client has made up is never adopted.
   * @returns The session, which may be new.
   * @throws The store's error if it fails.
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
   * Saves a session that `load`, `iterate` or `loadAndSave` has provided: writes what was changed, deletes what was
   * destroyed, or records that the session was used. The session can be changed and committed again.
   *
   * @param session The session.
   * @returns When the session expires, or `undefined` if there is no session: this request or another one has
   *   destroyed it, or it is new and has no values. Also `undefined` if the session has got another token with a
   *   grace, which the client already has. Otherwise the client has to keep `session.token`.
   * @throws {TypeError} If the session is not one of this manager's, or a value cannot be encoded.
   * @throws {ConflictError} If other processes kept changing the session for about five seconds.
   * @throws {RenewedSessionError} If the session was changed, but was found by an old token, which `renewToken` with
   *   a `grace` has replaced.
   * @throws The store's error if it fails. The changes are then still in the session, and can be committed again.
   */
  async commit(session: Session<Values>, options: CallOptions = {}): Promise<Date | undefined> {
    const state = this.#own("commit the session", session);
    await this.#committer.commit(state, options);
    return state.successor === undefined && state.record
      ? new Date(state.record.expiry)
      : undefined;
  }

  /**
   * Walks all active sessions, so that they can be changed and destroyed.
   * {@linkcode SessionManager.prototype.ofOwner ofOwner} walks those of one user by an index.
   *
   * It reads the whole table, page by page. If tokens are hashed, as they are by default, the sessions have no
   * `token`, because only the client knows it. A session that cannot be read is also returned, so that it can be
   * destroyed: it is empty, and is reported to `onError` when its values are first read.
   *
   * @param options `pageSize`: the sessions read at a time, 1 to 10 000, by default 1000.
   * @returns The sessions; none if no session is active.
   * @throws {TypeError} On the first step, if the store has no `entries`.
   * @throws {RangeError} On the first step, if `pageSize` is out of range.
   * @throws The store's error if it fails.
   *
   * @example Sign everybody out who is still on an old plan
   * ```ts
   * import { SessionManager } from "@scs/sequelize-store/manager";
   *
   * const sessions = new SessionManager<{ plan: string }>();
   *
   * for await (const session of sessions.iterate()) {
   *   if (session.get("plan") !== "old") continue;
   *   session.destroy();
   *   await sessions.commit(session);
   * }
   * ```
   */
  async *iterate(
    options: CallOptions & { readonly pageSize?: number | undefined } = {},
  ): AsyncIterableIterator<Session<Values>> {
    const { store } = this.#settings;
    check("walk the sessions", "store.entries", store.entries, FUNCTION);
    for await (const record of store.entries!(options)) {
      if (readLink(record) === undefined) {
        yield this.#open({ record, token: this.#tokenOf(record) });
      }
    }
  }

  /**
   * Walks the active sessions of one owner, for instance to list the devices on which a user is signed in. Each page
   * is one indexed query. With hashed tokens, the sessions have an `id`, but no `token`. A session that cannot be
   * read is reported to `onError` and left out; {@linkcode SessionManager.prototype.destroyOwned destroyOwned} also
   * ends such sessions.
   *
   * @param owner What the option `owner` returns for these sessions.
   * @param options `pageSize`: the sessions read at a time, 1 to 10 000, by default 1000.
   * @returns The sessions; none if the owner has no active session.
   * @throws {TypeError} On the first step, if the manager has no `owner`, or the owner has the wrong type.
   * @throws {RangeError} On the first step, if the owner or `pageSize` is out of range.
   * @throws The store's error if it fails.
   *
   * @example List a user's sessions
   * ```ts
   * import { type Session, SessionManager } from "@scs/sequelize-store/manager";
   *
   * type Login = { userId: number; browser: string };
   * const sessions = new SessionManager<Login>({ owner: (values) => values.userId });
   *
   * async function list(session: Session<Login>): Promise<void> {
   *   for await (const each of sessions.ofOwner(session.get("userId")!)) {
   *     const here = each.id === session.id ? "this browser" : "";
   *     console.log(each.id, each.get("browser"), each.renewedAt, here);
   *   }
   * }
   * ```
   */
  async *ofOwner(
    owner: Owner,
    options: CallOptions & { readonly pageSize?: number | undefined } = {},
  ): AsyncIterableIterator<Session<Values>> {
    const { owners, name } = this.#ownersOf("find the sessions", owner);
    const met = new Set<string>();
    for await (const record of owners.readableOf(name, options, this.#reportUnreadable)) {
      const session = this.#open({ record, token: this.#tokenOf(record) });
      // After a double click on "sign in", one session may have two tokens. The browser has kept only one of them.
      if (met.size < met.add(session.id).size) yield session;
    }
  }

  /**
   * Ends the sessions of one owner, at once and in every process: "sign out everywhere". A request that is under way
   * cannot bring one of them back, even if it commits, renews or merges it. Only sessions that begin afterwards, with
   * a new sign-in, are active.
   *
   * @param owner What the option `owner` returns for these sessions.
   * @param options `except`: a session to keep, such as the one of the request.
   * @returns How many active sessions ended.
   * @throws {TypeError} If the manager has no `owner`, the owner has the wrong type, or `except` is not this
   *   manager's.
   * @throws {RangeError} If the owner is out of range.
   * @throws The store's error if it fails.
   *
   * @example After a change of the password
   * ```ts
   * import { type Session, SessionManager } from "@scs/sequelize-store/manager";
   *
   * type Login = { userId: number };
   * const sessions = new SessionManager<Login>({ owner: (values) => values.userId });
   *
   * // Call it once the new password is saved, so that nobody can sign in with the old one.
   * async function passwordChanged(session: Session<Login>): Promise<number> {
   *   session.renewToken();
   *   return await sessions.destroyOwned(session.get("userId")!, { except: session });
   * }
   * ```
   */
  async destroyOwned(
    owner: Owner,
    options: CallOptions & { readonly except?: Session<Values> | undefined } = {},
  ): Promise<number> {
    const action = "end the sessions";
    const { owners, name } = this.#ownersOf(action, owner);
    const { except: kept, ...callOptions } = readOptions(action, options, DESTROY_OPTIONS);
    if (kept === undefined) return await owners.deleteAll(name, [], callOptions);
    check(action, "except", kept, this.#ownSession);
    const { record, token, successor } = kept as TrackedSession<Values>;
    const except = new Set(record && [record.token]);
    if (successor !== undefined) except.add(successor);
    // The key to which a commit that is under way moves the session.
    if (token !== undefined) except.add(this.#toKey(token));
    return await owners.deleteAll(name, [...except], callOptions);
  }

  /**
   * Ends one session of an owner, by its public name.
   *
   * @param owner What the option `owner` returns for this session. Sessions of other owners do not end.
   * @param id The session's `id`.
   * @returns Whether there was such a session. A session that cannot be read has no `id`. It is reported to
   *   `onError`, and {@linkcode SessionManager.prototype.destroyOwned destroyOwned} ends it.
   * @throws {TypeError} If the manager has no `owner`, or an argument has the wrong type.
   * @throws {RangeError} If the owner is out of range.
   * @throws The store's error if it fails.
   *
   * @example A button beside each session
   * ```ts
   * import { type Session, SessionManager } from "@scs/sequelize-store/manager";
   *
   * type Login = { userId: number };
   * const sessions = new SessionManager<Login>({ owner: (values) => values.userId });
   *
   * async function signOut(session: Session<Login>, form: URLSearchParams): Promise<boolean> {
   *   return await sessions.destroyById(session.get("userId")!, form.get("id") ?? "");
   * }
   * ```
   */
  async destroyById(owner: Owner, id: string, options: CallOptions = {}): Promise<boolean> {
    const action = "end the session";
    const { owners, name } = this.#ownersOf(action, owner);
    check(action, "id", id, ID);
    let isFound = false;
    // Repeated until none is left, because the session may be getting a new token.
    for (;;) {
      const records = await owners.find(
        name,
        id,
        options,
        isFound ? () => {} : this.#reportUnreadable,
      );
      if (records.length === 0) return isFound;
      isFound = true;
      for (const { token } of records) await this.#committer.destroy(token, options);
    }
  }

  /**
   * Returns the `Set-Cookie` header's value that a session needs once it is committed, for authors of a middleware.
   * `loadAndSave` sends it itself.
   *
   * @param session The session, after its commit.
   * @returns The value, or `undefined` if the client's cookie is already correct. A response with it must not be
   *   cached, and every response that depends on a session needs `Vary: Cookie`.
   * @throws {TypeError} If the session is not one of this manager's.
   *
   * @example Build a response yourself
   * ```ts
   * import { SessionManager } from "@scs/sequelize-store/manager";
   *
   * const sessions = new SessionManager<{ userId: number }>();
   * const session = await sessions.load(undefined);
   * session.put("userId", 7);
   * await sessions.commit(session);
   * const headers = new Headers({ vary: "Cookie" });
   * const cookie = sessions.toSetCookie(session);
   * if (cookie !== undefined) headers.append("set-cookie", cookie);
   * ```
   */
  toSetCookie(session: Session<Values>): string | undefined {
    const cookie = this.toCookie(session);
    return cookie && stringifyCookie(cookie);
  }

  /**
   * Returns the cookie that a session needs once it is committed, for frameworks with their own cookie jar, such as
   * Next.js and SvelteKit. {@linkcode SessionManager.prototype.toSetCookie toSetCookie} returns it as a header.
   *
   * @param session The session, after its commit.
   * @param options `always`: whether the cookie is also returned if the client's is already correct; by default
   *   `false`. Even then, the result is `undefined` if there is no session and the client's cookie must stay.
   * @returns Name, value and options, or `undefined` if the client's cookie is already correct. `maxAge` is in
   *   seconds, as in the cookie itself; `response.cookie()` of Express takes milliseconds.
   * @throws {TypeError} If the session is not one of this manager's.
   *
   * @example A server action of Next.js
   * ```ts
   * import { SessionManager } from "@scs/sequelize-store/manager";
   *
   * const sessions = new SessionManager<{ userId: number }>();
   *
   * // What `await cookies()` of "next/headers" returns; `await headers()` returns `Headers`.
   * interface Jar {
   *   set(name: string, value: string, options: object): void;
   * }
   *
   * async function signIn(cookies: Jar, headers: Headers): Promise<void> {
   *   const session = await sessions.loadRequest(headers);
   *   session.put("userId", 7);
   *   await sessions.commit(session);
   *   const cookie = sessions.toCookie(session);
   *   if (cookie) cookies.set(cookie.name, cookie.value, cookie.options);
   * }
   * await signIn({ set: () => {} }, new Headers());
   * ```
   */
  toCookie(
    session: Session<Values>,
    options: { readonly always?: boolean | undefined } = {},
  ): CookieToSet | undefined {
    const action = "write the cookie";
    const { always } = readOptions(action, options, COOKIE_OPTIONS);
    const state = this.#own(action, session);
    const cookie = this.#toCookie(state) ?? (always ? this.#toSameCookie(state) : undefined);
    if (cookie !== undefined) this.#clients.gets(cookie, state);
    return cookie;
  }

  #toCookie(session: TrackedSession<Values>): CookieToSet | undefined {
    const { cookie: change } = session;
    const cookie = this.#clients.cookieOf(session);
    if (change?.kind === "clear") {
      return this.#clients.mayHaveCookie(session) ? cookie.toForget() : undefined;
    }
    // If iterate() has returned the session, only the client knows the token.
    if (change?.token === undefined) return undefined;
    if (change.expiry.getTime() <= Date.now()) return cookie.toForget();
    const persist = change.remember ?? this.#settings.cookie.persist;
    // Only the expiry has changed, and a cookie that ends with the browser has none.
    if (change.kind === "touch" && !persist) return undefined;
    return cookie.toKeep(change.token, change.expiry, persist);
  }

  /** Returns the cookie that the client should already have; `undefined` if the client's cookie must stay. */
  #toSameCookie(session: TrackedSession<Values>): CookieToSet | undefined {
    const { cookie: change, record, token } = session;
    const cookie = this.#clients.cookieOf(session);
    if (change?.kind === "clear") return cookie.toForget();
    if (record === undefined || token === undefined) return undefined;
    // The client has a newer cookie, or will get it.
    if (session.successor !== undefined) return undefined;
    const remember = rememberIn(this.#context.decode(record));
    return cookie.toKeep(token, record.expiry, remember ?? this.#settings.cookie.persist);
  }

  #onDemand(source: CookieSource, options: CallOptions): OnDemand<Values, TrackedSession<Values>> {
    const client = this.#clients.read(source);
    return new OnDemand(async () => {
      const session = await this.#load(client.tokens, client.request, options);
      this.#clients.remember(session, client);
      return session;
    });
  }

  /** Loads the session of the first token that has one, or else makes a new one. */
  async #load(
    tokens: readonly (string | null | undefined)[],
    request: Request | undefined,
    options: CallOptions = {},
  ): Promise<TrackedSession<Values>> {
    for (const token of tokens) {
      const record = await this.#find(token, options);
      if (record === undefined) continue;
      const link = readLink(record);
      if (link === undefined) return this.#open({ token: token!, record, request });
      const origin = await this.#openLink(record, link, options);
      if (origin !== undefined) return this.#open({ token: token!, ...origin, request });
    }
    return this.#open({ request });
  }

  /** Finds what the store holds for a client's token. A malformed token is not looked up. */
  async #find(token: unknown, options?: CallOptions): Promise<SessionRecord | undefined> {
    return isGenerated(token) ? await this.#store.find(this.#toKey(token), options) : undefined;
  }

  /** Makes the origin of a session that is loaded by an old token; `undefined` if the session has ended. */
  async #openLink(
    { token: key }: SessionRecord,
    link: Link,
    options: CallOptions,
  ): Promise<SessionOrigin | undefined> {
    const successor = await followLink((key) => this.#store.find(key, options), link);
    if (successor === undefined || !this.#isActive(successor)) return undefined;
    const record = { token: key, data: link.data, expiry: new Date(link.until) };
    // The session may have been handed to another owner, or to none, without a new token.
    if (this.#isActive(record) && this.#ownerOf(record) !== this.#ownerOf(successor)) {
      return undefined;
    }
    return { record, successor: successor.token };
  }

  /** Returns whom a session belongs to by its values; `undefined` if the manager does not keep that. */
  #ownerOf(record: SessionRecord): string | null | undefined {
    return this.#owners?.ownerOf(this.#context.decode(record).values);
  }

  #isActive(record: SessionRecord): boolean {
    try {
      return isActive(this.#context.decode(record));
    } catch (error) {
      this.#reportUnreadable(error);
      return false;
    }
  }

  #toKey(token: string): string {
    return this.#settings.hashToken ? hashToken(token) : token;
  }

  /** Returns the token of a record that was not found by its token; `undefined` if tokens are hashed. */
  #tokenOf({ token: key }: SessionRecord): string | undefined {
    return this.#settings.hashToken ? undefined : key;
  }

  #ownersOf(action: string, owner: unknown): { readonly owners: Owners; readonly name: string } {
    if (this.#owners === undefined) {
      throw new TypeError(`Cannot ${action}: the manager's option 'owner' must be set`);
    }
    return { owners: this.#owners, name: toOwner(action, "owner", owner) };
  }

  #open(origin: SessionOrigin): TrackedSession<Values> {
    const session = new TrackedSession<Values>(this.#context, origin);
    this.#sessions.add(session);
    return session;
  }

  /** Saves a session, and adds its cookie to a response. */
  async #answer(
    request: Request,
    session: LazySession<Values>,
    response: Response,
  ): Promise<Response> {
    let headers: Header[];
    try {
      headers = await this.commitHeaders(session);
    } catch (error) {
      response.body?.cancel().catch(() => {});
      return await this.toErrorResponse(error, { request, session });
    }
    return headers.length === 0 ? response : addHeaders(response, headers);
  }

  /** Checks that a session is this manager's: another manager's session must not get into this store. */
  #own(action: string, session: Session<Values>): TrackedSession<Values> {
    check(action, "session", session, this.#ownSession);
    return session as TrackedSession<Values>;
  }
}
