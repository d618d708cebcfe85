/**
 * Thrown if a session could not be written because other processes kept changing it for about five seconds. The
 * changes are not lost: the session can be committed again.
 *
 * @example Answer with 503
 * ```ts
 * import { ConflictError, SessionManager } from "@scs/sequelize-store/manager";
 *
 * const sessions = new SessionManager({
 *   onError: (error) =>
 *     error instanceof ConflictError ? new Response("Try again\n", { status: 503 }) : undefined,
 * });
 * ```
 */
export class ConflictError extends Error {
  /** Always `"ConflictError"`. */
  override readonly name = "ConflictError";

  /**
   * Makes the error.
   *
   * @param attempts How many attempts there were.
   */
  constructor(attempts: number) {
    super(`Cannot commit the session: others changed it ${attempts} times meanwhile`);
  }
}
