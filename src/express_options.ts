import { check, DURATION, FLAG, hasMethods, INTERVAL, OPTIONS, type Rule } from "./check.ts";

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
   * used, in milliseconds, up to 100 years.
   *
   * @default {86_400_000}
   */
  readonly lifetime?: number | undefined;
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
  readonly touchInterval?: number | undefined;
  /**
   * The format of the sessions' data.
   *
   * @default {JSON}
   */
  readonly serializer?: Serializer | undefined;
}

/** The options with their defaults in place. */
export type ExpressSettings = {
  readonly [Name in keyof ExpressStoreOptions]-?: NonNullable<ExpressStoreOptions[Name]>;
};

const SERIALIZER: Rule<Serializer> = {
  text: "a serializer with stringify and parse",
  hasType: (value) => hasMethods(value, ["stringify", "parse"]),
};

/**
 * Checks what an `ExpressStore` was given, and fills in the defaults.
 *
 * @throws {TypeError} Where an option has the wrong type.
 * @throws {RangeError} Where a value is out of range.
 */
export function checkExpressOptions(options: ExpressStoreOptions): ExpressSettings {
  const action = "create the Express store";
  check(action, "options", options, OPTIONS);
  const { lifetime = 24 * 3_600_000, hashToken = true } = options;
  const { touchInterval = 60_000, serializer = JSON } = options;
  check(action, "lifetime", lifetime, DURATION);
  check(action, "hashToken", hashToken, FLAG);
  check(action, "touchInterval", touchInterval, INTERVAL);
  check(action, "serializer", serializer, SERIALIZER);
  return { lifetime, hashToken, touchInterval, serializer };
}
