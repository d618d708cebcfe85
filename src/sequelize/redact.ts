// Removes from a database error what would put tokens and data into logs.

/**
 * The fields in which Sequelize and the drivers keep the statement, its parameters, or the row that was refused. For
 * instance, `detail` of PostgreSQL reads "Failing row contains (...)".
 */
const REVEALING = [
  "sql",
  "parameters",
  "detail",
  "hint",
  "where",
  "internalQuery",
  "fields",
] as const;

/** The fields that hold the message. The stack begins with it. */
const MESSAGES = ["message", "sqlMessage", "stack"] as const;

/** The mariadb driver puts the statement into the message. */
const STATEMENT = /\nsql: [^]*$/;

/** A value that does not fit its column: `invalid input syntax for type uuid: "..."`. */
const VALUE = /(invalid input syntax for type [^:]+: |\bvalue:? |Duplicate entry )(["'])[^]*?\2/g;

type Revealing = Partial<
  Record<(typeof REVEALING)[number] | (typeof MESSAGES)[number] | "errors", unknown>
>;

/** Redacts an error and the driver's error inside it, in place; returns the same error. */
export function redact(error: unknown): unknown {
  const { parent, original } = (error ?? {}) as { parent?: unknown; original?: unknown };
  for (const each of new Set([error, parent, original])) {
    if (each instanceof Object) redactOne(each);
  }
  return error;
}

function redactOne(error: Revealing): void {
  // For a unique violation, this has one item for each field, with its value.
  if ("fields" in error) delete error.errors;
  for (const field of REVEALING) delete error[field];
  const { message } = error;
  const redacted = redactText(message);
  for (const field of MESSAGES) {
    const text = error[field];
    if (typeof text !== "string") continue;
    error[field] = field === "stack" && typeof message === "string"
      ? text.replace(message, () => String(redacted))
      : redactText(text);
  }
}

function redactText(text: unknown): unknown {
  if (typeof text !== "string") return text;
  return text.replace(STATEMENT, "").replace(VALUE, "$1$2...$2");
}

/** Adds what to do about an error to its message. */
export function addToMessage(error: unknown, advice: string): void {
  if (error instanceof Error) error.message += `: ${advice}`;
}
