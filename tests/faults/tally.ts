// Counts what a storm of calls was told, and compares it with what the database then says.

/** The data of a session as text, or `undefined` where there is none. */
export type State = string | undefined;

/** What a storm has come to. Nothing but the first two may be other than zero. */
export interface Counts {
  readonly acknowledged: number;
  /** Calls that rejected: their writes may have been carried out or not. */
  readonly failed: number;
  /** Sessions that held older data than what was acknowledged, or data that nobody wrote. */
  readonly lost: number;
  /** Sessions that were there although their end was acknowledged. */
  readonly revived: number;
  /** Sessions that were reported as not found although they were there. */
  readonly falselyMissing: number;
}

/**
 * Knows of each token in which states it may be. An acknowledged write leaves one; a write that failed
 * leaves those that were possible and its own. A token's writes have to be awaited one after another.
 */
export class Tally {
  readonly #states = new Map<string, Set<State>>();
  #acknowledged = 0;
  #failed = 0;
  readonly #lost = new Set<string>();
  readonly #revived = new Set<string>();
  readonly #falselyMissing = new Set<string>();

  get counts(): Counts {
    return {
      acknowledged: this.#acknowledged,
      failed: this.#failed,
      lost: this.#lost.size,
      revived: this.#revived.size,
      falselyMissing: this.#falselyMissing.size,
    };
  }

  /** The tokens that were written to. */
  get tokens(): string[] {
    return [...this.#states.keys()];
  }

  /** In which states a token may be. */
  of(token: string): Set<State> {
    return this.#states.get(token) ?? new Set([undefined]);
  }

  acknowledge(token: string, state: State): void {
    this.#acknowledged++;
    this.#states.set(token, new Set([state]));
  }

  /** A call that changed nothing, and was answered. */
  answered(): void {
    this.#acknowledged++;
  }

  /** A call that rejected, and the state that it may have left. */
  fail(token: string, ...states: State[]): void {
    this.#failed++;
    this.#states.set(token, new Set([...this.of(token), ...states]));
  }

  /** Compares what was found with what may be there. */
  saw(token: string, found: State): void {
    const states = this.of(token);
    if (states.has(found)) return;
    if (found === undefined) this.#falselyMissing.add(token);
    else if (states.size === 1 && states.has(undefined)) this.#revived.add(token);
    else this.#lost.add(token);
  }

  /** A conditional write that was told that there is no such session. */
  wasToldMissing(token: string): void {
    if (!this.of(token).has(undefined)) this.#falselyMissing.add(token);
  }

  /** A conditional write that was told that there is one. */
  wasToldPresent(token: string): void {
    const states = this.of(token);
    if (states.size === 1 && states.has(undefined)) this.#revived.add(token);
  }
}
