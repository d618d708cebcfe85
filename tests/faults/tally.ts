// Counts the outcomes of a storm of calls, and compares them with what the database holds afterwards.

/** The data of a session as text; `undefined` if there is none. */
export type State = string | undefined;

/** The counts of a storm. All except the first two must be zero. */
export interface Counts {
  readonly acknowledged: number;
  /** Calls that rejected: the database may have carried out their writes. */
  readonly failed: number;
  /** Sessions that held older data than the acknowledged, or data that was never written. */
  readonly lost: number;
  /** Sessions that were there although their removal was acknowledged. */
  readonly revived: number;
  /** Sessions that were reported as not found although they were there. */
  readonly falselyMissing: number;
}

/**
 * Keeps the possible states of each token. After an acknowledged write there is one; a failed write adds
 * its own. The writes of one token must be awaited one after another.
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

  /** The tokens that were written. */
  get tokens(): string[] {
    return [...this.#states.keys()];
  }

  /** The possible states of a token. */
  of(token: string): Set<State> {
    return this.#states.get(token) ?? new Set([undefined]);
  }

  acknowledge(token: string, state: State): void {
    this.#acknowledged++;
    this.#states.set(token, new Set([state]));
  }

  /** Counts a call that succeeded and changed nothing. */
  answered(): void {
    this.#acknowledged++;
  }

  /** Counts a call that rejected, with the state that it may have left. */
  fail(token: string, ...states: State[]): void {
    this.#failed++;
    this.#states.set(token, new Set([...this.of(token), ...states]));
  }

  /** Compares what was found with the possible states. */
  saw(token: string, found: State): void {
    const states = this.of(token);
    if (states.has(found)) return;
    if (found === undefined) this.#falselyMissing.add(token);
    else if (states.size === 1 && states.has(undefined)) this.#revived.add(token);
    else this.#lost.add(token);
  }

  /** Counts a conditional write that found no session. */
  wasToldMissing(token: string): void {
    if (!this.of(token).has(undefined)) this.#falselyMissing.add(token);
  }

  /** Counts a conditional write that found a session. */
  wasToldPresent(token: string): void {
    const states = this.of(token);
    if (states.size === 1 && states.has(undefined)) this.#revived.add(token);
  }
}
