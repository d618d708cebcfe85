import { setTimeout } from "node:timers/promises";

const ATTEMPTS = 6;
const FIRST_DELAY_MS = 5;

/**
 * Calls `attempt`, and retries it a few times with growing waits if the error may be temporary.
 *
 * @param mayPass Returns whether another attempt may succeed after this error.
 * @throws The last attempt's error.
 */
export async function retry<T>(
  attempt: () => Promise<T>,
  mayPass: (error: unknown) => boolean,
): Promise<T> {
  for (let n = 1;; n++) {
    try {
      return await attempt();
    } catch (error) {
      if (n === ATTEMPTS || !mayPass(error)) throw error;
      await backOff(n, FIRST_DELAY_MS);
    }
  }
}

/**
 * Waits before another attempt. The wait is random and grows with each attempt, so callers that collided spread out.
 *
 * @param n How many attempts were made: the wait is at most `unit * 2 ** n`.
 * @param unit A time in milliseconds.
 */
export async function backOff(n: number, unit: number): Promise<void> {
  await setTimeout(Math.random() * unit * 2 ** n);
}
