// Checks arguments before anything is sent.

/** What an argument must be. */
export interface Rule<T> {
  /** Completes "must be ...". */
  readonly text: string;
  hasType(value: unknown): value is T;
  inRange?(value: T): boolean;
  /** Describes a value that is out of range, for the message. By default, the message contains the value itself. */
  describe?(value: T): string;
}

// deno-lint-ignore no-explicit-any -- a function of any signature
export const FUNCTION: Rule<(...args: any[]) => any> = { text: "a function", hasType: isFunction };

export const OPTIONS: Rule<object> = { text: "an object", hasType: isObject };

export const FLAG: Rule<boolean> = {
  text: "a boolean",
  hasType: (value) => typeof value === "boolean",
};

/**
 * Throws if a value breaks a rule.
 *
 * @param action Completes "Cannot ...".
 * @throws {TypeError} If the value has the wrong type.
 * @throws {RangeError} If it has the right type but is out of range.
 */
export function check<T>(
  action: string,
  name: string,
  value: unknown,
  rule: Rule<T>,
): asserts value is T {
  const { text, describe = String } = rule;
  const message = (received: string): string =>
    `Cannot ${action}: '${name}' must be ${text}: received ${received}`;
  if (!rule.hasType(value)) throw new TypeError(message(typeName(value)));
  if (rule.inRange?.(value) === false) throw new RangeError(message(describe(value)));
}

function typeName(value: unknown): string {
  if (!isObject(value)) return value === null ? "null" : typeof value;
  if (isPromise(value)) return "a Promise: is an `await` missing?";
  const { name } = Object.getPrototypeOf(value)?.constructor ?? Object;
  return name === "Object" ? "object" : `an instance of ${name}`;
}

/** Whether a value is a number, including NaN. */
export function isNumber(value: unknown): value is number {
  return typeof value === "number";
}

export function isString(value: unknown): value is string {
  return typeof value === "string";
}

// deno-lint-ignore no-explicit-any -- a function of any signature
export function isFunction(value: unknown): value is (...args: any[]) => any {
  return typeof value === "function";
}

/** Whether a value is an object. */
export function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** Whether a value is a promise, or has a method `then` like one. */
export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return hasMethods(value, ["then"]);
}

export function hasMethods(value: unknown, names: readonly string[]): boolean {
  return names.every((name) => isFunction((value as Record<string, unknown> | null)?.[name]));
}
