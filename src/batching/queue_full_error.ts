/**
 * Thrown if a call cannot be sent at once and `queueLimit` calls are already waiting: see
 * {@linkcode SequelizeStoreOptions}. The database is down, frozen or overloaded.
 *
 * Nothing of the call was queued or sent. A server does well to answer 503 and `Retry-After`.
 *
 * @example Answer with 503
 * ```ts
 * import { QueueFullError } from "@scs/sequelize-store";
 * import { SessionManager } from "@scs/sequelize-store/manager";
 *
 * const sessions = new SessionManager({
 *   onError: (error) =>
 *     error instanceof QueueFullError
 *       ? new Response("Busy\n", { status: 503, headers: { "retry-after": "5" } })
 *       : undefined,
 * });
 * ```
 */
export class QueueFullError extends Error {
  /** Always `"QueueFullError"`. */
  override readonly name = "QueueFullError";

  /**
   * Makes the error.
   *
   * @param queueLimit How many calls wait.
   */
  constructor(queueLimit: number) {
    super(
      `Cannot queue the call: ${queueLimit} calls are already waiting, which is the 'queueLimit'`,
    );
  }
}
