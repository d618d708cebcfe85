import { abortable } from "./abortable.ts";

/** Runs the tasks of one key one after another, and hands each what the one before it has left. */
export class Turns<K, T> {
  /** The last task of each key that has one under way or waiting; it never rejects. */
  readonly #last = new Map<K, Promise<T | undefined>>();

  /**
   * Runs a task once it is its turn.
   *
   * @param task Gets what the task right before it gave, or `undefined` where none was under way or it
   *   failed; its own result is what `take` gives, too.
   * @param signal Rejects a task whose turn has not come yet; it is then never run.
   */
  async take(
    key: K,
    task: (left: T | undefined) => Promise<T | undefined>,
    signal?: AbortSignal,
  ): Promise<T | undefined> {
    if (signal?.aborted) throw signal.reason;
    const before = this.#last.get(key);
    const turn = before === undefined ? task(undefined) : abortable(before, signal).then(task);
    // The one after must wait for the one before, even where this one was withdrawn.
    const last = Promise.resolve(before).then(() => turn).catch(() => undefined).finally(() => {
      if (this.#last.get(key) === last) this.#last.delete(key);
    });
    this.#last.set(key, last);
    return await turn;
  }
}
