import { createHash, randomBytes } from "node:crypto";

// Printable ASCII without the space and the quotes fits a cookie, a log line and a column of any dialect
// without an escape, and no collation pads, folds or normalizes it.
const WELL_FORMED = /^[!#-&(-~]{1,255}$/;

/** Whether a token is 1 to 255 printable ASCII characters other than the space, `"` and `'`. */
export function isWellFormed(token: unknown): token is string {
  return typeof token === "string" && WELL_FORMED.test(token);
}

/** The bytes of a generated token. OWASP asks for at least 8. */
const TOKEN_BYTES = 32;
/** The base64url text of that many bytes. */
const GENERATED = /^[\w-]{43}$/;

/** Makes a token of 32 random bytes in base64url without padding, as SCS does. */
export function generateToken(): string {
  return randomBytes(TOKEN_BYTES).toString("base64url");
}

/** Whether a value has the form of a token that {@linkcode generateToken} makes. */
export function isGenerated(token: unknown): token is string {
  return typeof token === "string" && GENERATED.test(token);
}

/** Returns the SHA-256 of a token in base64url without padding, as SCS stores it with `HashTokenInStore`. */
export function hashToken(token: string): string {
  return createHash("sha256").update(token).digest("base64url");
}
