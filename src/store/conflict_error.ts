/**
 * Thrown if a session could not be written because other requests changed it again and again meanwhile, for
 * seconds. What was done to the session is still in it, and can be committed again.
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
   * @param attempts How often the session was tried to be written.
   */
  constructor(attempts: number) {
    super(`Cannot commit the session: others changed it ${attempts} times meanwhile`);
  }
}
