// Removes from a database error what would put tokens and data into the logs.

/**
 * The fields in which Sequelize and the drivers keep the statement, its parameters, or the row that was
 * refused: PostgreSQL's `detail` reads "Failing row contains (...)".
 */
const REVEALING = ["sql", "parameters", "detail", "where", "internalQuery", "fields"] as const;

/** The mariadb driver puts the statement into the message. */
const STATEMENT = /\nsql: [^]*$/;

interface Revealing extends Partial<Record<(typeof REVEALING)[number] | "errors", unknown>> {
  message?: string;
  stack?: string;
  readonly parent?: unknown;
  readonly original?: unknown;
}

/** Redacts an error and the driver's error inside it, in place; returns the same error. */
export function redact(error: unknown): unknown {
  const { parent, original } = (error ?? {}) as Revealing;
  for (const each of new Set([error, parent, original])) {
    if (each instanceof Object) redactOne(each);
  }
  return error;
}

function redactOne(error: Revealing): void {
  // Of a unique violation, one item for each field, with its value.
  if ("fields" in error) delete error.errors;
  for (const field of REVEALING) delete error[field];
  const { message, stack } = error;
  if (typeof message !== "string" || !STATEMENT.test(message)) return;
  error.message = message.replace(STATEMENT, "");
  // The stack begins with the message as it was.
  error.stack = stack?.replace(message, () => error.message!) as string;
}

/** Adds what to do about an error to its message. */
export function addToMessage(error: unknown, advice: string): void {
  if (error instanceof Error) error.message += `: ${advice}`;
}
