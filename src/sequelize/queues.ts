// Which calls of a store may share a statement, and which of them are sent one after another.

import type { Transaction } from "sequelize";
import { Batcher, type BatcherOptions } from "../batching/batcher.ts";
import type { SessionRecord } from "../store/store.ts";
import { abortable } from "../util/abortable.ts";
import type { Counters } from "./counters.ts";
import type { Commit, Replacement, Statements, Touch, Verb } from "./dialects/mod.ts";
import { faultOf } from "./errors.ts";
import type { SequelizeCallOptions } from "./options.ts";
import type { SessionTable } from "./session_table.ts";

/**
 * The statements in flight at a time, for reads and for writes each: a read never waits behind a write. Two each
 * leave one connection of Sequelize's default pool of five for the application.
 */
const LANES = 2;

/** What the queues of reads and of writes have in common. */
const SETTINGS = {
  lanes: LANES,
  /**
   * If a write takes this many milliseconds, it waits for a row lock held elsewhere, or the database is overloaded.
   * Other writes are then sent beside it, as long as the pool has connections for them and the reads.
   */
  stuckAfter: 100,
  /** The most sessions in one statement; and the fewest, if there are enough for several statements. */
  maxOperations: 500,
  minShare: 16,
} as const;

/**
 * The most bytes of data in one statement. Data may be written in hexadecimal, so 1 MiB makes a statement of 2 MiB.
 * That is half of the default `max_allowed_packet` of MySQL 5.7; later versions allow more.
 */
const MAX_DATA_BYTES = 1024 * 1024;

export type Write =
  | { readonly verb: "commit"; readonly row: Commit }
  | { readonly verb: "replace"; readonly row: Replacement }
  | { readonly verb: "touch"; readonly row: Touch }
  | { readonly verb: "delete"; readonly row: { readonly token: string } };

type Send<Operation, Result> = (
  operations: readonly Operation[],
  calls: number,
  transaction?: Transaction | null,
) => Promise<readonly Result[]>;

/** Carries calls out: at once in the caller's transaction, or else as part of a batch. */
class Queue<Operation, Result> {
  readonly #send: Send<Operation, Result>;
  readonly #counters: Counters;
  readonly #batcher: Batcher<Operation, Result>;

  constructor(
    send: Send<Operation, Result>,
    options:
      & { readonly counters: Counters }
      & Omit<BatcherOptions<Operation, Result>, "send" | keyof typeof SETTINGS>,
  ) {
    this.#send = send;
    this.#counters = options.counters;
    this.#batcher = new Batcher({
      ...SETTINGS,
      ...options,
      send: (operations, calls) => send(operations, calls),
    });
  }

  /** The number of calls that wait. */
  get waiting(): number {
    return this.#batcher.waiting;
  }

  /** @param onSettled Called once an operation without a transaction is no longer waiting or in flight. */
  async carryOut(
    operation: Operation,
    { signal, transaction }: SequelizeCallOptions,
    onSettled?: () => void,
  ): Promise<Result> {
    signal?.throwIfAborted();
    if (!transaction) return await this.#batcher.add(operation, signal, onSettled);
    this.#counters.calls++;
    const [result] = await abortable(this.#send([operation], 1, transaction), signal);
    return result!;
  }
}

/** Makes the queue of reads: the calls for one token share one read. */
export function queueReads(
  table: SessionTable,
  queueLimit: number,
  counters: Counters,
): Queue<string, SessionRecord | undefined> {
  const send: Send<string, SessionRecord | undefined> = async (tokens, calls, transaction) => {
    const subject = { verb: "find", calls } as const;
    const records = await table.run(subject, transaction, (statements, transaction) => {
      return statements.find(tokens, transaction);
    });
    // A table that SCS made for MySQL ignores case: a row with another token is another session.
    const byToken = new Map(records.map((record) => [record.token, record]));
    return tokens.map((token) => byToken.get(token));
  };
  return new Queue(send, {
    maxInFlight: LANES,
    maxWeight: Infinity,
    queueLimit,
    counters,
    weightOf: () => 0,
    keyOf: (token) => token,
    kindOf: () => "find",
    supersedes: () => true,
    faultOf: (error) => faultOf(table.classify(error)),
  });
}

/**
 * Makes the queue of writes: those of one token keep their order.
 *
 * @param poolSize How many connections Sequelize opens at most.
 */
export function queueWrites(
  table: SessionTable,
  queueLimit: number,
  poolSize: number,
  counters: Counters,
): Queue<Write, boolean> {
  const send: Send<Write, boolean> = async (writes, calls, transaction) => {
    // Sorted in the same order everywhere, so that two processes that lock the same rows cannot deadlock.
    const rows = writes.map(({ row }) => row);
    if (rows.length > 1) rows.sort((a, b) => a.token < b.token ? -1 : 1);
    const { verb } = writes[0]!;
    const written = await table.run({ verb, calls }, transaction, (statements, transaction) => {
      return write(statements, verb, rows, transaction);
    });
    return writes.map(({ row }) => written.has(row.token));
  };
  return new Queue(send, {
    maxInFlight: Math.max(LANES, poolSize - LANES),
    maxWeight: MAX_DATA_BYTES,
    queueLimit,
    counters,
    weightOf,
    keyOf: ({ row }) => row.token,
    kindOf: ({ verb }) =>
      verb === "delete" || table.statements[verb].takes === "many" ? verb : undefined,
    supersedes,
    faultOf: (error) => faultOf(table.classify(error)),
  });
}

export type { Queue };

/** Carries out writes of one verb; returns the tokens of the sessions that were written. */
async function write(
  statements: Statements,
  verb: Write["verb"],
  rows: readonly Write["row"][],
  transaction: Transaction | null,
): Promise<ReadonlySet<string>> {
  if (verb === "delete") {
    const tokens = rows.map(({ token }) => token);
    await statements.delete(tokens, transaction);
    return new Set(tokens);
  }
  const { takes, send } = statements[verb] as Verb<Write["row"]>;
  if (takes === "many") return await send(rows, transaction);
  const [row] = rows;
  return new Set(await send(row!, transaction) ? [row!.token] : []);
}

/** Returns about how many bytes a write carries. */
function weightOf({ row }: Write): number {
  return ("data" in row ? row.data.length : 0) + ("current" in row ? row.current.length : 0) +
    ("owner" in row ? row.owner?.length ?? 0 : 0);
}

function supersedes(later: Write, earlier: Write): boolean {
  if (later.verb === "touch" && earlier.verb === "touch") {
    // A touch that makes the session expire has to be sent first, so that the later one finds it expired.
    return earlier.row.expiry > new Date();
  }
  const overwrites = later.verb === "commit" || later.verb === "delete";
  const returnsNothing = earlier.verb === "commit" || earlier.verb === "delete";
  return overwrites && returnsNothing;
}
