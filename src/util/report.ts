// Telling of failures that nobody waits for.

/**
 * Makes a handler that prints what has failed.
 *
 * @param action Completes "Cannot ...".
 */
export function printer(action: string): (error: unknown) => void {
  return (error) => {
    // The first line only: a driver may put the statement, and with it tokens, into the second.
    const [message] = String(error).split("\n");
    console.error(`Cannot ${action}: ${message}`);
  };
}

/** Tells a handler; where that fails itself, what it was told about goes on all the same. */
export async function report(tell: () => unknown): Promise<void> {
  try {
    await tell();
  } catch (handlerError) {
    console.error(handlerError);
  }
}
