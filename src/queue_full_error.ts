/**
 * Says that a call was refused because as many calls wait for the database already as `queueLimit` of
 * {@linkcode SequelizeStoreOptions} lets wait: the database is down, frozen or overloaded.
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
