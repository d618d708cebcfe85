/** Remembers keys for a while, and only so many of them. */
export class RecentKeys {
  readonly #maxAge: number;
  readonly #maxSize: number;
  /** When each key was added, the oldest first. */
  readonly #added = new Map<string, number>();

  /** @param limits `maxAge` in milliseconds, `maxSize` in keys. */
  constructor({ maxAge, maxSize }: { readonly maxAge: number; readonly maxSize: number }) {
    this.#maxAge = maxAge;
    this.#maxSize = maxSize;
  }

  add(key: string): void {
    this.#added.delete(key);
    this.#added.set(key, Date.now());
    for (const [oldest, added] of this.#added) {
      if (this.#added.size <= this.#maxSize && !this.#isOld(added)) break;
      this.#added.delete(oldest);
    }
  }

  has(key: string): boolean {
    const added = this.#added.get(key);
    return added !== undefined && !this.#isOld(added);
  }

  #isOld(added: number): boolean {
    return Date.now() - added > this.#maxAge;
  }
}
