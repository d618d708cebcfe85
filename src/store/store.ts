/** One session as a store keeps it. */
export interface SessionRecord {
  /** The key: what the session is found by. */
  readonly token: string;
  /** The session's values, encoded by whoever committed them; a store never looks inside. */
  readonly data: Uint8Array;
  /** The moment, to the millisecond, from which on the session is no longer active. */
  readonly expiry: Date;
}

/** What every call on a store takes. */
export interface CallOptions {
  /**
   * Rejects the call with `signal.reason`. A call that was still waiting to be sent is then never
   * sent; one that has been sent is not taken back: the database may or may not carry it out.
   */
  readonly signal?: AbortSignal | undefined;
}

/**
 * What a session manager needs of a store.
 *
 * A session is _active_ while its expiry is later than now. A token is well-formed when it is 1 to
 * 255 printable ASCII characters other than the space, `"` and `'`. Every call may be made at any
 * time, any number of them in parallel.
 *
 * An error means that the system failed. It is never reported as "not found", because a database
 * that is down must not log everybody out.
 */
export interface SessionStore {
  /**
   * Finds the active session of a token.
   *
   * @param token The session's token. A malformed one is never found, and no query is made.
   * @returns The session, or `undefined` where the token is missing, expired or malformed.
   * @throws What the database says when it fails.
   */
  find(token: string, options?: CallOptions): Promise<SessionRecord | undefined>;

  /**
   * Inserts a session, or overwrites data and expiry of the one that has this token.
   *
   * @param token The session's token.
   * @param data The encoded values; copied, so that the caller may reuse the array at once.
   * @param expiry An absolute time; one in the past makes a session that is never found.
   * @throws {TypeError} Where an argument has the wrong type.
   * @throws {RangeError} Where the token is malformed or the expiry is no storable date.
   */
  commit(token: string, data: Uint8Array, expiry: Date, options?: CallOptions): Promise<void>;

  /**
   * Removes a session; does nothing where there is none.
   *
   * @param token The session's token. A malformed one has no session, and no query is made.
   */
  delete(token: string, options?: CallOptions): Promise<void>;
}

/**
 * What a full store offers beyond {@linkcode SessionStore}: conditional writes, enumeration and
 * removal of what has expired.
 */
export interface FullSessionStore extends SessionStore {
  /**
   * Compare-and-swap: writes `next` and `expiry` only where the active session of this token still
   * holds `current`, so that of two requests that change one session neither undoes the other.
   *
   * @param token The session's token.
   * @param current The data that the caller has seen, compared byte for byte.
   * @param next The data to write; copied, as with `commit`.
   * @param expiry An absolute time.
   * @returns Whether it was written: `false` where the data is another one by now, or the session is
   *   missing or expired. It never inserts, so a session that was destroyed stays destroyed.
   * @throws {TypeError} Where an argument has the wrong type.
   * @throws {RangeError} Where the expiry is no storable date.
   */
  replace(
    token: string,
    current: Uint8Array,
    next: Uint8Array,
    expiry: Date,
    options?: CallOptions,
  ): Promise<boolean>;

  /**
   * Moves the expiry of an active session and leaves its data alone.
   *
   * @param token The session's token.
   * @param expiry An absolute time.
   * @returns Whether there was an active session: `false` where it is missing or expired. It never
   *   inserts.
   * @throws {TypeError} Where the expiry is no `Date`.
   * @throws {RangeError} Where the expiry is no storable date.
   */
  touch(token: string, expiry: Date, options?: CallOptions): Promise<boolean>;

  /**
   * Reads the data of all active sessions by their tokens, at once and into memory; `entries` walks
   * a large table instead.
   *
   * @returns A map, which is empty where no session is active.
   */
  all(options?: CallOptions): Promise<Map<string, Uint8Array>>;

  /**
   * Walks the active sessions page by page in the order of their tokens, with memory that does not
   * grow with the table. A session that is there from beginning to end is met exactly once; one that
   * comes or goes meanwhile, at most once.
   *
   * @param options `pageSize`: the sessions read at a time, 1 to 10 000, by default 1000.
   * @throws {RangeError} On the first step, where `pageSize` is out of range.
   */
  entries(
    options?: CallOptions & { readonly pageSize?: number | undefined },
  ): AsyncIterableIterator<SessionRecord>;

  /**
   * Deletes the sessions that have expired, oldest first. The signal is heeded between statements.
   *
   * @returns How many sessions were deleted.
   */
  deleteExpired(options?: CallOptions): Promise<number>;
}
