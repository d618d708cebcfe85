import { EventEmitter } from "node:events";
import { type Callback, settle } from "./callback.ts";
import { resolveStore, type StoreSource } from "../store/resolve_store.ts";
import { check, FUNCTION, isFunction, isString, type Rule } from "../util/check.ts";
import { toConditional } from "../store/conditional_store.ts";
import { type Generate, MiddlewareClasses, type SessionRequest } from "./middleware_classes.ts";
import { checkExpressOptions, type ExpressSettings, type ExpressStoreOptions } from "./options.ts";
import { type SavableSession, type StoredSession, toSessions } from "./session_data.ts";
import { SessionWriter } from "./session_writer.ts";
import { optional, readOptions } from "../util/options.ts";
import { retry } from "../util/retry.ts";
import { type Owner, toOwner } from "../store/owner.ts";
import type { OwnedSessionStore, SessionRecord, SessionStore } from "../store/store.ts";
import { hashToken } from "../store/token.ts";

const SID: Rule<string> = {
  text: "a string of 1 character or more",
  hasType: isString,
  inRange: isSid,
};

const DESTROY_OPTIONS = { except: optional(SID) };

/** How many sessions `clear` deletes at a time: few enough to leave room for the calls of visitors. */
const CLEARED_AT_ONCE = 100;

/**
 * A store for [express-session](https://github.com/expressjs/session) and
 * [@fastify/session](https://github.com/fastify/session) over any {@linkcode SessionStore}.
 *
 * A session that a middleware has loaded is never inserted again: if another request has destroyed it in the
 * meantime, a later save is dropped. If other requests have changed it, a save writes only the top-level values that
 * its own request has changed. A save that changes nothing is a touch.
 *
 * Every method that reads or writes sessions takes a callback, as the middlewares require, and also returns a
 * promise, except `load` and `regenerate`. An error always means that the store has failed, never that there is no
 * session. Without a callback, a rejected promise that is not awaited goes unnoticed.
 *
 * @example With express-session
 * ```ts ignore
 * import { SequelizeStore } from "@scs/sequelize-store";
 * import { ExpressStore } from "@scs/sequelize-store/express";
 * import express from "express";
 * import session from "express-session";
 * import { Sequelize } from "sequelize";
 *
 * const sequelize = new Sequelize("postgres://user:password@host/name");
 * const store = new ExpressStore(await SequelizeStore.open(sequelize));
 *
 * const app = express();
 * app.use(session({ store, secret: "keyboard cat", resave: false, saveUninitialized: false }));
 * ```
 *
 * @example By itself
 * ```ts
 * import { ExpressStore } from "@scs/sequelize-store/express";
 * import { MemoryStore } from "@scs/sequelize-store/manager";
 *
 * const store = new ExpressStore(new MemoryStore());
 * await store.set("an-id", { cookie: { originalMaxAge: null, expires: null }, userId: 7 });
 * const session = await store.get("an-id");
 * console.log(session?.userId); // 7
 * ```
 */
export class ExpressStore extends EventEmitter {
  readonly #store: SessionStore & Partial<OwnedSessionStore>;
  readonly #settings: ExpressSettings;
  readonly #writer: SessionWriter;
  #classes: MiddlewareClasses | undefined;

  /**
   * Makes a store for a middleware. It holds no timer and no connection, and need not be closed.
   *
   * @param store Where the sessions are kept. `find`, `commit` and `delete` are enough; but without
   *   `replace` and `touch`, a session that another process destroys during a save may come back. It may be
   *   a promise, such as `SequelizeStore.open(sequelize)`: calls then wait for it, and reject if it does.
   * @param options How the store is set up.
   * @throws {TypeError} If an argument has the wrong type.
   * @throws {RangeError} If an option is out of range.
   */
  constructor(
    store: StoreSource,
    options: ExpressStoreOptions = {},
  ) {
    super();
    this.#settings = checkExpressOptions(options);
    this.#store = resolveStore("create the Express store", store, this.#settings.hasOwners);
    this.#writer = new SessionWriter(toConditional(this.#store), this.#settings);
  }

