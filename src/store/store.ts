/**
 * The contract of a session store, and how to write one.
 *
 * A store maps tokens to data with an expiry. `find`, `commit` and `delete` are all that a session manager needs
 * ({@linkcode SessionStore}). If a store also has `replace` and `touch`, the manager's guarantees hold even if
 * several processes write one session at the same time. With `all`, `entries` and `deleteExpired`, the store is a
 * full one ({@linkcode FullSessionStore}). The rules:
 *
 * - A session is active while its expiry is later than now. Only active sessions are found, replaced, touched and
 *   listed. `commit` and `delete` also accept the token of an expired session.
 * - A missing or expired session and a malformed token are "not found": `undefined` or `false`. An error means that
 *   the store failed. If a store confuses the two, all visitors are signed out when the database is down.
 * - `replace` and `touch` never insert: a session that was destroyed must stay destroyed.
 * - Two calls of `replace` that expect the same data never both succeed, even in different processes.
 * - Writes of one token keep the order in which they were called, even if the calls are not awaited.
 * - Wrong arguments cause a `TypeError` or, if only the value is wrong, a `RangeError`. The message contains neither
 *   a token nor data.
 * - Data and dates are copied on the way in and on the way out, because callers reuse them.
 * - A call whose `signal` has aborted rejects with the signal's reason, and sends nothing more.
 *
 * @example Write a store
 * ```ts
 * import { type FullSessionStore, SessionManager } from "@scs/sequelize-store/manager";
 * import type { SessionRecord } from "@scs/sequelize-store/manager";
 *
 * function mapStore(): FullSessionStore {
 *   const records = new Map<string, SessionRecord>();
 *   const active = (token: string, signal: AbortSignal | undefined) => {
 *     signal?.throwIfAborted();
 *     const record = records.get(token);
 *     return record && record.expiry.getTime() > Date.now() ? record : undefined;
 *   };
 *   return {
 *     async find(token, { signal } = {}) {
 *       const record = active(token, signal);
 *       return record && copyOf(record);
 *     },
 *     async commit(token, data, expiry, { signal } = {}) {
 *       const isWellFormed = /^[!#-&(-~]{1,255}$/.test(token);
 *       check("commit", "token", typeof token === "string", isWellFormed);
 *       check("commit", "data", data instanceof Uint8Array);
 *       checkExpiry("commit", expiry);
 *       signal?.throwIfAborted();
 *       records.set(token, copyOf({ token, data, expiry }));
 *     },
 *     async delete(token, { signal } = {}) {
 *       signal?.throwIfAborted();
 *       records.delete(token);
 *     },
 *     async replace(token, current, next, expiry, { signal } = {}) {
 *       check("replace", "current", current instanceof Uint8Array);
 *       check("replace", "next", next instanceof Uint8Array);
 *       checkExpiry("replace", expiry);
 *       const record = active(token, signal);
 *       if (record === undefined || String(record.data) !== String(current)) return false;
 *       records.set(token, copyOf({ token, data: next, expiry }));
 *       return true;
 *     },
 *     async touch(token, expiry, { signal } = {}) {
 *       checkExpiry("touch", expiry);
 *       const record = active(token, signal);
 *       if (record !== undefined) records.set(token, copyOf({ ...record, expiry }));
 *       return record !== undefined;
 *     },
 *     async all(options) {
 *       const all = new Map<string, Uint8Array>();
 *       for await (const { token, data } of this.entries(options)) all.set(token, data);
 *       return all;
 *     },
 *     async *entries({ signal, pageSize = 1000 } = {}) {
 *       const inRange = Number.isInteger(pageSize) && pageSize >= 1 && pageSize <= 10_000;
 *       check("walk", "pageSize", typeof pageSize === "number", inRange);
 *       signal?.throwIfAborted();
 *       for (const token of [...records.keys()].sort()) {
 *         const record = active(token, signal);
 *         if (record !== undefined) yield copyOf(record);
 *       }
 *     },
 *     async deleteExpired({ signal, limit = Infinity } = {}) {
 *       const inRange = limit >= 1 && (Number.isInteger(limit) || limit === Infinity);
 *       check("delete", "limit", typeof limit === "number", inRange);
 *       const expired = [...records.values()].filter(({ token }) => !active(token, signal));
 *       expired.sort((a, b) => Number(a.expiry) - Number(b.expiry));
 *       return expired.slice(0, limit).filter(({ token }) => records.delete(token)).length;
 *     },
 *   };
 * }
 *
 * function copyOf({ token, data, expiry }: SessionRecord): SessionRecord {
 *   return { token, data: new Uint8Array(data), expiry: new Date(expiry) };
 * }
 *
 * function checkExpiry(verb: string, expiry: Date): void {
 *   const inRange = Number(expiry) >= Date.UTC(1000) && Number(expiry) < Date.UTC(10_000);
 *   check(verb, "expiry", expiry instanceof Date, inRange);
 * }
 *
 * function check(verb: string, name: string, hasType: boolean, inRange = true): void {
 *   const message = `Cannot ${verb} the session: '${name}' must be as documented: received another`;
 *   if (!hasType) throw new TypeError(`${message} type`);
 *   if (!inRange) throw new RangeError(`${message} value`);
 * }
 *
 * const sessions = new SessionManager<{ message: string }>({ store: mapStore() });
 * const session = await sessions.load(undefined);
 * session.put("message", "Hello from a session!");
 * await sessions.commit(session);
 * ```
 *
 * @module
 */

