// A session as express-session and @fastify/session have it, and as a row.

import { isDeepStrictEqual, types } from "node:util";
import { check, isFunction, isNumber, isString, OPTIONS, type Rule } from "../util/check.ts";
import type { ExpressSettings, Serializer } from "./options.ts";
import type { SteadyMaxAge } from "./steady_max_age.ts";
import type { SessionRecord } from "../store/store.ts";

/** The attributes of a session's cookie. */
export interface StoredCookie {
  /** When the cookie expires, and with it the session; `null` where the cookie ends with the browser. */
  expires: Date | null;
  /** The time from a use of the session to its expiry, in milliseconds; `null` where there is none. */
  originalMaxAge: number | null;
  /** `path`, `httpOnly` and whatever else a middleware keeps. */
  // deno-lint-ignore no-explicit-any -- as the middlewares type them
  [attribute: string]: any;
}

/** What a store gives to a middleware: a session's values and its cookie. */
export interface StoredSession {
  /** The cookie that the session was made with. */
  cookie: StoredCookie;
  /** The application's values. */
  // deno-lint-ignore no-explicit-any -- as the middlewares type them
  [key: string]: any;
}

/** What a cookie says of its expiry; one that says nothing ends with the browser. */
export interface SavableCookie {
  /** When the cookie expires; a number is in milliseconds since 1970. */
  readonly expires?: Date | string | number | false | null | undefined;
  /** The time from now to its expiry, in milliseconds, if there is no `expires`. */
  readonly maxAge?: number | false | null | undefined;
  /** The same, if there is neither. */
  readonly originalMaxAge?: number | false | null | undefined;
}

/** What a middleware hands to a store: an instance of its own class, or plain data. */
export type SavableSession = StoredSession | {
  /** The cookie; without an expiry, or without a cookie, the session ends with the browser. */
  readonly cookie?: SavableCookie | null | undefined;
} | {
  /** The cookie; without an expiry, or without a cookie, the session ends with the browser. */
  readonly cookie?: SavableCookie | null | undefined;
  /** The application's values. */
  readonly [key: string]: unknown;
};

/** A session's data and expiry, as a row has them. */
export type Content = Pick<SessionRecord, "data" | "expiry">;

const COOKIE: Rule<unknown> = {
  text: "an object",
  hasType: (value) => value == null || OPTIONS.hasType(value),
};

const EXPIRES: Rule<unknown> = {
  text: "a Date, a string or a number of milliseconds since 1970",
  hasType: (value) => types.isDate(value) || isString(value) || isNumber(value),
};

const MAX_AGE: Rule<unknown> = { text: "a number of milliseconds", hasType: isNumber };

/** What a row can hold: an expiry before makes a session that is over, one beyond stands for "never". */
const MIN_TIME = Date.UTC(1971, 0, 1);
const MAX_TIME = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/**
 * Makes a session's row.
 *
 * The cookie's expiry goes into its column and nowhere else: a touch leaves nothing stale behind, and a
 * session whose values have not changed has the same bytes.
 *
 * @param maxAge The `originalMaxAge` that the session object had before, if it is known.
 * @throws {TypeError} If the cookie is no object, its expiry has the wrong type, or the serializer gives
 *   no text.
 */
export function toContent(
  action: string,
  session: SavableSession,
  { serializer, lifetime }: Pick<ExpressSettings, "serializer" | "lifetime">,
  maxAge?: SteadyMaxAge,
): Content {
  check(action, "session.cookie", session.cookie, COOKIE);
  const { expires, originalExpires: _, ...cookie } = plainCookie(session.cookie ?? {});
  if (maxAge !== undefined && isNumber(cookie.originalMaxAge)) {
    cookie.originalMaxAge = maxAge.of(cookie.originalMaxAge);
  }
  let time = toTime(action, expires);
  if (Number.isNaN(time)) {
    const duration = toDuration(action, cookie);
    // A middleware that loads the session goes on from what this sets.
    if (duration === undefined) cookie.expires = null;
    else cookie.originalMaxAge = duration;
    time = Date.now() + (duration ?? lifetime);
  }
  const values = Object.entries(session).filter(([key]) => key !== "cookie");
  const text = serializer.stringify({ cookie, ...Object.fromEntries(values) });
  check(action, "serializer.stringify(session)", text, { text: "a string", hasType: isString });
  const expiry = new Date(Math.max(MIN_TIME, Math.min(time, MAX_TIME)));
  return { data: new TextEncoder().encode(text), expiry };
}

