import { setTimeout } from "node:timers/promises";
import { abortable } from "../util/abortable.ts";
import { report } from "../util/report.ts";

/** How a {@linkcode CleanupLoop} is set up. */
export interface CleanupLoopOptions {
  /** The mean time between the end of one cleanup and the start of the next, in milliseconds; 0: no loop. */
  readonly interval: number;
  /** Stops the loop when aborted. */
  readonly signal?: AbortSignal | undefined;
  /** Called with the error of each failed cleanup. The next cleanup waits for it; `stop` does not. */
  readonly onError: (error: unknown) => void;
  /** Waits, or rejects once the signal aborts; replaced in tests. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<unknown>;
}

/** Spreads out instances that were started together, within a few intervals. */
const JITTER = 0.2;
/** The longest delay of a timer. A longer one would fire at once. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** Waits without keeping the process alive. */
function sleepUnref(ms: number, signal: AbortSignal): Promise<unknown> {
  return setTimeout(ms, undefined, { signal, ref: false });
}

/** Runs a cleanup repeatedly until it is stopped, and never two at the same time. */
export class CleanupLoop {
  readonly #stop = new AbortController();
  readonly #stopped: Promise<void>;

  constructor(
    cleanUp: (options: { readonly signal: AbortSignal }) => Promise<unknown>,
    options: CleanupLoopOptions,
  ) {
    const { interval, signal } = options;
    if (signal?.aborted) this.#stop.abort();
    signal?.addEventListener("abort", () => this.#stop.abort(), {
      once: true,
      signal: this.#stop.signal,
    });
    this.#stopped = interval === 0 ? Promise.resolve() : this.#run(cleanUp, options);
  }

  /**
   * Stops the loop. Stopping twice does nothing.
   *
   * @returns A promise that resolves once a cleanup that was under way has settled. It never rejects.
   */
  stop(): Promise<void> {
    this.#stop.abort();
    return this.#stopped;
  }

  async #run(
    cleanUp: (options: { readonly signal: AbortSignal }) => Promise<unknown>,
    { interval, onError, sleep = sleepUnref }: CleanupLoopOptions,
  ): Promise<void> {
    const { signal } = this.#stop;
    for (;;) {
      const jittered = interval * (1 + JITTER * (2 * Math.random() - 1));
      try {
        await sleep(Math.min(jittered, MAX_DELAY_MS), signal);
      } catch {
        return;
      }
      try {
        await cleanUp({ signal });
      } catch (error) {
        // A handler that awaits the stop would wait for itself.
        if (error !== signal.reason) {
          await abortable(report(() => onError(error)), signal).catch(() => {});
        }
      }
    }
  }
}
