import { createHash, randomBytes } from "node:crypto";

// Printable ASCII without the space and the quotes: what fits a cookie, a log line and a column of any
// dialect unescaped, and what no collation can pad, fold into another alphabet or normalize.
const WELL_FORMED = /^[!#-&(-~]{1,255}$/;

/** Whether a token is 1 to 255 printable ASCII characters other than the space, `"` and `'`. */
export function isWellFormed(token: unknown): token is string {
  return typeof token === "string" && WELL_FORMED.test(token);
}

/** The bytes of a generated token; OWASP asks for 8 at least, and nobody guesses 32. */
const TOKEN_BYTES = 32;
/** Their number of base64url characters. */
const GENERATED = /^[\w-]{43}$/;

/** Makes a token of 32 random bytes in base64url without padding, as SCS does. */
export function generateToken(): string {
  return randomBytes(TOKEN_BYTES).toString("base64url");
}

/** Whether a value can be one that {@linkcode generateToken} made. */
export function isGenerated(token: unknown): token is string {
  return typeof token === "string" && GENERATED.test(token);
}

/** The SHA-256 of a token in base64url without padding, as SCS has it where `HashTokenInStore` is set. */
export function hashToken(token: string): string {
  return createHash("sha256").update(token).digest("base64url");
}
