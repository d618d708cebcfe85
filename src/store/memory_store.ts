// deno-lint-ignore-file require-await -- async, so that errors reject

import { Buffer } from "node:buffer";
import {
  checkCommit,
  checkDeleteOwned,
  checkEntriesOf,
  checkLimit,
  checkPageSize,
  checkReplace,
  checkTouch,
} from "./arguments.ts";
import type {
  CallOptions,
  CommitOptions,
  OwnedSessionStore,
  ReplaceOptions,
  SessionRecord,
} from "./store.ts";

/** The shortest time between two removals of expired sessions. Only a commit starts a removal. */
const SWEEP_INTERVAL_MS = 60_000;

/** What is kept of a session. It is replaced, never changed in place. */
type Entry = Omit<SessionRecord, "token">;

/**
 * Keeps sessions in this process's memory, for tests and first steps. The sessions end with the process.
 *
 * It runs no timer: commits remove expired sessions. The number of active sessions is not limited.
 *
 * @example Sessions without a database
 * ```ts
 * import { MemoryStore, SessionManager } from "@scs/sequelize-store/manager";
 *
 * const sessions = new SessionManager<{ message: string }>({ store: new MemoryStore() });
 * const session = await sessions.load(undefined);
 * session.put("message", "Hello from a session!");
 * await sessions.commit(session);
 * ```
 */
export class MemoryStore implements OwnedSessionStore {
  readonly #sessions = new Map<string, Entry>();
  #lastSweep = Date.now();

  /**
   * Finds the active session of a token.
   *
   * @param token The session's token. A malformed one is never found.
   * @returns The session, or `undefined` if the token is missing, expired or malformed.
   */
  async find(token: string, { signal }: CallOptions = {}): Promise<SessionRecord | undefined> {
    signal?.throwIfAborted();
    return this.#record(token);
  }

