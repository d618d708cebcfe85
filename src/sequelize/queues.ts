// Which calls of a store may share a statement, and which of them take turns.

import type { Transaction } from "sequelize";
import { Batcher } from "../batching/batcher.ts";
import { faultOf } from "./errors.ts";
import type { Replacement, SessionAttributes, Touch } from "./model.ts";
import type { SessionRow, SessionTable } from "./session_table.ts";

/**
 * Statements in flight at a time. Reads and writes go separate ways, so that a read never waits behind a
 * write. Two each leave one connection of Sequelize's default pool of five to the application.
 */
const LANES = 2;

/**
 * A write that takes this many milliseconds waits for a row lock held elsewhere, or the database is
 * overloaded: the others go on beside it, as long as the pool has connections for them and the reads.
 */
const STUCK_AFTER_MS = 100;

/** Sessions in one statement at most; and at least, where there are enough for several. */
const MAX_OPERATIONS = 500;
const MIN_SHARE = 16;

/**
 * Bytes of data in one statement at most. It is written in hexadecimal, so that 1 MiB makes a statement
 * of 2 MiB: half of what `max_allowed_packet` of MySQL 5.7 lets pass by default, and later ones more.
 */
const MAX_DATA_BYTES = 1024 * 1024;

/** A write to one session. */
export type Write =
  | { readonly verb: "commit"; readonly row: SessionAttributes }
  | { readonly verb: "replace"; readonly row: Replacement }
  | { readonly verb: "touch"; readonly row: Touch }
  | { readonly verb: "delete"; readonly row: { readonly token: string } };

/** Batches reads by token; the calls for one token share one read. */
export function batchReads(
  table: SessionTable,
  queueLimit: number,
): Batcher<string, SessionRow | undefined> {
  return new Batcher({
    lanes: LANES,
    maxInFlight: LANES,
    stuckAfter: STUCK_AFTER_MS,
    minShare: MIN_SHARE,
    maxOperations: MAX_OPERATIONS,
    maxWeight: Infinity,
    queueLimit,
    weightOf: () => 0,
    keyOf: (token) => token,
    kindOf: () => "find",
    supersedes: () => true,
    send: (tokens) => sendReads(table, tokens),
    faultOf,
  });
}

/** Batches writes; those of one token keep their order. */
export function batchWrites(table: SessionTable, queueLimit: number): Batcher<Write, boolean> {
  return new Batcher({
    lanes: LANES,
    maxInFlight: Math.max(LANES, table.poolSize - LANES),
    stuckAfter: STUCK_AFTER_MS,
    minShare: MIN_SHARE,
    maxOperations: MAX_OPERATIONS,
    maxWeight: MAX_DATA_BYTES,
    queueLimit,
    weightOf,
    keyOf: ({ row }) => row.token,
    kindOf: ({ verb }) => {
      if (verb === "commit" && !table.hasMultiRowUpsert) return undefined;
      const isUpdate = verb === "replace" || verb === "touch";
      return isUpdate && !table.hasMultiRowUpdate ? undefined : verb;
    },
    supersedes,
    send: (writes) => sendWrites(table, writes),
    faultOf,
  });
}

/** The bytes of data that a write carries. */
function weightOf({ row }: Write): number {
  return ("data" in row ? row.data.length : 0) + ("current" in row ? row.current.length : 0);
}

function supersedes(later: Write, earlier: Write): boolean {
  if (later.verb === "touch" && earlier.verb === "touch") {
    // One that makes the session expire has to go first, so that the later one finds it expired.
    return earlier.row.expiry > new Date();
  }
  const overwrites = later.verb === "commit" || later.verb === "delete";
  const asksNothing = earlier.verb === "commit" || earlier.verb === "delete";
  return overwrites && asksNothing;
}

/** Reads the active sessions of these tokens, and answers in their order. */
export async function sendReads(
  table: SessionTable,
  tokens: readonly string[],
  transaction?: Transaction | null,
): Promise<(SessionRow | undefined)[]> {
  const rows = await table.findActive(tokens, transaction);
  // A table that SCS made for MySQL ignores case: what is not this very token is another session.
  const byToken = new Map(rows.map((row) => [row.token, row]));
  return tokens.map((token) => byToken.get(token));
}

/** Carries out writes of one verb, and answers in their order. */
export async function sendWrites(
  table: SessionTable,
  writes: readonly Write[],
  transaction?: Transaction | null,
): Promise<boolean[]> {
  // In one order everywhere, so that two processes that lock the same rows cannot deadlock.
  const rows = writes.map(({ row }) => row).sort((a, b) => a.token < b.token ? -1 : 1);
  /** The tokens that were met, where that is the question. */
  let met: Set<string> | undefined;
  switch (writes[0]?.verb) {
    case "commit":
      await table.upsert(rows as SessionAttributes[], transaction);
      break;
    case "delete":
      await table.delete(rows.map(({ token }) => token), transaction);
      break;
    case "touch":
      met = await table.touch(rows as Touch[], transaction);
      break;
    case "replace":
      met = await table.replace(rows as Replacement[], transaction);
      break;
  }
  return writes.map(({ row }) => met?.has(row.token) ?? true);
}
