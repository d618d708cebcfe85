// Checks of arguments and options, before anything is sent.

import { types } from "node:util";
import type { SessionStore } from "./store.ts";
import { isWellFormed } from "./token.ts";

/** What an argument has to be. */
export interface Rule<T> {
  /** Completes "must be ...". */
  readonly text: string;
  hasType(value: unknown): boolean;
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
  describe: (value) => `one of ${value.length} characters`,
};

/** What a session holds. */
export const DATA: Rule<Uint8Array> = { text: "a Uint8Array", hasType: types.isUint8Array };

// What DATETIME of MySQL and MariaDB can hold, less a day for the time zone that Sequelize writes it in.
const MIN_EXPIRY = Date.UTC(1000, 0, 2);
const MAX_EXPIRY = Date.UTC(9999, 11, 30);

/** When a session expires. */
export const EXPIRY: Rule<Date> = {
  text: "a valid Date between the years 1000 and 9999",
  hasType: types.isDate,
  inRange: (value) => value.getTime() >= MIN_EXPIRY && value.getTime() <= MAX_EXPIRY,
};

const MAX_DURATION_MS = 100 * 365.25 * 86_400_000;

/** How long a session lasts. */
export const DURATION: Rule<number> = {
  text: "a number of milliseconds, more than 0 and at most 100 years",
  hasType: isNumber,
  inRange: (value) => value > 0 && value <= MAX_DURATION_MS,
};

/** How much time has to pass between two events. */
export const INTERVAL: Rule<number> = {
  text: "a number of milliseconds, 0 or more",
  hasType: isNumber,
  inRange: (value) => value >= 0,
};

/** Where sessions are kept. */
export const STORE: Rule<SessionStore> = {
  text: "a store with find, commit and delete",
  hasType: (value) => hasMethods(value, ["find", "commit", "delete"]),
};

/** A callback. */
export const FUNCTION: Rule<unknown> = { text: "a function", hasType: isFunction };

/** A bag of options. */
export const OPTIONS: Rule<object> = {
  text: "an object",
  hasType: (value) => typeof value === "object" && value !== null,
};

/** A choice of two. */
export const FLAG: Rule<boolean> = {
  text: "a boolean",
  hasType: (value) => typeof value === "boolean",
};

/**
 * Throws where a value breaks a rule.
 *
 * @param action Completes "Cannot ...".
 * @throws {TypeError} Where the value has the wrong type.
 * @throws {RangeError} Where it has the right type and is out of range.
 */
export function check<T>(action: string, name: string, value: T, rule: Rule<T>): void {
  const { text, describe = String } = rule;
  const rest = (received: string): string =>
    `Cannot ${action}: '${name}' must be ${text}: received ${received}`;
  if (!rule.hasType(value)) throw new TypeError(rest(value === null ? "null" : typeof value));
  if (rule.inRange?.(value) === false) throw new RangeError(rest(describe(value)));
}

/** Whether a value is a number, be it NaN. */
export function isNumber(value: unknown): boolean {
  return typeof value === "number";
}

/** Whether a value is a string. */
export function isString(value: unknown): boolean {
  return typeof value === "string";
}

/** Whether a value is a function. */
export function isFunction(value: unknown): boolean {
  return typeof value === "function";
}

/** Whether a value has functions of these names. */
export function hasMethods(value: unknown, names: readonly string[]): boolean {
  return names.every((name) => isFunction((value as Record<string, unknown> | null)?.[name]));
}
