// Tasks one after the other, each in a turn of the event loop of its own.

import { setImmediate, setTimeout } from "node:timers";
import { errorOf } from "./errors.ts";

/** Something to carry out. */
export interface Task {
  /** Does it, at once; called again if it throws and may wait. */
  carryOut(): void;
  /** Whether to try again later after such an error. */
  mayWait(error: unknown): boolean;
  /** Called once, with what it has thrown at last. */
  settle(error: Error | null): void;
}

/** SQLite's own delays: so many milliseconds before the first try again, the second and so on. */
const DELAYS = [1, 2, 5, 10, 15, 20, 25, 25, 25, 50, 50, 100];

/** A queue of tasks. */
export class Queue {
  readonly #timeout: () => number;
  readonly #tasks: Task[] = [];
  #tries = 0;
  #waited = 0;

  /** `timeout` is for how many milliseconds a task that may wait is tried again. */
  constructor(timeout: () => number) {
    this.#timeout = timeout;
  }

  /** Appends a task. */
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
    // Before the callback, which may throw.
    if (this.#tasks.length > 0) setImmediate(this.#next);
    task.settle(error);
  };

  /** Tries the first task again later, unless it has waited for long enough. */
  #wait(): boolean {
    const delay = Math.min(DELAYS[this.#tries] ?? 100, this.#timeout() - this.#waited);
    if (delay <= 0) return false;
    this.#tries++;
    this.#waited += delay;
    setTimeout(this.#next, delay);
    return true;
  }
}