/**
 * Makes a session from its row.
 *
 * @throws {Error} Where the data is of another format; the message holds none of it.
 */
export function toSession({ data, expiry }: Content, serializer: Serializer): StoredSession {
  const { cookie, ...values } = parse(data, serializer);
  const expires = cookie.expires === null ? null : new Date(expiry);
  return { cookie: { ...cookie, expires }, ...values };
}

/** The data of one session at several times. */
export interface Versions {
  /** What it was, or may have been, when a request loaded it or last wrote it. */
  readonly bases: readonly Uint8Array[];
  /** What that request has made of it. */
  readonly mine: Uint8Array;
  /** What others have made of it meanwhile. */
  readonly current: Uint8Array;
}

/** What has become of a session that several have changed. */
export interface Merged {
  readonly data: Uint8Array;
  /** Whether the cookie is one that others have chosen. */
  readonly hasOthersCookie: boolean;
}

/** Makes the changes that led from `bases` to `mine` to `current`, each top-level value being one. */
export function merge({ bases, mine, current }: Versions, serializer: Serializer): Merged {
  const read = (data: Uint8Array): Map<string, unknown> =>
    new Map(Object.entries(parse(data, serializer)));
  const [after, merged, ...before] = [mine, current, ...bases].map(read) as Maps;
  const isMine = (key: string): boolean =>
    before.some((base) => !isDeepStrictEqual(base.get(key), after.get(key)));
  for (const key of new Set([...after.keys(), ...before.flatMap((base) => [...base.keys()])])) {
    if (!isMine(key)) continue;
    if (after.has(key)) merged.set(key, after.get(key));
    else merged.delete(key);
  }
  const data = new TextEncoder().encode(serializer.stringify(Object.fromEntries(merged)));
  return { data, hasOthersCookie: !isDeepStrictEqual(merged.get("cookie"), after.get("cookie")) };
}

type Maps = [Map<string, unknown>, Map<string, unknown>, ...Map<string, unknown>[]];

/** The attributes alone: the middlewares' cookies are instances with fields and accessors of their own. */
function plainCookie(cookie: SavableCookie): Record<string, unknown> {
  const { toJSON } = cookie as { toJSON?: () => object };
  return { ...(isFunction(toJSON) ? toJSON!.call(cookie) : cookie) };
}

/**
 * When a cookie expires, in milliseconds; `NaN` if it does not say. 0 and "" say as little as `null` does, as
 * with the middlewares' own stores.
 */
function toTime(action: string, expires: unknown): number {
  if (!expires) return NaN;
  check(action, "session.cookie.expires", expires, EXPIRES);
  return isNumber(expires) ? expires as number : new Date(expires as Date | string).getTime();
}

/**
 * How long a cookie lasts, in milliseconds; `undefined` if it does not say. Only plain data has a `maxAge` of
 * its own here: in the middlewares' cookies it is an accessor of `expires`.
 */
function toDuration(
  action: string,
  { maxAge, originalMaxAge }: Record<string, unknown>,
): number | undefined {
  for (const [name, value] of Object.entries({ maxAge, originalMaxAge })) {
    if (isNone(value)) continue;
    check(action, `session.cookie.${name}`, value, MAX_AGE);
    return value as number;
  }
  return undefined;
}

/** `false` is what a cookie's expiry was set to for "until the browser ends" in Connect's days. */
function isNone(value: unknown): boolean {
  return value == null || value === false || Number.isNaN(value);
}

function parse(data: Uint8Array, serializer: Serializer): StoredSession {
  let reason = "it holds no cookie";
  try {
    const session = serializer.parse(new TextDecoder("utf-8", { fatal: true }).decode(data));
    if (isSession(session)) return session;
  } catch (error) {
    // No more of it, and no cause: a parser's message quotes what it failed on.
    reason = error instanceof Error ? error.name : typeof error;
  }
  throw new Error(`Cannot parse the session's data: ${reason}`);
}

function isSession(value: unknown): value is StoredSession {
  return OPTIONS.hasType(value) && OPTIONS.hasType((value as StoredSession).cookie);
}