  /**
   * Finds the active session of an id.
   *
   * @param sid The session's id.
   * @param callback Called with an error, or with `null` and what the promise resolves to.
   * @returns The session, or `undefined` if the id has no active session. Also `undefined` if an `EncryptedStore`
   *   cannot decrypt the session: it is reported to `onError` and stays in the store, and the middleware begins a new
   *   one with another id.
   * @throws The store's error, or an error if the data has another format.
   */
  get(
    sid: string,
    // deno-lint-ignore no-explicit-any -- the middleware's type, which the application extends
    callback?: Callback<any>,
  ): Promise<StoredSession | undefined> {
    return settle(this.#get(sid), callback);
  }

  /**
   * Saves a session as it is at the moment of the call: inserts it or overwrites the stored one. A session
   * object that was loaded from this store, or that a middleware has saved before, never inserts: it changes
   * the stored session if that still exists.
   *
   * @param sid The session's id.
   * @param session Its values and, under `cookie`, its cookie. It expires at the cookie's `expires`, or else
   *   after its `maxAge` or `originalMaxAge`, or else after the `lifetime`.
   * @param callback Called with an error or with `null`.
   * @throws {TypeError} If an argument has the wrong type.
   * @throws {RangeError} If the id is empty or, with `hashToken: false`, not a well-formed token.
   * @throws The store's error, or the serializer's if it cannot serialize a value.
   */
  set(sid: string, session: SavableSession, callback?: Callback<void>): Promise<void> {
    return settle(this.#set(sid, session), callback);
  }

  /**
   * Removes a session; does nothing if there is none.
   *
   * @param sid The session's id.
   * @param callback Called with an error or with `null`.
   * @throws The store's error.
   */
  destroy(sid: string, callback?: Callback<void>): Promise<void> {
    return settle(this.#destroy(sid), callback);
  }

  /**
   * Records that a session was used: moves its expiry to that of the cookie, unless the last use was
   * recorded less than `touchInterval` ago. Does nothing if there is no such session.
   *
   * @param sid The session's id.
   * @param session The session, as for `set`.
   * @param callback Called with an error or with `null`.
   * @throws {TypeError} If an argument has the wrong type.
   * @throws {RangeError} If the id is empty.
   * @throws The store's error.
   */
  touch(sid: string, session: SavableSession, callback?: Callback<void>): Promise<void> {
    return settle(this.#touch(sid, session), callback);
  }

  /**
   * Reads all active sessions into memory.
   *
   * @param callback Called with an error, or with `null` and the sessions.
   * @returns The sessions, in no particular order; empty if none is active.
   * @throws {TypeError} If the store has no `entries`.
   * @throws The store's error, or an error if the data of a session has another format.
   */
  // deno-lint-ignore no-explicit-any -- the middleware's type, which the application extends
  all(callback?: Callback<any[]>): Promise<StoredSession[]> {
    return settle(this.#all(), callback);
  }

  /**
   * Counts the active sessions, by reading them page by page.
   *
   * @param callback Called with an error, or with `null` and the number.
   * @returns The number of active sessions.
   * @throws {TypeError} If the store has no `entries`.
   * @throws The store's error.
   */
  length(callback?: Callback<number>): Promise<number> {
    return settle(this.#length(), callback);
  }

  /**
   * Removes all sessions, including the expired ones, page by page.
   *
   * @param callback Called with an error or with `null`.
   * @throws {TypeError} If the store has no `entries`.
   * @throws The store's error; some sessions may have been removed by then.
   */
  clear(callback?: Callback<void>): Promise<void> {
    return settle(this.#clear(), callback);
  }

  /**
   * Reads the active sessions of one owner into memory, for instance to list where a user is signed in. The sessions
   * have no id: if you need one, save a name in each session.
   *
   * @param owner What the option `owner` returns for these sessions.
   * @param callback Called with an error, or with `null` and the sessions.
   * @returns The sessions, in no particular order; empty if none is active.
   * @throws {TypeError} If the store was made without `owner`, or the owner has the wrong type.
   * @throws {RangeError} If the owner is out of range.
   * @throws The store's error, or an error if the data of a session has another format.
   */
  // deno-lint-ignore no-explicit-any -- the middleware's type, which the application extends
  ofOwner(owner: Owner, callback?: Callback<any[]>): Promise<StoredSession[]> {
    return settle(this.#ofOwner(owner), callback);
  }

  /**
   * Ends the sessions of one owner at once and in every process: "sign out everywhere". A request that is still
   * running does not bring one of them back. Sessions that begin afterwards are active. A session that is
   * regenerated at this moment counts as one of these.
   *
   * @param owner What the option `owner` returns for these sessions.
   * @param options `except`: the id of a session to keep, such as `req.sessionID`. Can be left out.
   * @param callback Called with an error, or with `null` and the number.
   * @returns How many active sessions ended.
   * @throws {TypeError} If the store was made without `owner`, or an argument has the wrong type.
   * @throws {RangeError} If an argument is out of range.
   * @throws The store's error.
   *
   * @example After a change of the password
   * ```ts
   * import { ExpressStore } from "@scs/sequelize-store/express";
   * import { MemoryStore } from "@scs/sequelize-store/manager";
   *
   * const store = new ExpressStore(new MemoryStore(), { owner: (session) => session.userId });
   * await store.set("one", { cookie: { originalMaxAge: null, expires: null }, userId: 7 });
   * await store.set("two", { cookie: { originalMaxAge: null, expires: null }, userId: 7 });
   * console.log(await store.destroyOwned(7, { except: "one" })); // 1
   * ```
   */
  destroyOwned(
    owner: Owner,
    options?: { readonly except?: string | undefined } | Callback<number>,
    callback?: Callback<number>,
  ): Promise<number> {
    return isFunction(options)
      ? settle(this.#destroyOwned(owner), options as Callback<number>)
      : settle(this.#destroyOwned(owner, options), callback);
  }

  /**
   * Destroys a request's session and puts a new one into the request. `req.session.regenerate()` calls this.
   *
   * @param request The middleware's request.
   * @param callback Called with an error, or with `undefined` or `null`.
   */
  // deno-lint-ignore no-explicit-any -- as applications type it
  regenerate(request: SessionRequest, callback: (error?: any) => void): void {
    this.destroy(request.sessionID, (failure) => {
      let error = failure;
      try {
        this.#generate(request);
      } catch (thrown) {
        error ??= thrown;
      }
      callback(error);
    });
  }

  /**
   * Finds a session outside of a request, for instance for a WebSocket, as an object with methods.
   *
   * @param sid The session's id.
   * @param callback Called with an error, with `undefined` and the session, or with `undefined` if there is none.
   */
  // deno-lint-ignore no-explicit-any -- the middleware's own class, with the application's own values
  load(sid: string, callback: (error?: any, session?: any) => void): void {
    this.get(sid, (error, session) => {
      if (error || !session) return callback(error ?? undefined);
      let created: unknown;
      try {
        created = this.createSession({ sessionID: sid, sessionStore: this }, session);
      } catch (error) {
        return callback(error);
      }
      callback(undefined, created);
    });
  }

  /**
   * Puts a session that was found into a request, as an object with methods. The middleware calls this.
   *
   * @param request The middleware's request.
   * @param session The session's values and cookie.
   * @returns The object, an instance of the middleware's class.
   * @throws {Error} If no middleware has been made with this store.
   */
  // deno-lint-ignore no-explicit-any -- the middleware's own class, with the application's own values
  createSession(request: SessionRequest, session: SavableSession): any {
    this.#classes ??= new MiddlewareClasses((another) => this.#generate(another), request);
    return this.#writer.trackCopy(session, this.#classes.createSession(request, session));
  }

  async #get(sid: string): Promise<StoredSession | undefined> {
    if (!isSid(sid)) return undefined;
    try {
      return await this.#writer.find(this.#toKey(sid));
    } catch (error) {
      throw withoutCode(error);
    }
  }

  async #set(sid: string, session: SavableSession): Promise<void> {
    check("set the session", "sid", sid, SID);
    await this.#writer.save(this.#toKey(sid), session);
  }

  async #destroy(sid: string): Promise<void> {
    if (isSid(sid)) await this.#writer.delete(this.#toKey(sid));
  }

  async #touch(sid: string, session: SavableSession): Promise<void> {
    check("touch the session", "sid", sid, SID);
    await this.#writer.touch(this.#toKey(sid), session);
  }

  async #all(): Promise<StoredSession[]> {
    const sessions: StoredSession[] = [];
    for await (const record of this.#walk("read all sessions")) {
      sessions.push(...toSessions(record, this.#settings));
    }
    return sessions;
  }

  async #ofOwner(owner: Owner): Promise<StoredSession[]> {
    const sessions: StoredSession[] = [];
    const { store, name } = this.#ownersOf("find the sessions", owner);
    for await (const record of store.entriesOf(name)) {
      sessions.push(...toSessions(record, this.#settings));
    }
    return sessions;
  }

  async #destroyOwned(owner: Owner, options: object = {}): Promise<number> {
    const action = "end the sessions";
    const { store, name } = this.#ownersOf(action, owner);
    const { except } = readOptions(action, options, DESTROY_OPTIONS);
    return await store.deleteOwned(name, {
      except: except === undefined ? [] : [this.#toKey(except)],
    });
  }

  #ownersOf(
    action: string,
    owner: unknown,
  ): {
    readonly store: Pick<OwnedSessionStore, "entriesOf" | "deleteOwned">;
    readonly name: string;
  } {
    if (!this.#settings.hasOwners) {
      throw new TypeError(`Cannot ${action}: the store's option 'owner' must be set`);
    }
    return { store: this.#store as OwnedSessionStore, name: toOwner(action, "owner", owner) };
  }

  async #length(): Promise<number> {
    let length = 0;
    for await (const _ of this.#walk("count the sessions")) length++;
    return length;
  }

  async #clear(): Promise<void> {
    const keys: string[] = [];
    for await (const { token } of this.#walk("clear the sessions")) {
      if (keys.push(token) === CLEARED_AT_ONCE) await this.#deleteAll(keys.splice(0));
    }
    await this.#deleteAll(keys);
    await this.#store.deleteExpired?.();
  }

  /** Deletes sessions together, and then one by one those that the store refused because of a full queue. */
  async #deleteAll(keys: readonly string[]): Promise<void> {
    const outcomes = await Promise.allSettled(keys.map((key) => this.#writer.delete(key)));
    for (const [i, { status }] of outcomes.entries()) {
      if (status === "rejected") await retry(() => this.#writer.delete(keys[i]!), isQueueFull);
    }
  }

  #walk(action: string): AsyncIterableIterator<SessionRecord> {
    check(action, "store.entries", this.#store.entries, FUNCTION);
    return this.#store.entries!();
  }

  #toKey(sid: string): string {
    return this.#settings.hashToken ? hashToken(sid) : sid;
  }

  #generate(request: SessionRequest): void {
    const { generate } = this as { generate?: Generate };
    if (generate === undefined) {
      throw new Error("Cannot create the session: express-session has not been given the store");
    }
    generate.call(this, request);
  }
}

function isSid(sid: unknown): boolean {
  return isString(sid) && sid !== "";
}

/** Checks the name, because the store may be of any kind. */
function isQueueFull(error: unknown): boolean {
  return (error as { name?: unknown } | undefined)?.name === "QueueFullError";
}

/** Removes the code of a missing database socket, which both middlewares treat as "no session". */
function withoutCode(error: unknown): unknown {
  if ((error as { code?: unknown } | undefined)?.code !== "ENOENT") return error;
  const [message] = String((error as Error).message).split("\n");
  return new Error(`Cannot find the session: ${message}`, { cause: error });
}
