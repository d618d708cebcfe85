// How one statement reaches the database.

import type { Transaction } from "sequelize";

/** What stands in a statement's text for `$1` and its like. PostgreSQL alone takes lists. */
export type Parameter = string | Uint8Array | null | readonly (string | null)[];

/** A statement, as a dialect writes it. */
export interface Statement {
  /** SQL with `$1`, `$2`, ... in the place of the parameters, in any order, each as often as needed. */
  readonly text: string;
  /** Whether it returns rows, or says how many rows it changed. */
  readonly returns: "rows" | "count";
  /** Whether the text is one of a few that are sent again and again, so that preparing it pays. */
  readonly isFixed: boolean;
}

/** A row, by the names of its columns. */
export type Row = Readonly<Record<string, unknown>>;

/** What a statement returned. */
export interface Outcome {
  /** None if the statement returns a count. */
  readonly rows: readonly Row[];
  /** 0 if the statement returns rows. */
  readonly count: number;
}

/**
 * Sends statements over the connections of the application's own Sequelize instance: over one of its
 * primary's pool, or over the one of the caller's transaction. An ambient (CLS) transaction is not joined.
 *
 * A connection that leads to a standby is taken out of the pool as soon as that is noticed, and its statement
 * fails, unless it is in the caller's transaction: that is the caller's business.
 *
 * Errors are Sequelize's own classes, with the driver's error as their `parent`. Nothing is sent again,
 * except what was refused before it began because it was prepared.
 */
export interface Driver {
  send(
    statement: Statement,
    parameters: readonly Parameter[],
    transaction: Transaction | null,
  ): Promise<Outcome>;

  /** Throws if the connection that the next statement would get leads to a standby, and evicts it. */
  reachPrimary(): Promise<void>;

  /** Carries out `work` in a transaction of the store's own, on the primary. */
  transact<T>(work: (transaction: Transaction) => Promise<T>): Promise<T>;
}

/** A statement that is sent again and again: its text does not depend on its values. */
export function fixed(returns: Statement["returns"], text: string): Statement {
  return { text, returns, isFixed: true };
}

/** A statement whose text depends on what it is sent with. */
export function unfixed(returns: Statement["returns"], text: string): Statement {
  return { text, returns, isFixed: false };
}
