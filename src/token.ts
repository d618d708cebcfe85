// Printable ASCII without the space and the quotes: what fits a cookie, a log line and a column of any
// dialect unescaped, and what no collation can pad, fold into another alphabet or normalize.
const WELL_FORMED = /^[!#-&(-~]{1,255}$/;

/** Whether a token is 1 to 255 printable ASCII characters other than the space, `"` and `'`. */
export function isWellFormed(token: unknown): token is string {
  return typeof token === "string" && WELL_FORMED.test(token);
}
