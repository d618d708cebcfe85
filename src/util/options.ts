// Reads a bag of options: refuses unknown ones, fills in the defaults, and checks each against its rule.

import process from "node:process";
import { check, isNumber, isObject, isPromise, OPTIONS, type Rule } from "./check.ts";

/** What an option must be, and what it is if it is left out. */
export interface Option<T, Default> {
  readonly rule: Rule<T>;
  readonly fallback: Default;
}

/** Options that do not exist and that users expect, and what to do instead. */
type Hints = Readonly<Record<string, string>>;

/** What options come in. What has methods is something else that was passed in their place, a store for one. */
const BAG: Rule<object> = {
  text: OPTIONS.text,
  hasType: (value): value is object =>
    OPTIONS.hasType(value) && !isPromise(value) && !hasOwnMethods(Object.getPrototypeOf(value)),
};

function hasOwnMethods(prototype: object | null): boolean {
  if (prototype === null || !Object.hasOwn(prototype, "constructor")) return false;
  if (prototype.constructor.name === "Object") return false;
  return Object.getOwnPropertyNames(prototype).some((name) => name !== "constructor");
}

/** An option without a default. */
export function optional<T>(rule: Rule<T>): Option<T, undefined> {
  return { rule, fallback: undefined };
}

/** An option with a default. */
export function withDefault<T>(rule: Rule<T>, fallback: T): Option<T, T> {
  return { rule, fallback };
}

// deno-lint-ignore no-explicit-any -- options of any type
type Options = Readonly<Record<string, Option<any, any>>>;

/** The options' values with their defaults in place. */
export type ValuesOf<Known extends Options> = {
  readonly [Name in keyof Known]: Known[Name] extends Option<infer T, infer Default> ? T | Default
    : never;
};

/**
 * Reads options.
 *
 * @param action Completes "Cannot ...".
 * @param known All options that there are.
 * @param path The name of the option that these belong to; none for those of the function itself.
 * @param hints What to do instead of setting an option that users expect and that does not exist.
 * @throws {TypeError} If one is unknown, `null` or has the wrong type.
 * @throws {RangeError} If a value is out of range.
 */
export function readOptions<Known extends Options>(
  action: string,
  given: unknown,
  known: Known,
  path?: string,
  hints: Hints = {},
): ValuesOf<Known> {
  check(action, path ?? "options", given, BAG);
  const prefix = path === undefined ? "" : `${path}.`;
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(known, name)) continue;
    const help = hints[name] === undefined
      ? nearest(prefix, name, Object.keys(known))
      : `: ${hints[name]}`;
    throw new TypeError(`Cannot ${action}: there is no option '${prefix}${name}'${help}`);
  }
  const values = Object.entries(known).map(([name, { rule, fallback }]) => {
    const value = (given as Record<string, unknown>)[name];
    if (value === undefined) return [name, fallback];
    check(action, prefix + name, value, rule);
    return [name, value];
  });
  return Object.fromEntries(values);
}

function nearest(prefix: string, name: string, known: readonly string[]): string {
  const [first] = known.toSorted((a, b) => distance(name, a) - distance(name, b));
  return `, the nearest is '${prefix}${first}' (all: ${known.join(", ")})`;
}

/** How many letters have to be inserted, removed or replaced; a name that begins with the other is near. */
function distance(one: string, other: string): number {
  const [a, b] = [one.toLowerCase(), other.toLowerCase()];
  if (a.startsWith(b) || b.startsWith(a)) return 1;
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, another] of [...b].entries()) {
      next.push(Math.min(next[j]! + 1, row[j + 1]! + 1, row[j]! + (letter === another ? 0 : 1)));
    }
    row = next;
  }
  return row.at(-1)!;
}

/**
 * A time: a number of milliseconds. One below a second is likely meant in seconds and is refused; if it is
 * meant, as in a test, `{ milliseconds: 5 }` says so.
 */
export type Duration = number | { readonly milliseconds: number };

const MAX_DURATION_MS = 100 * 365.25 * 86_400_000;

/** How long a session lasts. */
export const LIFETIME: Rule<Duration> = {
  text: "a number of milliseconds, more than 0 and at most 100 years",
  hasType: isDuration,
  inRange: (value) =>
    isPlausible(value) && toMilliseconds(value) > 0 && toMilliseconds(value) <= MAX_DURATION_MS,
  describe: describeDuration,
};

/** How much time has to pass between two events. */
export const INTERVAL: Rule<Duration> = {
  text: "a number of milliseconds, 0 or more",
  hasType: isDuration,
  inRange: (value) => isPlausible(value) && toMilliseconds(value) >= 0,
  describe: describeDuration,
};

/** The milliseconds of a duration. */
export function toMilliseconds(duration: Duration): number {
  return isNumber(duration) ? duration : duration.milliseconds;
}

function isDuration(value: unknown): value is Duration {
  return isNumber(value) ||
    isObject(value) && isNumber((value as { milliseconds?: unknown }).milliseconds);
}

function isPlausible(duration: Duration): boolean {
  return !isNumber(duration) || !(duration > 0 && duration < 1000);
}

function describeDuration(duration: Duration): string {
  if (isPlausible(duration)) return String(toMilliseconds(duration));
  return `${duration}: milliseconds, not seconds? If it is meant, write { milliseconds: ${duration} }`;
}

/** Warns of a session that ends within a minute of its beginning or of its last use. */
export function warnIfShort(name: string, duration: Duration | undefined): void {
  if (!isNumber(duration) || duration >= 60_000) return;
  process.emitWarning(
    `Sessions end after ${
      duration / 1000
    } s, as '${name}' is ${duration}: milliseconds, not seconds?` +
      ` If it is meant, write { milliseconds: ${duration} }`,
    "SessionWarning",
  );
}
