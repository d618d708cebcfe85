import { EventEmitter } from "node:events";
import { type Callback, settle } from "./callback.ts";
import { STORE } from "../store/arguments.ts";
import { check, FUNCTION, isString, type Rule } from "../util/check.ts";
import { toConditional } from "../store/conditional_store.ts";
import { ExpressClasses, type Generate, type SessionRequest } from "./middleware_classes.ts";
import { checkExpressOptions, type ExpressSettings, type ExpressStoreOptions } from "./options.ts";
import { type SavableSession, type StoredSession, toSession } from "./session_data.ts";
import { ExpressRows } from "./session_writer.ts";
import { retry } from "../util/retry.ts";
import type { FullSessionStore, SessionRecord, SessionStore } from "../store/store.ts";
import { hashToken } from "../store/token.ts";

const SID: Rule<string> = {
  text: "a string of 1 character or more",
  hasType: isString,
  inRange: isSid,
};

/** How many sessions `clear` deletes together: few enough to leave room for the calls of visitors. */
const CLEARED_AT_ONCE = 100;

/**
 * A store for [express-session](https://github.com/expressjs/session) and
 * [@fastify/session](https://github.com/fastify/session) over any {@linkcode SessionStore}.
 *
 * A session that a middleware has loaded is never inserted again: where another request has destroyed it
 * meanwhile, what a slow one saves is dropped. Where others have changed it meanwhile, each request writes
 * the top-level values that it has changed, and no others. A save that changes nothing is a touch.
 *
 * Every method that reads or writes sessions takes a callback, as the middlewares give it, and gives a
 * promise as well. An error always means that the store has failed, never that there is no session. Where
 * there is neither a callback nor anybody who awaits the promise, a failure goes unnoticed.
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
  readonly #store: SessionStore & Partial<FullSessionStore>;
  readonly #settings: ExpressSettings;
  readonly #rows: ExpressRows;
  #classes: ExpressClasses | undefined;

  /**
   * Makes a store for a middleware. It holds no timer and no connection, and needs no closing.
   *
   * @param store Where the sessions are kept. `find`, `commit` and `delete` are enough; without `replace`
   *   and `touch`, though, a session may come back that another process destroyed a moment ago.
   * @throws {TypeError} Where an argument has the wrong type.
   * @throws {RangeError} Where an option is out of range.
   */
  constructor(
    store: SessionStore & Partial<FullSessionStore>,
    options: ExpressStoreOptions = {},
  ) {
    super();
    check("create the Express store", "store", store, STORE);
    this.#store = store;
    this.#settings = checkExpressOptions(options);
    this.#rows = new ExpressRows(toConditional(store), this.#settings);
  }

  /**
   * Finds a session.
   *
   * @param sid The session's id.
   * @returns The session, or `undefined` where the id has none that is active.
   * @throws What the store says when it fails; an error where the data is of another format.
   */
  get(
    sid: string,
    // deno-lint-ignore no-explicit-any -- the middleware's type, which the application extends
    callback?: Callback<any>,
  ): Promise<StoredSession | undefined> {
    return settle(this.#get(sid), callback);
  }

  /**
   * Saves a session: inserts it or overwrites what is there; but for one that the store has given out
   * before, changes it only where it is still there. What is saved is what the session holds at the
   * moment of the call.
   *
   * @param session Its values, and under `cookie` its cookie. The session expires with it: at its `expires`,
   *   or else after its `maxAge` or `originalMaxAge`, or else after the `lifetime`.
   * @throws {TypeError} Where an argument has the wrong type.
   * @throws {RangeError} Where the id is empty or, with `hashToken: false`, no well-formed token.
   * @throws What the store says when it fails, or the serializer where it cannot take a value.
   */
  set(sid: string, session: SavableSession, callback?: Callback<void>): Promise<void> {
    return settle(this.#set(sid, session), callback);
  }

  /** Removes a session; does nothing where there is none. */
  destroy(sid: string, callback?: Callback<void>): Promise<void> {
    return settle(this.#destroy(sid), callback);
  }

  /**
   * Records that a session was used: moves its expiry to that of the cookie, unless the last use was
   * recorded a moment ago. Does nothing where there is no such session.
   *
   * @throws {TypeError} Where an argument has the wrong type.
   * @throws {RangeError} Where the id is empty.
   * @throws What the store says when it fails.
   */
  touch(sid: string, session: SavableSession, callback?: Callback<void>): Promise<void> {
    return settle(this.#touch(sid, session), callback);
  }

  /**
   * Reads all active sessions at once.
   *
   * @throws {TypeError} Where the store cannot walk its sessions.
   * @throws What the store says when it fails; an error where the data of one is of another format.
   */
  // deno-lint-ignore no-explicit-any -- the middleware's type, which the application extends
  all(callback?: Callback<any[]>): Promise<StoredSession[]> {
    return settle(this.#all(), callback);
  }

  /**
   * Counts the active sessions. It walks them page by page.
   *
   * @throws {TypeError} Where the store cannot walk its sessions.
   * @throws What the store says when it fails.
   */
  length(callback?: Callback<number>): Promise<number> {
    return settle(this.#length(), callback);
  }

  /**
   * Removes every session, the expired ones too. It walks them page by page.
   *
   * @throws {TypeError} Where the store cannot walk its sessions.
   * @throws What the store says when it fails; some may be removed then.
   */
  clear(callback?: Callback<void>): Promise<void> {
    return settle(this.#clear(), callback);
  }

  /** Destroys a request's session and puts a new one into it: `req.session.regenerate()` comes here. */
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
   * Finds a session outside of a request, on a WebSocket for instance, as one with methods.
   *
   * @param callback Gets an error, or `undefined` and the session, or nothing where there is none.
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
   * Puts a session that was found into a request, as one with methods: the middleware calls it.
   *
   * @throws {Error} Where no middleware has been made with this store.
   */
  // deno-lint-ignore no-explicit-any -- the middleware's own class, with the application's own values
  createSession(request: SessionRequest, session: SavableSession): any {
    this.#classes ??= new ExpressClasses((another) => this.#generate(another), request);
    return this.#rows.follow(session, this.#classes.createSession(request, session));
  }

  async #get(sid: string): Promise<StoredSession | undefined> {
    if (!isSid(sid)) return undefined;
    try {
      return await this.#rows.find(this.#toKey(sid));
    } catch (error) {
      throw withoutCode(error);
    }
  }

  async #set(sid: string, session: SavableSession): Promise<void> {
    check("set the session", "sid", sid, SID);
    await this.#rows.save(this.#toKey(sid), session);
  }

  async #destroy(sid: string): Promise<void> {
    if (isSid(sid)) await this.#rows.delete(this.#toKey(sid));
  }

  async #touch(sid: string, session: SavableSession): Promise<void> {
    check("touch the session", "sid", sid, SID);
    await this.#rows.touch(this.#toKey(sid), session);
  }

  async #all(): Promise<StoredSession[]> {
    const sessions: StoredSession[] = [];
    for await (const record of this.#walk("read all sessions")) {
      sessions.push(toSession(record, this.#settings.serializer));
    }
    return sessions;
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

  /** Deletes sessions together, and one by one those that a store with a bound on waiting calls refuses. */
  async #deleteAll(keys: readonly string[]): Promise<void> {
    const outcomes = await Promise.allSettled(keys.map((key) => this.#rows.delete(key)));
    for (const [i, { status }] of outcomes.entries()) {
      if (status === "rejected") await retry(() => this.#rows.delete(keys[i]!), isQueueFull);
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

/** By its name: the store may be of any kind. */
function isQueueFull(error: unknown): boolean {
  return (error as { name?: unknown } | undefined)?.name === "QueueFullError";
}

/** Both middlewares take this code, which a database's missing socket has, for "no session". */
function withoutCode(error: unknown): unknown {
  if ((error as { code?: unknown } | undefined)?.code !== "ENOENT") return error;
  const [message] = String((error as Error).message).split("\n");
  return new Error(`Cannot find the session: ${message}`, { cause: error });
}
