// Reads an object of options: refuses unknown ones, checks each against its rule, and fills in the defaults.

import { check, isPromise, OPTIONS, type Rule } from "./check.ts";

/** The rule of an option, and its default. */
export interface Option<T, Default> {
  readonly rule: Rule<T>;
  readonly fallback: Default;
}

/** Options that users expect and that do not exist, and what to do instead. */
type Hints = Readonly<Record<string, string>>;

/** An object of options. An instance with methods, such as a store, is refused: it was passed in the wrong place. */
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
 * @param known All options that exist.
 * @param path The name of the option that holds these; left out for the options of a function.
 * @param hints What to do instead of setting an option that does not exist.
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

/** Returns the number of letters to insert, remove or replace; 1 if one name begins with the other. */
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
