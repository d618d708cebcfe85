// The rules for the arguments of a store's calls, which every store checks before it does anything else.

import { types } from "node:util";
import { check, hasMethods, isNumber, isString, type Rule } from "../util/check.ts";
import type { SessionStore } from "./store.ts";
import { isWellFormed } from "./token.ts";

/** The most sessions in a page or in a cleanup statement. The statement's text holds all their tokens. */
const MAX_ROWS = 10_000;

/** A number of sessions that one statement handles. */
export const ROW_COUNT: Rule<number> = {
  text: `an integer from 1 to ${MAX_ROWS}`,
  hasType: isNumber,
  inRange: (value) => Number.isInteger(value) && value >= 1 && value <= MAX_ROWS,
};

/** A maximum number of sessions or calls. */
export const LIMIT: Rule<number> = {
  text: "an integer, 1 or more, or Infinity",
  hasType: isNumber,
  inRange: (value) => value >= 1 && (Number.isInteger(value) || value === Infinity),
};

const TOKEN: Rule<string> = {
  text: "1 to 255 printable ASCII characters other than the space and the quotes",
  hasType: isString,
  inRange: isWellFormed,
  describe: (value) => `a string of ${value.length} characters`,
};

export const DATA: Rule<Uint8Array> = { text: "a Uint8Array", hasType: types.isUint8Array };

// The range of DATETIME in MySQL and MariaDB.
const MIN_EXPIRY = Date.UTC(1000, 0, 1);
/** The latest moment at which a session may expire. */
export const MAX_EXPIRY: number = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

export const EXPIRY: Rule<Date> = {
  text: "a valid Date between the years 1000 and 9999",
  hasType: types.isDate,
  inRange: (value) => value.getTime() >= MIN_EXPIRY && value.getTime() <= MAX_EXPIRY,
};

/** The most characters of an owner. Each takes up to four bytes. */
const MAX_OWNER_LENGTH = 255;

/**
 * Whom a session belongs to. NUL is refused, because PostgreSQL does not store it. Half of a surrogate pair is
 * refused, because UTF-8 turns all such halves into the same bytes: one owner would get another's sessions.
 */
export const OWNER: Rule<string> = {
  text: `1 to ${MAX_OWNER_LENGTH} characters of well-formed Unicode other than NUL`,
  hasType: isString,
  inRange: (value) =>
    value.length >= 1 && value.length <= 2 * MAX_OWNER_LENGTH &&
    !/[\0\p{Surrogate}]/u.test(value) &&
    [...value].length <= MAX_OWNER_LENGTH,
  describe: (value) => `a string of ${value.length} characters`,
};

const TOKENS: Rule<readonly string[]> = {
  text: "an array of strings",
  hasType: (value): value is readonly string[] => Array.isArray(value) && value.every(isString),
};

export const STORE: Rule<SessionStore> = {
  text: "a store with find, commit and delete",
  hasType: (value): value is SessionStore => hasMethods(value, ["find", "commit", "delete"]),
};

export function checkCommit(
  token: unknown,
  data: unknown,
  expiry: unknown,
  owner: unknown,
): void {
  const action = "commit the session";
  check(action, "token", token, TOKEN);
  check(action, "data", data, DATA);
  check(action, "expiry", expiry, EXPIRY);
  if (owner !== undefined) check(action, "owner", owner, OWNER);
}

/** Checks the arguments of `replace` except the token: a malformed one is not found. */
export function checkReplace(
  current: unknown,
  next: unknown,
  expiry: unknown,
  owner: unknown,
): void {
  const action = "replace the session";
  check(action, "current", current, DATA);
  check(action, "next", next, DATA);
  check(action, "expiry", expiry, EXPIRY);
  if (owner !== undefined && owner !== null) check(action, "owner", owner, OWNER);
}

/** Checks the arguments of `touch` except the token: a malformed one is not found. */
export function checkTouch(expiry: unknown): void {
  check("touch the session", "expiry", expiry, EXPIRY);
}

export function checkPageSize(pageSize: unknown): void {
  check("walk the sessions", "pageSize", pageSize, ROW_COUNT);
}

export function checkEntriesOf(owner: unknown, pageSize: unknown): void {
  check("walk the sessions", "owner", owner, OWNER);
  checkPageSize(pageSize);
}

export function checkLimit(limit: unknown): void {
  check("delete the expired sessions", "limit", limit, LIMIT);
}

/** Checks the arguments of `deleteOwned`. Malformed tokens in `except` are accepted: they have no session to keep. */
export function checkDeleteOwned(owner: unknown, except: unknown): void {
  const action = "delete the sessions";
  check(action, "owner", owner, OWNER);
  check(action, "except", except, TOKENS);
}
