import { FLAG, hasMethods, type Rule } from "../util/check.ts";
import {
  type Duration,
  INTERVAL,
  LIFETIME,
  readOptions,
  toMilliseconds,
  warnIfShort,
  withDefault,
} from "../util/options.ts";

/** Turns sessions into text and back; `JSON` is one. */
export interface Serializer {
  /**
   * Gives the text of a session: its values and, under `cookie`, the cookie's attributes but its expiry.
   *
   * @throws Anything where a value cannot be serialized, rather than to lose it.
   */
  stringify(session: Record<string, unknown>): string;
  /**
   * Gives the session back that `stringify` was given.
   *
   * @throws Anything where the text is not in this format.
   */
  parse(text: string): unknown;
}

/** How an {@linkcode ExpressStore} is set up. */
export interface ExpressStoreOptions {
  /**
   * How long a session whose cookie has no expiry, and so ends with the browser, lasts without being
   * used, in milliseconds, up to 100 years. Less than a second is refused as a number, because it is likely
   * meant in seconds; a test writes `{ milliseconds: 5 }`.
   *
   * @default {86_400_000}
   */
  readonly lifetime?: Duration | undefined;
  /**
   * Whether the store gets the SHA-256 of each session's id in its place, so that what leaks from the
   * database opens no session. Changing it ends all sessions.
   *
   * @default {true}
   */
  readonly hashToken?: boolean | undefined;
  /**
   * A use of a session that comes within so many milliseconds of the last one that was recorded is not
   * recorded, and costs no query; 0 records each. Whatever it is, a session that is in use never falls
   * below half of its time.
   *
   * @default {60_000}
   */
  readonly touchInterval?: Duration | undefined;
  /**
   * The format of the sessions' data.
   *
   * @default {JSON}
   */
  readonly serializer?: Serializer | undefined;
}

/** The options with their defaults in place. */
export interface ExpressSettings {
  readonly lifetime: number;
  readonly hashToken: boolean;
  readonly touchInterval: number;
  readonly serializer: Serializer;
}

const SERIALIZER: Rule<Serializer> = {
  text: "a serializer with stringify and parse",
  hasType: (value): value is Serializer => hasMethods(value, ["stringify", "parse"]),
};

const EXPRESS_OPTIONS = {
  lifetime: withDefault(LIFETIME, 24 * 3_600_000),
  hashToken: withDefault(FLAG, true),
  touchInterval: withDefault(INTERVAL, 60_000),
  serializer: withDefault<Serializer>(SERIALIZER, JSON),
};

/**
 * Checks what an `ExpressStore` was given, and fills in the defaults.
 *
 * @throws {TypeError} If an option is unknown or has the wrong type.
 * @throws {RangeError} If a value is out of range.
 */
export function checkExpressOptions(options: ExpressStoreOptions): ExpressSettings {
  const values = readOptions("create the Express store", options, EXPRESS_OPTIONS);
  const { lifetime, touchInterval } = values;
  warnIfShort("lifetime", lifetime);
  return {
    ...values,
    lifetime: toMilliseconds(lifetime),
    touchInterval: toMilliseconds(touchInterval),
  };
}
