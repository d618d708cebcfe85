import { setTimeout } from "node:timers/promises";
import { abortable } from "../util/abortable.ts";
import { report } from "../util/report.ts";
import type { FullSessionStore } from "../store/store.ts";

/** How often the cleanup runs, until when, and whom it tells of failures. */
export interface CleanupOptions {
  /** The mean time between the end of one cleanup and the start of the next, in milliseconds. */
  readonly interval: number;
  /** Stops the cleanup when aborted. */
  readonly signal: AbortSignal;
  /** Called with the error of each failed cleanup. The next one waits for it; a stop does not. */
  readonly onError: (error: unknown) => void;
  /** Waits, or rejects once the signal aborts; replaced in tests. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<unknown>;
}

/** Instances that were started together spread out within a few intervals. */
const JITTER = 0.2;
/** What a timer can wait at most; a longer delay would fire at once. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** Waits without keeping the process alive. */
function sleepUnref(ms: number, signal: AbortSignal): Promise<unknown> {
  return setTimeout(ms, undefined, { signal, ref: false });
}

/**
 * Runs `store.deleteExpired()` again and again until the signal aborts, never twice at a time.
 *
 * @returns A promise that resolves once the cleanup has stopped and no statement is under way. It
 *   never rejects.
 */
export async function repeatCleanup(
  store: Pick<FullSessionStore, "deleteExpired">,
  { interval, signal, onError, sleep = sleepUnref }: CleanupOptions,
): Promise<void> {
  for (;;) {
    const jittered = interval * (1 + JITTER * (2 * Math.random() - 1));
    try {
      await sleep(Math.min(jittered, MAX_DELAY_MS), signal);
    } catch {
      return;
    }
    try {
      await store.deleteExpired({ signal });
    } catch (error) {
      // A handler that awaits the stop would wait for itself.
      if (error !== signal.reason) {
        await abortable(report(() => onError(error)), signal).catch(() => {});
      }
    }
  }
}
