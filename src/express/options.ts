import { FLAG, FUNCTION, hasMethods, type Rule } from "../util/check.ts";
import {
  type Duration,
  INTERVAL,
  LIFETIME,
  toMilliseconds,
  warnIfShort,
} from "../util/duration.ts";
import { optional, readOptions, withDefault } from "../util/options.ts";
import { type Owner, toOwner } from "../store/owner.ts";
import { printer } from "../util/report.ts";

/** Turns sessions into text and back; `JSON` is one. */
export interface Serializer {
  /**
   * Returns a session as text.
   *
   * @param session Its values and, under `cookie`, the cookie's attributes except its expiry.
   * @throws Any error if a value cannot be serialized: it must not be lost silently.
   */
  stringify(session: Record<string, unknown>): string;
  /**
   * Returns the session that `stringify` was called with.
   *
   * @param text What `stringify` has returned.
   * @throws Any error if the text has another format.
   */
  parse(text: string): unknown;
}

/** How an {@linkcode ExpressStore} is set up. */
export interface ExpressStoreOptions {
  /**
   * How long an unused session lasts if its cookie has no expiry and so ends with the browser, in milliseconds, up to
   * 100 years. A number below 1000 is refused, because it is probably meant in seconds; a test can write
   * `{ milliseconds: 5 }`.
   *
   * @default {86_400_000}
   */
  readonly lifetime?: Duration | undefined;
  /**
   * Whether the store gets the SHA-256 of each session's id instead of the id, so that ids cannot be read
   * from a leaked database. Changing this option ends all sessions.
   *
   * @default {true}
   */
  readonly hashToken?: boolean | undefined;
  /**
   * For how long after a recorded use of a session further uses are not recorded and cost no write, in milliseconds;
   * 0 records every use. A use is always recorded once half of the session's time is over.
   *
   * @default {60_000}
   */
  readonly touchInterval?: Duration | undefined;
  /**
   * Returns whom a session belongs to, such as its user's id: `(session) => session.passport?.user`; `undefined` or
   * `null` means no owner. By default sessions have no owner. It is called with the session's values at each save,
   * must change nothing, and must return the same for the same values. The store then finds the sessions of one
   * owner: see `ofOwner` and `destroyOwned`. It needs `entriesOf` and `deleteOwned`; a `SequelizeStore` has them with
   * `owners: true`.
   *
   * A string of 1 to 255 characters without NUL, a safe integer or a bigint; 7, 7n and "7" are the same owner.
   */
  // deno-lint-ignore no-explicit-any -- the application's own values
  readonly owner?: ((session: Record<string, any>) => Owner | null | undefined) | undefined;
  /**
   * The format of the sessions' data.
   *
   * @default {JSON}
   */
  readonly serializer?: Serializer | undefined;
  /**
   * Called with the error if a session exists but cannot be decrypted, by each call that leaves it out. The error
   * contains nothing of the session. By default it is printed.
   */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** The options with their defaults filled in. */
export interface ExpressSettings {
  readonly lifetime: number;
  readonly hashToken: boolean;
  readonly touchInterval: number;
  readonly serializer: Serializer;
  readonly onError: (error: unknown) => void;
  /** Whether the store has to keep owners. */
  readonly hasOwners: boolean;
  /** Returns whom a session belongs to; `null`: no owner; `undefined`: the store does not keep owners. */
  ownerOf(session: object): string | null | undefined;
}

const SERIALIZER: Rule<Serializer> = {
  text: "a serializer with stringify and parse",
  hasType: (value): value is Serializer => hasMethods(value, ["stringify", "parse"]),
};

const EXPRESS_OPTIONS = {
  lifetime: withDefault(LIFETIME, 24 * 3_600_000),
  hashToken: withDefault(FLAG, true),
  touchInterval: withDefault(INTERVAL, 60_000),
  owner: optional<NonNullable<ExpressStoreOptions["owner"]>>(FUNCTION),
  serializer: withDefault<Serializer>(SERIALIZER, JSON),
  onError: withDefault<NonNullable<ExpressStoreOptions["onError"]>>(
    FUNCTION,
    printer("read the session"),
  ),
};

/**
 * Checks the options of an `ExpressStore`, and fills in the defaults.
 *
 * @throws {TypeError} If an option is unknown or has the wrong type.
 * @throws {RangeError} If a value is out of range.
 */
export function checkExpressOptions(
  options: ExpressStoreOptions,
  action = "create the Express store",
): ExpressSettings {
  const values = readOptions(action, options, EXPRESS_OPTIONS);
  const { lifetime, touchInterval, owner, ...rest } = values;
  warnIfShort("lifetime", lifetime);
  return {
    ...rest,
    hasOwners: owner !== undefined,
    ownerOf: (session) => {
      if (owner === undefined) return undefined;
      const name = owner(session);
      return name == null ? null : toOwner("set the session", "owner(session)", name);
    },
    lifetime: toMilliseconds(lifetime),
    touchInterval: toMilliseconds(touchInterval),
  };
}
