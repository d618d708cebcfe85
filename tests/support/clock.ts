/** Runs `test` while `now` is the clock, in milliseconds; the timers are not affected. */
export async function withClock<T>(now: () => number, test: () => T | Promise<T>): Promise<T> {
  const real = Date.now;
  Date.now = now;
  try {
    return await test();
  } finally {
    Date.now = real;
  }
}

/** Runs `test` while the clock advances by a millisecond at each reading. */
export function ticking<T>(test: () => T | Promise<T>): Promise<T> {
  let now = Date.now();
  return withClock(() => now++, test);
}

/** Runs `test` with a clock that is so many milliseconds ahead. */
export function later<T>(ms: number, test: () => T | Promise<T>): Promise<T> {
  const real = Date.now;
  return withClock(() => real() + ms, test);
}
