// What a store counts. Each count is one increment, so that it costs next to nothing.

/** The last cleanup of a store that did not fail. */
export interface CleanupStats {
  /** When it ended, in milliseconds since 1970, as `Date.now()` returns it. */
  readonly at: number;
  /** How long it took, in milliseconds. */
  readonly duration: number;
  /** How many sessions it deleted. */
  readonly deleted: number;
}

/**
 * What a store has done since it was opened, and what it is doing: see
 * {@linkcode SequelizeStore.prototype.stats stats}. Counters start at 0 and only grow; gauges show this moment.
 */
export interface StoreStats {
  /**
   * Counter: the calls that were sent to the database, each counted once. Calls that wait, were refused, or were
   * aborted while they waited are not included. A page of `entries` and a statement of a cleanup count as one call
   * each.
   */
  readonly calls: number;
  /**
   * Counter: the statements that were sent, including those that failed or were sent again. A statement is one
   * operation on the table; a few of them are two or three statements of SQL in a transaction.
   */
  readonly statements: number;
  /** `calls / statements`: how many calls share a statement on average. 0 before the first statement. */
  readonly callsPerStatement: number;
  /** Gauge: the calls that wait to be sent. `queueLimit` limits them, separately for reads and for writes. */
  readonly waiting: number;
  /** Gauge: the statements under way, including those that wait for a connection or to be sent again. */
  readonly inFlight: number;
  /** Counter: the calls that were refused with a {@linkcode QueueFullError}. */
  readonly refused: number;
  /** Counter: the statements that were sent again after a temporary error, such as a deadlock. */
  readonly retried: number;
  /** Counter: the connections that were taken out of the pool because they lead to the wrong server. */
  readonly evicted: number;
  /**
   * The last cleanup that did not fail, by the loop or by a call of `deleteExpired`; `undefined` before the first.
   */
  readonly lastCleanup: CleanupStats | undefined;
}

/** The counters of one store: made when it is opened, and passed to everything that counts. */
export class Counters {
  calls = 0;
  statements = 0;
  inFlight = 0;
  refused = 0;
  retried = 0;
  evicted = 0;
  lastCleanup: CleanupStats | undefined;

  /**
   * Returns what was counted so far.
   *
   * @param waiting The calls that wait now.
   */
  toStats(waiting: number): StoreStats {
    const { calls, statements, inFlight, refused, retried, evicted, lastCleanup } = this;
    return Object.freeze({
      calls,
      statements,
      callsPerStatement: statements === 0 ? 0 : calls / statements,
      waiting,
      inFlight,
      refused,
      retried,
      evicted,
      lastCleanup,
    });
  }
}
