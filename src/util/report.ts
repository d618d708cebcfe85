// Reports failures of work that no caller awaits.

/**
 * Makes a handler that prints an error.
 *
 * @param action Completes "Cannot ...".
 */
export function printer(action: string): (error: unknown) => void {
  return (error) => {
    // Only the first line, because a driver may put the statement, which contains tokens, into the second one.
    const [message] = String(error).split("\n");
    console.error(`Cannot ${action}: ${message}`);
  };
}

/** Calls a handler. If the handler itself fails, its error is printed, and the caller continues. */
export async function report(callHandler: () => unknown): Promise<void> {
  try {
    await callHandler();
  } catch (handlerError) {
    console.error(handlerError);
  }
}
