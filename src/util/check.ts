// Checks of arguments, before anything is sent.

import { types } from "node:util";
import type { SessionStore } from "../store/store.ts";
import { isWellFormed } from "../store/token.ts";

/** What an argument has to be. */
export interface Rule<T> {
  /** Completes "must be ...". */
  readonly text: string;
  hasType(value: unknown): value is T;
  inRange?(value: T): boolean;
  /** What a message may say of a value that is out of range; by default the value itself. */
  describe?(value: T): string;
}

/** The most rows in a page or in a cleanup statement: their tokens travel in the statement's text. */
const MAX_ROWS = 10_000;

/** How many rows one statement may handle. */
export const ROW_COUNT: Rule<number> = {
  text: `an integer from 1 to ${MAX_ROWS}`,
  hasType: isNumber,
  inRange: (value) => Number.isInteger(value) && value >= 1 && value <= MAX_ROWS,
};

/** The token of a session to be committed. */
export const TOKEN: Rule<string> = {
  text: "1 to 255 printable ASCII characters other than the space and the quotes",
  hasType: isString,
  inRange: isWellFormed,
  describe: (value) => `a string of ${value.length} characters`,
};

/** What a session holds. */
export const DATA: Rule<Uint8Array> = { text: "a Uint8Array", hasType: types.isUint8Array };

// What DATETIME of MySQL and MariaDB can hold.
const MIN_EXPIRY = Date.UTC(1000, 0, 1);
const MAX_EXPIRY = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** When a session expires. */
export const EXPIRY: Rule<Date> = {
  text: "a valid Date between the years 1000 and 9999",
  hasType: types.isDate,
  inRange: (value) => value.getTime() >= MIN_EXPIRY && value.getTime() <= MAX_EXPIRY,
};

/** Where sessions are kept. */
export const STORE: Rule<SessionStore> = {
  text: "a store with find, commit and delete",
  hasType: isStore,
};

/** A callback. */
// deno-lint-ignore no-explicit-any -- a function of any signature
export const FUNCTION: Rule<(...args: any[]) => any> = { text: "a function", hasType: isFunction };

/** A bag of options. */
export const OPTIONS: Rule<object> = { text: "an object", hasType: isObject };

/** A choice of two. */
export const FLAG: Rule<boolean> = {
  text: "a boolean",
  hasType: (value) => typeof value === "boolean",
};

/**
 * Throws if a value breaks a rule.
 *
 * @param action Completes "Cannot ...".
 * @throws {TypeError} If the value has the wrong type.
 * @throws {RangeError} If it has the right type and is out of range.
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
  if (value === null) return "null";
  return isPromise(value) ? "a Promise: is an `await` missing?" : typeof value;
}

/** Whether a value is a number, including NaN. */
export function isNumber(value: unknown): value is number {
  return typeof value === "number";
}

/** Whether a value is a string. */
export function isString(value: unknown): value is string {
  return typeof value === "string";
}

/** Whether a value is a function. */
// deno-lint-ignore no-explicit-any -- a function of any signature
export function isFunction(value: unknown): value is (...args: any[]) => any {
  return typeof value === "function";
}

/** Whether a value is an object. */
export function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** Whether a value is a promise, or is used like one. */
export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return hasMethods(value, ["then"]);
}

/** Whether a value has what a session manager needs of a store. */
export function isStore(value: unknown): value is SessionStore {
  return hasMethods(value, ["find", "commit", "delete"]);
}

/** Whether a value has functions of these names. */
export function hasMethods(value: unknown, names: readonly string[]): boolean {
  return names.every((name) => isFunction((value as Record<string, unknown> | null)?.[name]));
}
