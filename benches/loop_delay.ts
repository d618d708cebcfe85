// Measures how long the event loop is kept busy: other requests have to wait for as long as that.

import { percentile } from "./measure.ts";

const INTERVAL_MS = 1;

/**
 * Starts a timer that fires every millisecond, and records how late it is. `monitorEventLoopDelay` of
 * node:perf_hooks would do the same on Node, but Deno's reports no delay while the main thread is blocked.
 *
 * @returns A function that stops the timer and returns the 99th percentile of the delays, in milliseconds.
 */
export function startLoopDelay(): () => number {
  const delays: number[] = [];
  let timer: ReturnType<typeof setTimeout>;
  const next = (): void => {
    const due = performance.now() + INTERVAL_MS;
    timer = setTimeout(() => {
      delays.push(Math.max(0, performance.now() - due));
      next();
    }, INTERVAL_MS);
  };
  next();
  return () => {
    clearTimeout(timer);
    return percentile(delays, 0.99);
  };
}
