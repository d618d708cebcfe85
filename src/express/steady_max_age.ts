import { isNumber } from "../util/check.ts";

/** The largest drift, in milliseconds: the process may be suspended between two readings of the clock. */
const MAX_DRIFT_MS = 10;

/**
 * Keeps a cookie's `originalMaxAge` free of drift. `touch()` of express-session sets it to the difference between the
 * new expiry and the clock. The clock may have moved on, so the value is sometimes a millisecond smaller, although
 * the application has not changed it.
 */
export class SteadyMaxAge {
  #last: unknown;
  #steady: unknown;

  /** @param maxAge The value that the session had when it was loaded. */
  constructor(maxAge: unknown) {
    this.#last = this.#steady = maxAge;
  }

  /** Returns a value without its drift: the previous one, unless the application has changed it. */
  of(maxAge: unknown): unknown {
    // Compared with the last value: the drift of a session that is touched many times adds up.
    if (!isNear(maxAge, this.#last)) this.#steady = maxAge;
    this.#last = maxAge;
    return this.#steady;
  }
}

function isNear(one: unknown, another: unknown): boolean {
  return isNumber(one) && isNumber(another) && Math.abs(one - another) <= MAX_DRIFT_MS;
}
