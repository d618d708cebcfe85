import type { Duration } from "../util/duration.ts";

/** The options of {@linkcode Session.renewToken}. */
export interface RenewalOptions {
  /** How long the old token can still read the session, in milliseconds, at most 60 000; by default not at all. */
  readonly grace?: Duration | undefined;
}

/** What happened to a session since it was loaded or last committed. */
export type SessionStatus = "unmodified" | "modified" | "destroyed";

/**
 * The session of one request: typed values under string keys. Changes take effect when the session is committed,
 * which `loadAndSave` does once the handler has returned. If the handler throws, nothing takes effect. A framework
 * that turns errors into responses itself has to call {@linkcode Session.discard discard}.
 *
 * The values that `get` and `pop` return belong to this request. To save a change inside such a value, `put` it
 * again.
 *
 * @template Values The type of each value by its key. A plain `Session` stands for a session with any values, for
 *   instance as a parameter of a function that does not use the values.
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
   * Adds a value, or replaces the value of the key.
   *
   * A value that has the same encoding as the loaded one is no change: nothing is written and no cookie is sent. If
   * another request changes that key meanwhile, the other request's value stays. If
   * {@linkcode Session.renewToken renewToken} is also called, every value that was put is written.
   *
   * @param key The value's name.
   * @param value Anything that the manager's codec can encode. If it cannot encode the value, the commit throws.
   * @throws {TypeError} If the key is not a string.
   * @throws {RangeError} If the key is `__rememberMe` or `__session`, which are reserved: they hold the choice of
   *   {@linkcode Session.rememberMe rememberMe}, and `id`, `createdAt` and `renewedAt`.
   */
  put<K extends keyof Values & string>(key: K, value: Values[K]): void;

  /**
   * Returns a value and removes it, for instance a message that is shown once.
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

  /**
   * Removes all values. The session itself stays, and so does the choice of
   * {@linkcode Session.rememberMe rememberMe}.
   */
  clear(): void;

  /**
   * Whether the session has a value of this key, even if the value is `undefined`.
   *
   * @param key The value's name.
   */
  has(key: keyof Values & string): boolean;

  /** Returns the keys of all values, sorted, without the choice of {@linkcode Session.rememberMe rememberMe}. */
  keys(): string[];

  /**
   * Gives the session a new token and a new lifetime, and makes the old token useless. Call it whenever the visitor's
   * rights change, for instance at sign-in: a token that somebody else has planted or seen before is then useless
   * (OWASP, session fixation).
   *
   * Set `grace` if the token changes without a sign-in. Requests that are under way with the old token then still
   * find the session for some seconds, in every process, with the values from before the renewal. If such a request
   * changes the session, its commit throws a {@linkcode RenewedSessionError}. There are two exceptions: `destroy`
   * ends the session under both tokens, and another renewal with a grace has no effect, because it has already taken
   * place. If the session ends under its new token, it also ends under the old one. If the session gets another owner
   * along with a `grace`, the commit throws.
   *
   * @param options `grace`: how long the old token can still read the session, in milliseconds, at most 60 000; by
   *   default not at all. `{ milliseconds: 5 }` is for tests.
   * @throws {TypeError} If an option is unknown or `grace` has the wrong type.
   * @throws {RangeError} If `grace` is out of range.
   */
  renewToken(options?: RenewalOptions): void;

  /**
   * Ends the session: it is deleted from the store and the cookie is cleared, even if no session was found for the
   * cookie. Values that are put afterwards begin a new session with a new token.
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
   * Takes over the values of another session and the later of the two deadlines, for instance to keep the cart that a
   * visitor has filled before signing in. If both sessions have a key, the other session's value wins. The other
   * session ends on commit.
   *
   * Nothing that was saved is lost. The other session ends only once the store has acknowledged its values as part of
   * this one. If this session is gone by then, the other one stays. Values that other requests save to the other
   * session before it ends are also taken over, even if it gets a new token in this process meanwhile, except for
   * keys that were set here after the merge. If another request removes a value there, this session keeps its own
   * value, if it had one.
   *
   * @param token The other session's token. Take it only from the visitor whose session it is.
   * @returns Whether the session was found: `false` also if it has reached its deadline, if the token is this
   *   session's own, or if `destroy` or `discard` was called meanwhile.
   * @throws The store's error if it fails; an `Error` if the other session cannot be decoded.
   */
  merge(token: string): Promise<boolean>;

  /**
   * Decides whether the browser keeps the cookie after it is closed. Before the first call, the manager's
   * `cookie.persist` decides. The choice is part of the session. The same choice again is no change.
   *
   * @param remember `true` if the browser keeps the cookie.
   * @throws {TypeError} If `remember` is not a boolean.
   */
  rememberMe(remember: boolean): void;

  /**
   * The moment at which the session ends, even if it is in use. It can be set, also to a moment in the past. Setting
   * the same moment again is no change. It is a copy: changing the `Date` in place does nothing.
   *
   * @throws {TypeError} If it is set to anything other than a `Date`.
   * @throws {RangeError} If it is set to an invalid `Date`, or to one outside the years 1000 to 9999.
   */
  deadline: Date;

  /**
   * A public name of the session. It is safe to show, because it does not open the session. It stays the same when
   * the session gets a new token. After `destroy`, the next session has another one.
   */
  readonly id: string;

  /**
   * When the session began; after `destroy`, when the next one began. For a session that a program in another
   * language has stored, it is estimated from the deadline.
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
