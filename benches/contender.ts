// What a benchmark asks of each way to keep sessions.

import type { Buffer } from "node:buffer";

/** One session of the table, and what a write puts there. */
export interface Subject {
  readonly token: string;
  /** What the row holds. */
  readonly data: Buffer;
  /** Other data of the same size. */
  readonly next: Buffer;
  readonly expiry: Date;
}

/** What is measured. */
export const VERBS = ["find", "commit", "replace", "touch", "delete"] as const;

/** A call that a session store makes. */
export type Verb = (typeof VERBS)[number];

/**
 * One way to keep sessions. A call that was to meet a row, and did not, answers `false`; what a contender
 * has no call for it leaves out.
 */
export interface Contender extends Partial<Record<Verb, (subject: Subject) => Promise<unknown>>> {
  readonly name: string;
  /** Those of one table take its rows as the first of them has filled it. */
  readonly table: string;
  find(subject: Subject): Promise<unknown>;
  commit(subject: Subject): Promise<unknown>;
  delete(subject: Subject): Promise<unknown>;
  /** Drops the contender's own table, if any, and closes its own connections. */
  close?(): Promise<unknown>;
}

/** The most connections of each contender: Sequelize's default. */
export const POOL = 5;

/** The table of {@linkcode SequelizeStore}, of the bare drivers, and of plain Sequelize calls. */
export const TABLE = "sessions_bench";
