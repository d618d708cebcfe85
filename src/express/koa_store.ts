import { resolveStore, type StoreSource } from "../store/resolve_store.ts";
import { toConditional } from "../store/conditional_store.ts";
import { hashToken } from "../store/token.ts";
import { check, isNumber, isString, OPTIONS, type Rule } from "../util/check.ts";
import { checkExpressOptions, type ExpressStoreOptions } from "./options.ts";
import type { StoredCookie } from "./session_data.ts";
import { SessionWriter } from "./session_writer.ts";

/** A session as koa-session has it: the application's values, and when it expires. */
export interface KoaSession {
  /** When the session expires, in milliseconds since 1970. */
  _expire?: number | undefined;
  /** How long it lasts, in milliseconds. */
  _maxAge?: number | null | undefined;
  /** Whether it ends with the browser. */
  _session?: boolean | undefined;
  /** The application's values. */
  [key: string]: unknown;
}

/** What koa-session passes along with a call. */
export interface KoaCall {
  /** The request's context. */
  readonly ctx?: object;
}

const KEY: Rule<string> = {
  text: "a string of 1 character or more",
  hasType: isString,
  inRange: (value) => value !== "",
};

const NO_VALUE: Rule<undefined> = {
  text: "undefined, because the store keeps the expiry there",
  hasType: (value): value is undefined => value === undefined,
};

/**
 * A store for [koa-session](https://github.com/koajs/session) over any `SessionStore`, with the guarantees of
 * `ExpressStore`: parallel requests write only the top-level values that they have changed, a destroyed session does
 * not come back, and a save that changes nothing is a touch.
 *
 * koa-session also saves a session if the request has failed. For new applications, a `SessionManager` and ten lines
 * of middleware are the better choice: see the guide to frameworks.
 *
 * @example With koa-session
 * ```ts ignore
 * import { SequelizeStore } from "@scs/sequelize-store";
 * import { KoaStore } from "@scs/sequelize-store/koa";
 * import Koa from "koa";
 * import session from "koa-session";
 * import { Sequelize } from "sequelize";
 *
 * const sequelize = new Sequelize("postgres://user:password@host/name");
 * const store = new KoaStore(SequelizeStore.open(sequelize));
 *
 * const app = new Koa();
 * app.keys = ["keyboard cat"];
 * app.use(session({ store }, app));
 * ```
 */
export class KoaStore {
  /**
   * Finds a session.
   *
   * @returns The session, or `undefined` if there is no active one. Also `undefined` if an `EncryptedStore` cannot
   *   decrypt the session: it is reported to `onError`, and koa-session begins a new one under another key.
   * @throws The store's error, or an error if the data has another format.
   */
  // All methods are properties, because koa-session calls them without the store.
  readonly get: (
    key: string,
    maxAge?: unknown,
    call?: KoaCall,
  ) => Promise<KoaSession | undefined>;

  /**
   * Saves a session: inserts it, or changes the session that the same request has loaded, if it still exists.
   *
   * @param maxAge In milliseconds; any other value if the session ends with the browser.
   * @throws {TypeError} If an argument has the wrong type, or the session has a value under `cookie`.
   * @throws The store's error.
   */
  readonly set: (
    key: string,
    session: KoaSession,
    maxAge?: unknown,
    call?: KoaCall,
  ) => Promise<void>;

  /** Deletes a session; does nothing if there is none. */
  readonly destroy: (key: string, call?: KoaCall) => Promise<void>;

  /**
   * Makes a store for koa-session. It holds no timer and no connection, and need not be closed.
   *
   * @param store The store that keeps the sessions, or a promise of it.
   * @param options The options of an `ExpressStore`.
   * @throws {TypeError} If an argument has the wrong type.
   * @throws {RangeError} If an option is out of range.
   */
  constructor(
    store: StoreSource,
    options: ExpressStoreOptions = {},
  ) {
    const settings = checkExpressOptions(options, "create the Koa store");
    const resolved = resolveStore("create the Koa store", store, settings.hasOwners);
    const writer = new SessionWriter(toConditional(resolved), settings);
    const toKey = (key: string): string => settings.hashToken ? hashToken(key) : key;
    // The writer recognizes a session by its cookie, but koa-session keeps only the context.
    const cookies = new WeakMap<object, Map<string, StoredCookie>>();

    function remember(key: string, cookie: StoredCookie, { ctx }: KoaCall): void {
      if (ctx === undefined) return;
      const known = cookies.get(ctx) ?? new Map<string, StoredCookie>();
      cookies.set(ctx, known.set(key, cookie));
    }

    this.get = async (key, _maxAge, call = {}) => {
      if (!isString(key) || key === "") return undefined;
      const session = await writer.find(toKey(key));
      if (session === undefined) return undefined;
      const { cookie, ...values } = session;
      remember(key, cookie, call);
      const { expires, originalMaxAge } = cookie;
      return expires === null
        ? { ...values, _session: true }
        : { ...values, _expire: expires.getTime(), _maxAge: originalMaxAge };
    };

    this.set = async (key, session, maxAge, call = {}) => {
      check("set the session", "key", key, KEY);
      check("set the session", "session", session, OPTIONS);
      check("set the session", "session.cookie", session.cookie, NO_VALUE);
      const { _expire, _maxAge, _session, ...values } = session;
      const cookie = (call.ctx && cookies.get(call.ctx)?.get(key)) ?? {} as StoredCookie;
      cookie.originalMaxAge = isNumber(maxAge) ? _maxAge ?? maxAge : null;
      cookie.expires = isNumber(maxAge) ? new Date(_expire ?? Date.now() + maxAge) : null;
      remember(key, cookie, call);
      const saved = { ...values, cookie };
      // The mark of a middleware's session, which is not inserted again once it was saved.
      if (call.ctx) Object.defineProperty(saved, "save", { value: () => {} });
      await writer.save(toKey(key), saved);
    };

    this.destroy = async (key) => {
      if (isString(key) && key !== "") await writer.delete(toKey(key));
    };
  }
}
