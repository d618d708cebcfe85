/** What became of a session since it was loaded or last committed. */
export type SessionStatus = "unmodified" | "modified" | "destroyed";

/**
 * The session of one request: typed values under string keys. All that is done to it takes effect when it
 * is committed, which `loadAndSave` does once the handler has returned; where the handler throws, nothing
 * does.
 *
 * What `get` and `pop` give belongs to this request: a change inside such a value is saved only where
 * it is `put` again.
 *
 * @template Values The type of each value by its key.
 */
export interface Session<Values extends object = Record<string, unknown>> {
  /**
   * The value of a key.
   *
   * @returns The value, or `undefined` where the session has none.
   */
  get<K extends keyof Values & string>(key: K): Values[K] | undefined;

  /**
   * Adds a value, or replaces the one that the key has.
   *
   * @throws {TypeError} Where the key is no string.
   * @throws {RangeError} Where the key is `__rememberMe`, where SCS, and so this, keeps that choice.
   */
  put<K extends keyof Values & string>(key: K, value: Values[K]): void;

  /**
   * Gives a value and removes it: a flash message, which is shown once.
   *
   * @returns The value, or `undefined` where the session has none.
   */
  pop<K extends keyof Values & string>(key: K): Values[K] | undefined;

  /** Removes a value; does nothing where there is none. */
  remove(key: keyof Values & string): void;

  /** Removes all values; the session itself stays, and so does what {@linkcode rememberMe} was told. */
  clear(): void;

  /** Whether the session has a value of this key, be it `undefined`. */
  has(key: keyof Values & string): boolean;

  /** The keys of all values, sorted. */
  keys(): string[];

  /**
   * Gives the session a new token and a new lifetime, and makes the old token worthless. Call it
   * whenever what the visitor may do changes, as on signing in: a token that somebody else has planted
   * or seen before is then of no use (OWASP, session fixation).
   */
  renewToken(): void;

  /**
   * Ends the session: its row is deleted and the cookie cleared. What is put afterwards begins a new
   * session, with a new token.
   */
  destroy(): void;

  /**
   * Takes over the values of another session, over this one's where both have a key, and the later of
   * the two deadlines; the other session is deleted. For what a visitor has collected before signing
   * in.
   *
   * @param token The other session's token.
   * @returns Whether there was such a session; `false` for this session's own token, too.
   * @throws What the store says when it fails; an error where the other session cannot be decoded.
   */
  merge(token: string): Promise<boolean>;

  /**
   * Decides whether the cookie outlives the browser; before the first call, the manager's
   * `cookie.persist` does. The choice is part of the session.
   */
  rememberMe(remember: boolean): void;

  /**
   * The moment at which the session ends, however much it is used; to be set to another one, in the
   * past too. A copy: changing the `Date` in place does nothing.
   *
   * @throws {TypeError} Where it is set to what is no `Date`.
   * @throws {RangeError} Where it is set to an invalid one, or to one outside the years 1000 to 9999.
   */
  deadline: Date;

  /** What became of the session since it was loaded or last committed. */
  readonly status: SessionStatus;

  /**
   * The token that the client knows the session by; `undefined` where the session is new and not
   * committed yet, where it was destroyed, and with hashed tokens where it was met by `iterate`.
   */
  readonly token: string | undefined;
}
