import { abortable } from "./abortable.ts";

/** Runs the tasks of one key one after another, and those of different keys in parallel. */
export class KeyedQueue<K> {
  /** The end of the last task of each key that has a task that runs or waits; it never rejects. */
  readonly #last = new Map<K, Promise<unknown>>();

  /**
   * Runs a task after the tasks of its key that came before.
   *
   * @param signal Rejects a task that has not begun; it is then never run.
   * @returns What the task returns.
   */
  async run<T>(key: K, task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    const before = this.#last.get(key);
    const result = before === undefined ? task() : abortable(before, signal).then(task);
    // A task that was aborted while it waited does not let the next one overtake those before it.
    const last = Promise.resolve(before).then(() => result).catch(() => {}).finally(() => {
      if (this.#last.get(key) === last) this.#last.delete(key);
    });
    this.#last.set(key, last);
    return await result;
  }
}
