/**
 * Returns the name of an error for a message that holds no data: the name of its class, or else its type.
 * Other libraries put sentences into the name, and data into the sentences.
 */
export function errorName(error: unknown): string {
  try {
    if (error instanceof Error && /^[A-Za-z]\w{0,50}$/.test(error.name)) return error.name;
  } catch {
    // A proxy or a getter has thrown.
  }
  return typeof error;
}
