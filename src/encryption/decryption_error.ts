/**
 * Why a session's data cannot be decrypted:
 *
 * - `"plaintext"`: it is not encrypted, and `allowPlaintext` is not set;
 * - `"version"`: it was encrypted in a format that this version of the package does not know;
 * - `"key"`: it was encrypted with a key that is not among the `keys`;
 * - `"altered"`: it is not what was encrypted for this session: it was changed, shortened, or copied from another
 *   one.
 */
export type DecryptionFailure = "plaintext" | "version" | "key" | "altered";

const REASONS: Readonly<Record<DecryptionFailure, string>> = {
  plaintext: "it is not encrypted",
  version: "it has an unknown version",
  key: "it was encrypted with an unknown key",
  altered: "it was altered, or belongs to another session",
};

/**
 * Thrown if a session exists but its data cannot be decrypted.
 *
 * The error contains neither the token nor any of the data or the keys. The session itself is kept, so it can be read
 * again once a missing key is available again.
 *
 * @example Tell a lost key from a session that was tampered with
 * ```ts
 * import { DecryptionError } from "@scs/sequelize-store/encryption";
 *
 * function describe(error: unknown): string {
 *   if (!(error instanceof DecryptionError)) return "The store has failed";
 *   return error.reason === "key" ? "A key is missing" : "A session was changed";
 * }
 * console.log(describe(new DecryptionError("key"))); // A key is missing
 * ```
 */
export class DecryptionError extends Error {
  /** Always `"DecryptionError"`. */
  override readonly name = "DecryptionError";

  /** Always `"DECRYPTION_FAILED"`. */
  readonly code = "DECRYPTION_FAILED";

  /** Why the data cannot be decrypted. */
  readonly reason: DecryptionFailure;

  /**
   * Creates the error.
   *
   * @param reason Why the data cannot be decrypted.
   */
  constructor(reason: DecryptionFailure) {
    super(`Cannot decrypt the session's data: ${REASONS[reason]}`);
    this.reason = reason;
  }
}
