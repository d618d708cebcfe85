// How one statement reaches the database.

import type { Transaction } from "sequelize";

/** A value for `$1`, `$2`, ... in a statement's text. Only PostgreSQL takes lists. */
export type Parameter = string | Uint8Array | null | readonly (string | null)[];

/** A statement, as a dialect writes it. */
export interface Statement {
  /** SQL with `$1`, `$2`, ... for the parameters, in any order, each as often as needed. */
  readonly text: string;
  /** Whether it returns rows or the number of rows that it changed. */
  readonly returns: "rows" | "count";
  /** Whether the text is one of a few that are sent repeatedly, so that it is worth preparing. */
  readonly isFixed: boolean;
}

/** A row, by the names of its columns. */
export type Row = Readonly<Record<string, unknown>>;

/** What a statement returned. */
export interface Outcome {
  /** Empty if the statement returns a count. */
  readonly rows: readonly Row[];
  /** 0 if the statement returns rows. */
  readonly count: number;
}

/**
 * Sends statements over connections of the application's own Sequelize instance: over one from its pool for the
 * primary, or over the one of the caller's transaction. An ambient (CLS) transaction is not joined.
 *
 * If a connection turns out to lead to a standby, it is taken out of the pool, and its statement fails. Connections
 * in the caller's transaction are left to the caller.
 *
 * Errors are Sequelize's own classes, with the driver's error as their `parent`. Nothing is sent again, except a
 * statement that was refused before it began because it was prepared.
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

/** Makes a statement that is sent repeatedly: its text does not depend on its values. */
export function fixed(returns: Statement["returns"], text: string): Statement {
  return { text, returns, isFixed: true };
}

/** Makes a statement whose text depends on its values. */
export function unfixed(returns: Statement["returns"], text: string): Statement {
  return { text, returns, isFixed: false };
}
