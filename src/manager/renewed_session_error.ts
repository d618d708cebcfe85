/**
 * Thrown if a request changes a session by an old token, after `renewToken({ grace })`: the old token can only read.
 * Nothing was written, and the client's cookie stays as it is. A repeated request sends the new token.
 *
 * @example Answer with 409
 * ```ts
 * import { RenewedSessionError, SessionManager } from "@scs/sequelize-store/manager";
 *
 * const sessions = new SessionManager({
 *   onError: (error) =>
 *     error instanceof RenewedSessionError ? new Response("Try again\n", { status: 409 }) : undefined,
 * });
 * ```
 */
export class RenewedSessionError extends Error {
  /** Always `"RenewedSessionError"`. */
  override readonly name = "RenewedSessionError";

  /** Makes the error. */
  constructor() {
    super(
      "Cannot commit the session: it has got another token, and the old one only reads: send the request again",
    );
  }
}
