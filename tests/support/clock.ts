/** Runs `test` while the clock shows what `now` says, in milliseconds; the timers go on as ever. */
export async function withClock<T>(now: () => number, test: () => T | Promise<T>): Promise<T> {
  const real = Date.now;
  Date.now = now;
  try {
    return await test();
  } finally {
    Date.now = real;
  }
}

/** Runs `test` while the clock moves on by a millisecond from each reading to the next. */
export function ticking<T>(test: () => T | Promise<T>): Promise<T> {
  let now = Date.now();
  return withClock(() => now++, test);
}

/** Runs `test` so many milliseconds later. */
export function later<T>(ms: number, test: () => T | Promise<T>): Promise<T> {
  const real = Date.now;
  return withClock(() => real() + ms, test);
}
