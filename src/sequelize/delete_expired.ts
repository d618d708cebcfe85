// One cleanup: deletes expired sessions in batches.

import { setImmediate } from "node:timers/promises";
import type { InTransaction, Statements } from "./dialects/mod.ts";

/** Carries out one statement. */
export type Run = <T>(
  statement: (statements: Statements, transaction: InTransaction) => Promise<T>,
) => Promise<T>;

/** How much a cleanup deletes. */
export interface DeleteExpiredSettings {
  /** The most sessions that one statement deletes. */
  readonly batchSize: number;
  /** The most sessions that all statements together delete. */
  readonly limit: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * Deletes the sessions that have expired, oldest first. The signal is checked between two statements.
 *
 * @returns How many were deleted.
 */
export async function deleteExpired(
  run: Run,
  { batchSize, limit, signal }: DeleteExpiredSettings,
): Promise<number> {
  for (let total = 0;; await setImmediate()) {
    signal?.throwIfAborted();
    const now = new Date();
    const count = Math.min(batchSize, limit - total);
    const tokens = await run((statements, transaction) => {
      return statements.findExpired(now, count, transaction);
    });
    if (tokens.length === 0) return total;
    signal?.throwIfAborted();
    const deleted = await run((statements, transaction) => {
      return statements.deleteExpired(tokens, now, transaction);
    });
    total += deleted;
    // If none was deleted, another process is deleting them, or the rows can be read but not deleted.
    if (tokens.length < count || deleted === 0 || total >= limit) return total;
  }
}