  /**
   * Inserts a session, or overwrites data, expiry and owner of the one that has this token.
   *
   * @param token The session's token.
   * @param data The encoded values. They are copied, so the caller may reuse the array.
   * @param expiry An absolute time; one in the past makes a session that is never found.
   * @param options `owner`: whom the session belongs to; by default, it has no owner.
   * @throws {TypeError} If an argument has the wrong type.
   * @throws {RangeError} If the token is malformed, the expiry is not a valid `Date` between the years 1000 and 9999,
   *   or the owner does not have 1 to 255 characters.
   */
  async commit(
    token: string,
    data: Uint8Array,
    expiry: Date,
    { signal, owner }: CommitOptions = {},
  ): Promise<void> {
    checkCommit(token, data, expiry, owner);
    signal?.throwIfAborted();
    if (Date.now() - this.#lastSweep >= SWEEP_INTERVAL_MS) this.#sweep();
    this.#sessions.set(token, copy({ data, expiry, owner }));
  }

  /**
   * Compare-and-swap: writes `next` and `expiry` only if the active session of this token still holds `current`. So
   * if two requests change one session, neither undoes the other's change.
   *
   * @param token The session's token.
   * @param current The data that the caller has seen, compared byte for byte.
   * @param next The data to write; copied, as with `commit`.
   * @param expiry An absolute time.
   * @param options `owner`: the new owner; `null` removes it; by default, it stays.
   * @returns Whether it was written: `false` if the data has changed, or the session is missing or expired. It never
   *   inserts, so a destroyed session stays destroyed.
   * @throws {TypeError} If an argument has the wrong type.
   * @throws {RangeError} If the expiry is not a valid `Date` between the years 1000 and 9999, or the owner does not
   *   have 1 to 255 characters.
   */
  async replace(
    token: string,
    current: Uint8Array,
    next: Uint8Array,
    expiry: Date,
    { signal, owner }: ReplaceOptions = {},
  ): Promise<boolean> {
    checkReplace(current, next, expiry, owner);
    signal?.throwIfAborted();
    const session = this.#active(token);
    if (session === undefined || Buffer.compare(session.data, current) !== 0) return false;
    const nextOwner = owner === undefined ? session.owner : owner ?? undefined;
    this.#sessions.set(token, copy({ data: next, expiry, owner: nextOwner }));
    return true;
  }

  /**
   * Changes the expiry of an active session, and leaves its data as it is.
   *
   * @param token The session's token.
   * @param expiry An absolute time; one in the past ends the session.
   * @returns Whether there was an active session: `false` if it is missing or expired. It never inserts.
   * @throws {TypeError} If the expiry is not a `Date`.
   * @throws {RangeError} If the expiry is not a valid `Date` between the years 1000 and 9999.
   */
  async touch(token: string, expiry: Date, { signal }: CallOptions = {}): Promise<boolean> {
    checkTouch(expiry);
    signal?.throwIfAborted();
    const session = this.#active(token);
    if (session === undefined) return false;
    this.#sessions.set(token, { ...session, expiry: new Date(expiry) });
    return true;
  }

  /**
   * Removes a session; does nothing if there is none.
   *
   * @param token The session's token. A malformed one has no session.
   */
  async delete(token: string, { signal }: CallOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    this.#sessions.delete(token);
  }

  /**
   * Reads the data of all active sessions by their tokens.
   *
   * @returns A map, which is empty if no session is active.
   */
  async all(options?: CallOptions): Promise<Map<string, Uint8Array>> {
    const all = new Map<string, Uint8Array>();
    for await (const { token, data } of this.entries(options)) all.set(token, data);
    return all;
  }

  /**
   * Walks the active sessions in the order of their tokens. A session that exists during the whole walk is
   * returned once. One that is deleted during the walk is returned at most once, and one that is added is not
   * returned.
   *
   * @param options `pageSize` is checked, as in every store, and has no other effect.
   * @returns The sessions; none if no session is active.
   * @throws {RangeError} On the first step, if `pageSize` is not an integer from 1 to 10 000.
   */
  async *entries(
    { signal, pageSize = 1000 }: CallOptions & { readonly pageSize?: number | undefined } = {},
  ): AsyncIterableIterator<SessionRecord> {
    checkPageSize(pageSize);
    signal?.throwIfAborted();
    for (const token of [...this.#sessions.keys()].sort()) {
      signal?.throwIfAborted();
      const record = this.#record(token);
      if (record !== undefined) yield record;
    }
  }

  /**
   * Walks the sessions of one owner that are active at the first step, in the order of their tokens, by a full scan.
   *
   * @param owner Whom they belong to.
   * @param options `pageSize` is checked, as in every store, and has no other effect.
   * @returns The sessions; none if the owner has no active session.
   * @throws {TypeError} On the first step, if the owner is not a string.
   * @throws {RangeError} On the first step, if the owner does not have 1 to 255 characters, or `pageSize` is not an
   *   integer from 1 to 10 000.
   */
  async *entriesOf(
    owner: string,
    { signal, pageSize = 1000 }: CallOptions & { readonly pageSize?: number | undefined } = {},
  ): AsyncIterableIterator<SessionRecord> {
    checkEntriesOf(owner, pageSize);
    signal?.throwIfAborted();
    const records = [...this.#sessions.keys()].sort().map((token) => this.#record(token));
    for (const record of records) {
      signal?.throwIfAborted();
      if (record?.owner === owner) yield record;
    }
  }

  /**
   * Deletes the sessions of one owner. It looks at all sessions.
   *
   * @param owner Whom they belong to.
   * @param options `except`: the tokens of sessions to keep.
   * @returns How many active sessions were deleted.
   * @throws {TypeError} If an argument has the wrong type.
   * @throws {RangeError} If the owner does not have 1 to 255 characters.
   */
  async deleteOwned(
    owner: string,
    { signal, except = [] }: CallOptions & { readonly except?: readonly string[] | undefined } = {},
  ): Promise<number> {
    checkDeleteOwned(owner, except);
    signal?.throwIfAborted();
    const owned = [...this.#sessions].filter(([token, session]) => {
      return session.owner === owner && !except.includes(token);
    });
    const active = owned.filter(([token]) => this.#active(token) !== undefined);
    for (const [token] of owned) this.#sessions.delete(token);
    return active.length;
  }

  /**
   * Deletes the expired sessions, oldest first. It looks at all sessions.
   *
   * @param options `limit`: the most sessions to delete, 1 or more; by default all that have expired.
   * @returns How many sessions were deleted.
   * @throws {TypeError} If `limit` is not a number.
   * @throws {RangeError} If `limit` is out of range.
   */
  async deleteExpired(
    { signal, limit = Infinity }: CallOptions & { readonly limit?: number | undefined } = {},
  ): Promise<number> {
    checkLimit(limit);
    signal?.throwIfAborted();
    return this.#sweep(limit);
  }

  #active(token: string): Entry | undefined {
    const session = this.#sessions.get(token);
    return session && session.expiry.getTime() > Date.now() ? session : undefined;
  }

  #record(token: string): SessionRecord | undefined {
    const session = this.#active(token);
    return session && { token, ...copy(session) };
  }

  #sweep(limit = Infinity): number {
    this.#lastSweep = Date.now();
    const expired: SessionRecord[] = [];
    for (const [token, entry] of this.#sessions) {
      if (entry.expiry.getTime() <= this.#lastSweep) expired.push({ token, ...entry });
    }
    expired.sort((a, b) => Number(a.expiry) - Number(b.expiry));
    const swept = expired.slice(0, limit);
    for (const { token } of swept) this.#sessions.delete(token);
    return swept.length;
  }
}

/** Copies what callers may change: the data and the date that they pass or get. */
function copy({ data, expiry, owner }: Entry): Entry {
  const copied = { data: new Uint8Array(data), expiry: new Date(expiry) };
  return owner === undefined ? copied : { ...copied, owner };
}
