import { isNumber } from "../util/check.ts";

/** What a drift has at most, in milliseconds: the processor may have gone elsewhere between two readings. */
const MAX_DRIFT_MS = 10;

/**
 * Keeps a cookie's `originalMaxAge` free of drift. `touch()` of express-session sets it to an expiry that it
 * has made from it, less the time, and the clock may have moved on between: it loses a millisecond now and
 * then, which is no change that the application has made.
 */
export class SteadyMaxAge {
  #last: unknown;
  #steady: unknown;

  /** @param maxAge What the session had when it was loaded. */
  constructor(maxAge: unknown) {
    this.#last = this.#steady = maxAge;
  }

  /** Returns what a value is without its drift: the one before it, unless the application has changed it. */
  of(maxAge: unknown): unknown {
    // From the last value on: of a session that is touched many times, the drift adds up.
    if (!isNear(maxAge, this.#last)) this.#steady = maxAge;
    this.#last = maxAge;
    return this.#steady;
  }
}

function isNear(one: unknown, another: unknown): boolean {
  return isNumber(one) && isNumber(another) &&
    Math.abs(one as number - (another as number)) <= MAX_DRIFT_MS;
}
