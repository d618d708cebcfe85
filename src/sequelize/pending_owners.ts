/** The writes that are waiting or in flight, by the owner that they give a session. */
export class PendingOwners {
  readonly #writes = new Map<string, Set<Promise<void>>>();

  /**
   * Adds a write.
   *
   * @param owner Whom the session belongs to once it is written.
   * @returns A function to call once the write is no longer waiting or in flight.
   */
  add(owner: string): () => void {
    const writes = this.#writes.get(owner) ?? new Set();
    this.#writes.set(owner, writes);
    let resolve!: () => void;
    const promise = new Promise<void>((settle) => resolve = settle);
    writes.add(promise);
    return () => {
      resolve();
      writes.delete(promise);
      if (writes.size === 0) this.#writes.delete(owner);
    };
  }

  /** Waits until the writes of an owner that were added before have succeeded or failed. */
  async settled(owner: string): Promise<void> {
    await Promise.all(this.#writes.get(owner) ?? []);
  }
}
