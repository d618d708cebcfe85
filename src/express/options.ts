import { FLAG, hasMethods, type Rule } from "../util/check.ts";
import {
  type Duration,
  INTERVAL,
  LIFETIME,
  toMilliseconds,
  warnIfShort,
} from "../util/duration.ts";
import { readOptions, withDefault } from "../util/options.ts";

/** Turns sessions into text and back; `JSON` is one. */
export interface Serializer {
  /**
   * Returns a session as text: its values and, under `cookie`, the cookie's attributes except its expiry.
   *
   * @throws Any error if a value cannot be serialized: it must not be lost silently.
   */
  stringify(session: Record<string, unknown>): string;
  /**
   * Returns the session that `stringify` was called with.
   *
   * @throws Any error if the text has another format.
   */
  parse(text: string): unknown;
}

/** How an {@linkcode ExpressStore} is set up. */
export interface ExpressStoreOptions {
  /**
   * How long an unused session lasts if its cookie has no expiry and so ends with the browser, in
   * milliseconds, up to 100 years. A number below 1000 is refused, because it is probably meant in
   * seconds; a test can write `{ milliseconds: 5 }`.
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
   * How long after a recorded use of a session further uses are not recorded and cost no write, in
   * milliseconds; 0 records every use. A use is always recorded once half of the session's time is over.
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

/** The options with their defaults filled in. */
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
  const { lifetime, touchInterval } = values;
  warnIfShort("lifetime", lifetime);
  return {
    ...values,
    lifetime: toMilliseconds(lifetime),
    touchInterval: toMilliseconds(touchInterval),
  };
}