/** One session as a store keeps it. */
export interface SessionRecord {
  /** The key by which the session is found. */
  readonly token: string;
  /** The session's values, encoded. A store never decodes them. */
  readonly data: Uint8Array;
  /** The moment at which the session stops being active, exact to the millisecond. */
  readonly expiry: Date;
  /** Whom the session belongs to, if it has an owner and the store keeps owners. */
  readonly owner?: string | undefined;
}

/** The options of every call on a store. */
export interface CallOptions {
  /**
   * Rejects the call with `signal.reason` when the signal aborts; by default, there is no signal. A call that still
   * waits is then never sent. A call that was already sent may or may not be carried out by the database.
   */
  readonly signal?: AbortSignal | undefined;
}

/** The options of `commit`. */
export interface CommitOptions extends CallOptions {
  /** Whom the session belongs to, 1 to 255 characters without NUL; by default, it has no owner. */
  readonly owner?: string | undefined;
}

/** The options of `replace`. */
export interface ReplaceOptions extends CallOptions {
  /** The new owner, 1 to 255 characters without NUL; `null` removes it; by default, it stays. */
  readonly owner?: string | null | undefined;
}

/**
 * The calls that a session manager needs from a store.
 *
 * A session is _active_ while its expiry is later than now. A token is well-formed if it is 1 to 255 printable ASCII
 * characters other than the space, `"` and `'`. Calls may be made at any time, and any number of them in parallel.
 *
 * An error means that the system failed. Failures are never reported as "not found", because a database that is down
 * must not sign out all visitors.
 */
export interface SessionStore {
  /**
   * Finds the active session of a token.
   *
   * @param token The session's token. A malformed one is never found, and no query is made.
   * @returns The session, or `undefined` if the token is missing, expired or malformed.
   * @throws The database's error if it fails. An error whose `code` is `"DECRYPTION_FAILED"` means that the session
   *   exists but its data cannot be read: `SessionManager` and `ExpressStore` then begin a new one.
   */
  find(token: string, options?: CallOptions): Promise<SessionRecord | undefined>;

  /**
   * Inserts a session, or overwrites data, expiry and owner of the one that has this token.
   *
   * @param token The session's token.
   * @param data The encoded values. They are copied, so the caller may reuse the array.
   * @param expiry An absolute time; one in the past makes a session that is never found.
   * @throws {TypeError} If an argument has the wrong type.
   * @throws {RangeError} If the token is malformed, or the expiry is not a valid `Date` between the years 1000 and
   *   9999.
   */
  commit(token: string, data: Uint8Array, expiry: Date, options?: CommitOptions): Promise<void>;

  /**
   * Removes a session; does nothing if there is none.
   *
   * @param token The session's token. A malformed one has no session, and no query is made.
   */
  delete(token: string, options?: CallOptions): Promise<void>;
}

