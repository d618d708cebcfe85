// Runs tasks one after another, each in its own turn of the event loop.

import { setImmediate, setTimeout } from "node:timers";
import { errorOf } from "./errors.ts";

/** A task of a {@linkcode Queue}. */
export interface Task {
  /** Carries it out synchronously; called again if it throws and may wait. */
  carryOut(): void;
  /** Whether to try again later after this error. */
  mayWait(error: unknown): boolean;
  /** Called once, with the last error or `null`. */
  settle(error: Error | null): void;
}

/** SQLite's own delays before the first retry, the second and so on, in milliseconds. */
const DELAYS = [1, 2, 5, 10, 15, 20, 25, 25, 25, 50, 50, 100];

export class Queue {
  readonly #timeout: () => number;
  readonly #tasks: Task[] = [];
  #tries = 0;
  #waited = 0;

  /** @param timeout Returns for how many milliseconds a task that may wait is tried again. */
  constructor(timeout: () => number) {
    this.#timeout = timeout;
  }

  add(task: Task): void {
    if (this.#tasks.push(task) === 1) setImmediate(this.#next);
  }

  readonly #next = (): void => {
    const task = this.#tasks[0]!;
    let error: Error | null = null;
    try {
      task.carryOut();
    } catch (thrown) {
      if (task.mayWait(thrown) && this.#wait()) return;
      error = errorOf(thrown);
    }
    this.#tries = this.#waited = 0;
    this.#tasks.shift();
    // Scheduled before the callback, which may throw.
    if (this.#tasks.length > 0) setImmediate(this.#next);
    task.settle(error);
  };

  /** Schedules a retry of the first task; returns `false` if its time is up. */
  #wait(): boolean {
    const delay = Math.min(DELAYS[this.#tries] ?? 100, this.#timeout() - this.#waited);
    if (delay <= 0) return false;
    this.#tries++;
    this.#waited += delay;
    setTimeout(this.#next, delay);
    return true;
  }
}
