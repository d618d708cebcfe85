import { abortable } from "./abortable.ts";

/** Runs the tasks of one key one after another, and those of different keys in parallel. */
export class KeyedQueue<K> {
  /** By key, the end of the last task that runs or waits. It never rejects. */
  readonly #last = new Map<K, Promise<unknown>>();

  /**
   * Runs a task after the tasks of its key that came before.
   *
   * @param signal Rejects a task that has not begun, which is then never run.
   * @returns What the task returns.
   */
  async run<T>(key: K, task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    const before = this.#last.get(key);
    const result = before === undefined ? task() : abortable(before, signal).then(task);
    // If a task is aborted while it waits, the next one still waits for the tasks before it.
    const last = Promise.resolve(before).then(() => result).catch(() => {}).finally(() => {
      if (this.#last.get(key) === last) this.#last.delete(key);
    });
    this.#last.set(key, last);
    return await result;
  }
}
