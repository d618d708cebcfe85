import { check, FLAG, FUNCTION, hasMethods, isNumber, OPTIONS, type Rule } from "../util/check.ts";
import { type Codec, devalueCodec } from "./codec.ts";
import { SessionCookie } from "./cookie.ts";
import type { SessionCookieOptions } from "./cookie_options.ts";
import { MemoryStore } from "../store/memory_store.ts";
import { type Duration, LIFETIME, toMilliseconds, warnIfShort } from "../util/duration.ts";
import { optional, readOptions, withDefault } from "../util/options.ts";
import { printer } from "../util/report.ts";
import type { Owner } from "../store/owner.ts";
import { resolveStore, STORE_SOURCE, type StoreSource } from "../store/resolve_store.ts";
import type { OwnedSessionStore, SessionStore } from "../store/store.ts";

/**
 * How a {@linkcode SessionManager} is set up.
 *
 * @template Values The type of each of a session's values by its key.
 */
// deno-lint-ignore no-explicit-any -- so that options without `owner` suit every manager
export interface SessionManagerOptions<Values extends object = any> {
  /**
   * Where the sessions are kept: by default in a {@linkcode MemoryStore}, whose sessions end with the process.
   * `find`, `commit` and `delete` are enough. Without `replace` and `touch`, if several processes write one session
   * at the same time, the last one wins, and a session that another process has just destroyed may come back.
   *
   * It may be a promise, such as `SequelizeStore.open(sequelize)`: calls then wait for it. If it rejects, each call
   * rejects with its error.
   */
  readonly store?: StoreSource | undefined;
  /**
   * How long a session lasts from its beginning or its last `renewToken`, in milliseconds, up to 100 years. A number
   * below 1000 is refused, because it is probably meant in seconds; a test can write `{ milliseconds: 5 }`.
   *
   * @default {86_400_000}
   */
  readonly lifetime?: Duration | undefined;
  /**
   * How long a session lasts without being used, in milliseconds; by default there is no such limit. A use is
   * recorded only if a tenth of the time has passed since the last recorded one, so a session may end up to a tenth
   * early.
   */
  readonly idleTimeout?: Duration | undefined;
  /**
   * Returns whom a session belongs to, such as its user's id; `undefined` or `null` means no owner. By default
   * sessions have no owner. It is called with the session's values at each commit, must change nothing, and must
   * return the same for the same values. The store then finds the sessions of one owner: see `ofOwner`,
   * `destroyOwned` and `destroyById`. It needs `entriesOf` and `deleteOwned`; a `SequelizeStore` has them with
   * `owners: true`.
   *
   * A string of 1 to 255 characters without NUL, a safe integer or a bigint; 7, 7n and "7" are the same owner.
   */
  readonly owner?: ((values: Partial<Values>) => Owner | null | undefined) | undefined;
  /**
   * How many sessions an owner can have; by default any number. If one more is committed, the session that has
   * belonged to the owner for the longest time ends. Needs `owner`.
   */
  readonly maxPerOwner?: number | undefined;
  /** The session cookie's name and attributes; by default, a cookie `session` for the whole host. */
  readonly cookie?: SessionCookieOptions | undefined;
  /**
   * The format of the sessions' data.
   *
   * @default {devalueCodec}
   */
  readonly codec?: Codec | undefined;
  /**
   * Whether the store gets the SHA-256 of each token instead of the token, so that nobody can open a session with
   * data that leaks from the database. Changing this option ends all sessions. Delete them all before you set it to
   * `false`, because from then on the old hashes are tokens themselves.
   *
   * @default {true}
   */
  readonly hashToken?: boolean | undefined;
  /**
   * Called if the store fails, or if a session cannot be loaded or committed. `loadAndSave` then sends the `Response`
   * that it returns, or else a 500 response; an error that it throws propagates. It is also called if a session's
   * data cannot be decoded: what it returns is then ignored, and there is no request if the session comes from `load`
   * or `iterate`. It is also called, once, if browsers drop the cookie because it is `Secure` and the request came by
   * plain HTTP from a private network. By default, only the first line of the message goes to `console.error`,
   * because the errors of other stores may contain a statement with the session's data.
   */
  readonly onError?:
    | ((error: unknown, request: Request | undefined) => Response | void | Promise<Response | void>)
    | undefined;
}

/** The options with their defaults in place. */
export interface ManagerSettings {
  readonly store: SessionStore & Partial<OwnedSessionStore>;
  readonly lifetime: number;
  readonly idleTimeout: number | undefined;
  readonly owner: SessionManagerOptions["owner"];
  readonly maxPerOwner: number | undefined;
  readonly cookie: SessionCookie;
  readonly codec: Codec;
  readonly hashToken: boolean;
  readonly onError: NonNullable<SessionManagerOptions["onError"]>;
}

const CODEC: Rule<Codec> = {
  text: "a codec with encode and decode",
  hasType: (value): value is Codec => hasMethods(value, ["encode", "decode"]),
};

const ACTION = "create the session manager";

const OWNER_OPTION: Rule<unknown> = {
  ...FUNCTION,
  text: "a function if there is 'maxPerOwner'",
};

const LIMIT: Rule<number> = {
  text: "an integer of 1 or more",
  hasType: isNumber,
  inRange: (value) => Number.isSafeInteger(value) && value >= 1,
};

const MANAGER_OPTIONS = {
  store: optional(STORE_SOURCE),
  lifetime: withDefault(LIFETIME, 24 * 3_600_000),
  idleTimeout: optional(LIFETIME),
  owner: optional(FUNCTION),
  maxPerOwner: optional(LIMIT),
  cookie: withDefault(OPTIONS, {}),
  codec: withDefault(CODEC, devalueCodec),
  hashToken: withDefault(FLAG, true),
  onError: withDefault(FUNCTION, printer("load or save a session")),
};

/**
 * Checks the options of a session manager, and fills in the defaults.
 *
 * @throws {TypeError} If an option is unknown or has the wrong type.
 * @throws {RangeError} If a value is out of range, or browsers would drop or change such a cookie.
 */
export function checkManagerOptions(options: SessionManagerOptions): ManagerSettings {
  const values = readOptions(ACTION, options, MANAGER_OPTIONS);
  const { store = new MemoryStore(), lifetime, idleTimeout, cookie } = values;
  const hasOwners = values.owner !== undefined;
  if (values.maxPerOwner !== undefined) check(ACTION, "owner", values.owner, OWNER_OPTION);
  warnIfShort("lifetime", lifetime);
  warnIfShort("idleTimeout", idleTimeout);
  return {
    ...values,
    store: resolveStore(ACTION, store, hasOwners),
    lifetime: toMilliseconds(lifetime),
    idleTimeout: idleTimeout && toMilliseconds(idleTimeout),
    cookie: new SessionCookie(cookie),
  };
}
