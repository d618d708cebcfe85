/** What became of a session since it was loaded or last committed. */
export type SessionStatus = "unmodified" | "modified" | "destroyed";

/**
 * The session of one request: typed values under string keys. All that is done to it takes effect when it
 * is committed, which `loadAndSave` does once the handler has returned. If the handler throws, nothing takes
 * effect; a framework that makes a response of a thrown error itself has to call {@linkcode discard}.
 *
 * What `get` and `pop` return belongs to this request: a change inside such a value is saved only if it is
 * `put` again.
 *
 * @template Values The type of each value by its key. A plain `Session` stands for any session, as in the
 *   parameter of a function that does not care about the values.
 */
// deno-lint-ignore no-explicit-any -- so that every session, whatever its values, is a `Session`
export interface Session<Values extends object = Record<string, any>> {
  /**
   * Returns the value of a key.
   *
   * @returns The value, or `undefined` if the session has none.
   */
  get<K extends keyof Values & string>(key: K): Values[K] | undefined;

  /**
   * Adds a value, or replaces the one that the key has.
   *
   * A value that is encoded as the one that was loaded is no change: nothing is written and no cookie is
   * sent. If another request changes that key meanwhile, the other request's value stays. Along with
   * {@linkcode renewToken}, every value counts.
   *
   * @throws {TypeError} If the key is not a string.
   * @throws {RangeError} If the key is `__rememberMe`, under which SCS, and so this, keeps that choice.
   */
  put<K extends keyof Values & string>(key: K, value: Values[K]): void;

  /**
   * Returns a value and removes it: a flash message, which is shown once.
   *
   * @returns The value, or `undefined` if the session has none.
   */
  pop<K extends keyof Values & string>(key: K): Values[K] | undefined;

  /** Removes a value; does nothing if there is none. */
  remove(key: keyof Values & string): void;

  /** Removes all values. The session itself stays, and so does the choice of {@linkcode rememberMe}. */
  clear(): void;

  /** Whether the session has a value of this key, even `undefined`. */
  has(key: keyof Values & string): boolean;

  /** Returns the keys of all values, sorted; the choice of {@linkcode rememberMe} is not one of them. */
  keys(): string[];

  /**
   * Gives the session a new token and a new lifetime, and makes the old token worthless. Call it
   * whenever what the visitor may do changes, as on signing in: a token that somebody else has planted
   * or seen before is then useless (OWASP, session fixation).
   */
  renewToken(): void;

  /**
   * Ends the session: its row is deleted and the cookie cleared, also a cookie whose session was not found.
   * What is put afterwards begins a new session, with a new token.
   */
  destroy(): void;

  /**
   * Drops all that was done to the session since it was loaded or last committed: values, `destroy`,
   * `renewToken`, `merge`, `rememberMe` and the deadline. The next commit then writes none of it. Call it
   * when a request fails and the framework makes a response of the error itself.
   *
   * What a commit has already begun to write is written. If that commit fails, its changes are dropped, too.
   */
  discard(): void;

  /**
   * Takes over the values of another session, over this one's if both have a key, and the later of the two
   * deadlines. The other session ends on commit. For what a visitor has collected before signing in.
   *
   * Nothing that was saved is lost. The other session ends only once the store has acknowledged its values as
   * part of this one, and goes on if this one is gone by then. What other requests save to it before it ends
   * is taken over as well, even if it gets a new token in this process meanwhile, except for keys that were
   * set here after the merge.
   *
   * @param token The other session's token. Whoever presents it gets what that session holds, so take it only
   *   from the visitor whose session it is.
   * @returns Whether there was such a session: `false` also if it has reached its deadline, and for this
   *   session's own token.
   * @throws What the store says when it fails; an error if the other session cannot be decoded.
   */
  merge(token: string): Promise<boolean>;

  /**
   * Decides whether the cookie outlives the browser; before the first call, the manager's
   * `cookie.persist` does. The choice is part of the session. The same choice again is no change.
   */
  rememberMe(remember: boolean): void;

  /**
   * The moment at which the session ends, however much it is used. It can be set to another one, also in the
   * past; the same one again is no change. A copy: changing the `Date` in place does nothing.
   *
   * @throws {TypeError} If it is set to something else than a `Date`.
   * @throws {RangeError} If it is set to an invalid one, or to one outside the years 1000 to 9999.
   */
  deadline: Date;

  /** What became of the session since it was loaded or last committed. */
  readonly status: SessionStatus;

  /**
   * The token that the client knows the session by. `undefined` if the session is new and not committed yet,
   * if it was destroyed, and, with hashed tokens, if it comes from `iterate`.
   */
  readonly token: string | undefined;
}
