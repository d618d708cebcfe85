// The interface that every session store and driver implements to take part in a benchmark.

import type { Buffer } from "node:buffer";

/** One session of the table, and the data that a write replaces it with. */
export interface Subject {
  readonly token: string;
  /** The row's current data. */
  readonly data: Buffer;
  /** Other data of the same size. */
  readonly next: Buffer;
  readonly expiry: Date;
}

/** The calls that are measured. */
export const VERBS = ["find", "commit", "replace", "touch", "delete"] as const;

/** A call that a session store makes. */
export type Verb = (typeof VERBS)[number];

/**
 * One way to store sessions. A call resolves with `false` if it found no row although it should have. A
 * contender leaves out the verbs that it does not support.
 */
export interface Contender extends Partial<Record<Verb, (subject: Subject) => Promise<unknown>>> {
  readonly name: string;
  /** Contenders may share a table: the first of them fills it. */
  readonly table: string;
  find(subject: Subject): Promise<unknown>;
  commit(subject: Subject): Promise<unknown>;
  delete(subject: Subject): Promise<unknown>;
  /** Drops the contender's own table, if any, and closes its own connections. */
  close?(): Promise<unknown>;
}

/** The maximum number of connections of each contender: Sequelize's default. */
export const POOL = 5;

/** The table that {@linkcode SequelizeStore}, the bare drivers and plain Sequelize calls share. */
export const TABLE = "sessions_bench";