/** The calls that a full store adds to {@linkcode SessionStore}: conditional writes, enumeration and cleanup. */
export interface FullSessionStore extends SessionStore {
  /**
   * Compare-and-swap: writes `next` and `expiry` only if the active session of this token still holds `current`. So
   * if two requests change one session, neither undoes the other's change.
   *
   * @param token The session's token.
   * @param current The data that the caller has seen, compared byte for byte.
   * @param next The data to write; copied, as with `commit`.
   * @param expiry An absolute time.
   * @returns Whether it was written: `false` if the data has changed, or the session is missing or expired. It never
   *   inserts, so a destroyed session stays destroyed.
   * @throws {TypeError} If an argument has the wrong type.
   * @throws {RangeError} If the expiry is not a valid `Date` between the years 1000 and 9999.
   */
  replace(
    token: string,
    current: Uint8Array,
    next: Uint8Array,
    expiry: Date,
    options?: ReplaceOptions,
  ): Promise<boolean>;

  /**
   * Changes the expiry of an active session, and leaves its data as it is.
   *
   * @param token The session's token.
   * @param expiry An absolute time; one in the past ends the session.
   * @returns Whether there was an active session: `false` if it is missing or expired. It never inserts.
   * @throws {TypeError} If the expiry is not a `Date`.
   * @throws {RangeError} If the expiry is not a valid `Date` between the years 1000 and 9999.
   */
  touch(token: string, expiry: Date, options?: CallOptions): Promise<boolean>;

  /**
   * Reads the data of all active sessions by their tokens, all at once into memory. For a large table, use `entries`.
   *
   * @returns A map, which is empty if no session is active.
   */
  all(options?: CallOptions): Promise<Map<string, Uint8Array>>;

  /**
   * Walks the active sessions page by page in the order of their tokens, with memory that does not grow with the
   * table. A session that exists during the whole walk is returned once. One that is added or deleted meanwhile is
   * returned at most once.
   *
   * @param options `pageSize`: the sessions read at a time, 1 to 10 000, by default 1000.
   * @returns The sessions; none if no session is active.
   * @throws {RangeError} On the first step, if `pageSize` is out of range.
   */
  entries(
    options?: CallOptions & { readonly pageSize?: number | undefined },
  ): AsyncIterableIterator<SessionRecord>;

  /**
   * Deletes the expired sessions, oldest first. The signal is checked between statements.
   *
   * @param options `limit`: the most sessions to delete, 1 or more; by default all that have expired.
   * @returns How many sessions were deleted.
   * @throws {TypeError} If `limit` is not a number.
   * @throws {RangeError} If `limit` is out of range.
   */
  deleteExpired(
    options?: CallOptions & { readonly limit?: number | undefined },
  ): Promise<number>;
}

/** A full store that also keeps the owners of sessions. */
export interface OwnedSessionStore extends FullSessionStore {
  /** Whether the store keeps owners: `false` if it is set up without them. By default, it keeps them. */
  readonly owners?: boolean | undefined;

  /**
   * Walks the active sessions of one owner page by page, in the order of their tokens. A page must show what was
   * stored at one moment: `destroyOwned` of a session manager reads one page to learn whether any session is left.
   *
   * @param owner Whom they belong to, compared byte for byte.
   * @param options `pageSize`: the sessions read at a time, 1 to 10 000, by default 1000.
   * @returns The sessions; none if the owner has no active session.
   * @throws {TypeError} On the first step, if the owner is not a string.
   * @throws {RangeError} On the first step, if the owner does not have 1 to 255 characters, or `pageSize` is out of
   *   range.
   */
  entriesOf(
    owner: string,
    options?: CallOptions & { readonly pageSize?: number | undefined },
  ): AsyncIterableIterator<SessionRecord>;

  /**
   * Deletes the sessions of one owner. A session that another request replaces or touches at the same moment does not
   * come back. A session that is committed afterwards is a new one.
   *
   * @param owner Whom they belong to, compared byte for byte.
   * @param options `except`: the tokens of sessions to keep.
   * @returns How many active sessions were deleted.
   * @throws {TypeError} If an argument has the wrong type.
   * @throws {RangeError} If the owner does not have 1 to 255 characters.
   */
  deleteOwned(
    owner: string,
    options?: CallOptions & { readonly except?: readonly string[] | undefined },
  ): Promise<number>;
}
