import { setTimeout } from "node:timers/promises";

const ATTEMPTS = 6;
const FIRST_DELAY_MS = 5;

/**
 * Tries `attempt` again, a few times and ever later, as long as it fails in a way that may pass.
 *
 * @param mayPass Whether an error is worth another attempt.
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
 * Waits before another attempt: ever longer, and at random, so that those that collided do not meet again.
 *
 * @param n How many attempts there were.
 * @param unit Up to `unit * 2 ** n` milliseconds.
 */
export async function backOff(n: number, unit: number): Promise<void> {
  await setTimeout(Math.random() * unit * 2 ** n);
}
