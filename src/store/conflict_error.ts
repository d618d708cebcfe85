/**
 * Thrown if a session could not be written because other processes kept changing it, for some five seconds.
 * What was done to the session is not lost: it can be committed again.
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
