/**
 * Thrown if a call cannot be sent at once and `queueLimit` calls are already waiting: see
 * {@linkcode SequelizeStoreOptions}. The database is down, frozen or overloaded.
 *
 * The call was neither queued nor sent. A server should answer 503 with `Retry-After`.
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
   * @param queueLimit The number of waiting calls.
   */
  constructor(queueLimit: number) {
    super(
      `Cannot queue the call: ${queueLimit} calls are already waiting, which is the 'queueLimit'`,
    );
  }
}
