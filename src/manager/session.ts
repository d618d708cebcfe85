import type { Duration } from "../util/duration.ts";

/** How {@linkcode Session.renewToken} works. */
export interface RenewalOptions {
  /** How long the old token can still be read, in milliseconds, at most 60 000; by default not at all. */
  readonly grace?: Duration | undefined;
}

/** What happened to a session since it was loaded or last committed. */
export type SessionStatus = "unmodified" | "modified" | "destroyed";

/**
 * The session of one request: typed values under string keys. Changes take effect when the session is
 * committed, which `loadAndSave` does once the handler has returned. If the handler throws, nothing takes
 * effect. A framework that turns errors into responses itself has to call {@linkcode discard}.
 *
 * The values that `get` and `pop` return belong to this request: a change inside such a value is saved only
 * if the value is `put` again.
 *
 * @template Values The type of each value by its key. A plain `Session` stands for any session, as in the
 *   parameter of a function that does not care about the values.
 */
// deno-lint-ignore no-explicit-any -- so that every session, whatever its values, is a `Session`
export interface Session<Values extends object = Record<string, any>> {
  /**
   * Returns the value of a key.
   *
   * @param key The value's name.
   * @returns The value, or `undefined` if the session has none.
   */
  get<K extends keyof Values & string>(key: K): Values[K] | undefined;

  /**
   * Adds a value, or replaces the one that the key has.
   *
   * A value that is encoded like the one that was loaded is no change: nothing is written and no cookie is
   * sent. If another request changes that key meanwhile, the other request's value stays. With
   * {@linkcode renewToken}, every value that is put is written.
   *
   * @param key The value's name.
   * @param value Anything that the manager's codec can encode. What it cannot encode makes the commit throw.
   * @throws {TypeError} If the key is not a string.
   * @throws {RangeError} If the key is `__rememberMe` or `__session`: they hold the choice of
   *   {@linkcode rememberMe}, and `id`, `createdAt` and `renewedAt`.
   */
  put<K extends keyof Values & string>(key: K, value: Values[K]): void;

  /**
   * Returns a value and removes it: a flash message, which is shown once.
   *
   * @param key The value's name.
   * @returns The value, or `undefined` if the session has none.
   */
  pop<K extends keyof Values & string>(key: K): Values[K] | undefined;

  /**
   * Removes a value; does nothing if there is none.
   *
   * @param key The value's name.
   */
  remove(key: keyof Values & string): void;

  /** Removes all values. The session itself stays, and so does the choice of {@linkcode rememberMe}. */
  clear(): void;

  /**
   * Whether the session has a value of this key, even `undefined`.
   *
   * @param key The value's name.
   */
  has(key: keyof Values & string): boolean;

  /** Returns the keys of all values, sorted; the choice of {@linkcode rememberMe} is not one of them. */
  keys(): string[];

  /**
   * Gives the session a new token and a new lifetime, and makes the old token worthless. Call it whenever the
   * visitor's rights change, as on signing in: a token that somebody else has planted or seen before is then
   * useless (OWASP, session fixation).
   *
   * With `grace`, for a change of the token that is not a sign-in, requests that are under way with the old token
   * still find the session for some seconds, in every process. They read the values of the moment before the
   * renewal. A commit that changes the session throws a {@linkcode RenewedSessionError}, except for `destroy`, which
   * ends the session under both tokens, and for another renewal with a grace, which has taken place already. If the
   * session ends under its new token, it has ended under the old one. A commit throws if the session gets another
   * owner along with a `grace`.
   *
   * @param options `grace`: how long the old token can be read, in milliseconds, at most 60 000; by default not at
   *   all. `{ milliseconds: 5 }` is for tests.
   * @throws {TypeError} If it has the wrong type.
   * @throws {RangeError} If it is out of range.
   */
  renewToken(options?: RenewalOptions): void;

  /**
   * Ends the session: it is deleted from the store and the cookie is cleared, even if the cookie's session was
   * not found. Values that are put afterwards begin a new session, with a new token.
   */
  destroy(): void;

  /**
   * Drops all changes since the session was loaded or last committed: values, `destroy`, `renewToken`,
   * `merge`, `rememberMe` and the deadline. The next commit then writes none of them. Call it if a request
   * fails and the framework turns the error into a response itself.
   *
   * A commit that has begun goes on. If it fails, its changes are also dropped.
   */
  discard(): void;

  /**
   * Takes over the values of another session and the later of the two deadlines, for instance to keep the
   * cart that a visitor has filled before signing in. If both sessions have a key, the other one's value
   * wins. The other session ends on commit.
   *
   * Nothing that was saved is lost. The other session ends only once the store has acknowledged its values as
   * part of this one. If this one is gone by then, the other one goes on. Values that other requests save to
   * it before it ends are also taken over, even if it gets a new token in this process meanwhile, except for
   * keys that were set here after the merge. If they remove a value, this session keeps its own, if it had one.
   *
   * @param token The other session's token. The values of that session are taken over, so take it
   *   only from the visitor whose session it is.
   * @returns Whether there was such a session: `false` also if it has reached its deadline, for this session's
   *   own token, and if `destroy` or `discard` was called meanwhile.
   * @throws The store's error if it fails; an `Error` if the other session cannot be decoded.
   */
  merge(token: string): Promise<boolean>;

  /**
   * Decides whether the cookie outlives the browser. Before the first call, the manager's `cookie.persist`
   * decides. The choice is part of the session. The same choice again is no change.
   *
   * @param remember `true` if the cookie outlives the browser.
   * @throws {TypeError} If `remember` is not a boolean.
   */
  rememberMe(remember: boolean): void;

  /**
   * The moment at which the session ends, however much it is used. It can be set, also to a moment in the
   * past; to set the same one again is no change. It is a copy: changing the `Date` in place does nothing.
   *
   * @throws {TypeError} If it is set to anything other than a `Date`.
   * @throws {RangeError} If it is set to an invalid `Date`, or to one outside the years 1000 to 9999.
   */
  deadline: Date;

  /**
   * A public name of the session, which is safe to show and opens nothing. It stays the same when the session
   * gets a new token. After `destroy`, another session has another one.
   */
  readonly id: string;

  /**
   * When the session began; after `destroy`, when the next one did. For a session that was stored by another
   * language it is estimated from the deadline.
   */
  readonly createdAt: Date;

  /** When the session got its token: when it began, or at the last `renewToken`. */
  readonly renewedAt: Date;

  /** What happened to the session since it was loaded or last committed. */
  readonly status: SessionStatus;

  /**
   * The token that the client holds. `undefined` if the session is new and not committed yet, if it was
   * destroyed, or, with hashed tokens, if it comes from `iterate`.
   */
  readonly token: string | undefined;
}
