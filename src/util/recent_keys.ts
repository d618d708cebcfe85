/** Maps keys to values for a limited time, and only a limited number of them. */
export class RecentKeys<T> {
  readonly #maxAge: number;
  readonly #maxSize: number;
  /** In the order in which they were set. */
  readonly #entries = new Map<string, { readonly value: T; readonly since: number }>();

  /** @param limits `maxAge` in milliseconds, `maxSize` in keys. */
  constructor({ maxAge, maxSize }: { readonly maxAge: number; readonly maxSize: number }) {
    this.#maxAge = maxAge;
    this.#maxSize = maxSize;
  }

  set(key: string, value: T): void {
    this.#entries.delete(key);
    this.#entries.set(key, { value, since: Date.now() });
    for (const [oldest, { since }] of this.#entries) {
      if (this.#entries.size <= this.#maxSize && !this.#isOld(since)) break;
      this.#entries.delete(oldest);
    }
  }

  get(key: string): T | undefined {
    const entry = this.#entries.get(key);
    return entry && !this.#isOld(entry.since) ? entry.value : undefined;
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  #isOld(since: number): boolean {
    return Date.now() - since > this.#maxAge;
  }
}
