// Converts a session of express-session or @fastify/session to a record's content, and back.

import { types } from "node:util";
import { check, isFunction, isNumber, isString, OPTIONS, type Rule } from "../util/check.ts";
import { errorName } from "../util/error_name.ts";
import type { ExpressSettings, Serializer } from "./options.ts";
import type { SteadyMaxAge } from "./steady_max_age.ts";
import type { NextRecord } from "../store/optimistic_writer.ts";
import type { SessionRecord } from "../store/store.ts";
import { isUnreadable } from "../store/unreadable.ts";
import { report } from "../util/report.ts";

/** The attributes of a session's cookie. */
export interface StoredCookie {
  /** When the cookie and the session expire; `null` if the cookie ends with the browser. */
  expires: Date | null;
  /** The time from a use of the session to its expiry, in milliseconds; `null` if it has none. */
  originalMaxAge: number | null;
  /** `path`, `httpOnly` and the middleware's other attributes. */
  // deno-lint-ignore no-explicit-any -- as the middlewares type them
  [attribute: string]: any;
}

/** A session as a store returns it to a middleware: its values and its cookie. */
export interface StoredSession {
  /** The cookie that the session was made with. */
  cookie: StoredCookie;
  /** The application's values. */
  // deno-lint-ignore no-explicit-any -- as the middlewares type them
  [key: string]: any;
}

/** The expiry of a cookie; a cookie that has none ends with the browser. */
export interface SavableCookie {
  /** When the cookie expires; a number is in milliseconds since 1970. */
  readonly expires?: Date | string | number | false | null | undefined;
  /** The time from now to the expiry, in milliseconds; used if there is no `expires`. */
  readonly maxAge?: number | false | null | undefined;
  /** The same as `maxAge`; used if there is neither `expires` nor `maxAge`. */
  readonly originalMaxAge?: number | false | null | undefined;
}

/** A session as a middleware passes it to a store: an instance of its own class, or plain data. */
export type SavableSession = StoredSession | {
  /** The cookie; without an expiry, or without a cookie, the session ends with the browser. */
  readonly cookie?: SavableCookie | null | undefined;
} | {
  /** The cookie; without an expiry, or without a cookie, the session ends with the browser. */
  readonly cookie?: SavableCookie | null | undefined;
  /** The application's values. */
  readonly [key: string]: unknown;
};

/** A session's data, expiry and owner, as its record gets them. */
export type Content = Omit<NextRecord, "token">;

const COOKIE: Rule<unknown> = {
  text: "an object",
  hasType: (value) => value == null || OPTIONS.hasType(value),
};

const EXPIRES: Rule<unknown> = {
  text: "a Date, a string or a number of milliseconds since 1970",
  hasType: (value) => types.isDate(value) || isString(value) || isNumber(value),
};

const MAX_AGE: Rule<unknown> = { text: "a number of milliseconds", hasType: isNumber };

/** The range of stored expiries: earlier ones have long passed, and later ones mean "never". */
const MIN_TIME = Date.UTC(1971, 0, 1);
const MAX_TIME = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/**
 * Makes the content of a session's record.
 *
 * The cookie's expiry is only in `expiry`. So a touch leaves no outdated copy of it behind, and a session whose
 * values have not changed has the same bytes.
 *
 * @param maxAge The session object's earlier values of `originalMaxAge`, if they are known.
 * @throws {TypeError} If the cookie is not an object, its expiry has the wrong type, or the serializer does not
 *   return a string.
 */
export function toContent(
  action: string,
  session: SavableSession,
  { serializer, lifetime, ownerOf }: Pick<ExpressSettings, "serializer" | "lifetime" | "ownerOf">,
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
    // A middleware that loads the session continues with these values.
    if (duration === undefined) cookie.expires = null;
    else cookie.originalMaxAge = duration;
    time = Date.now() + (duration ?? lifetime);
  }
  const values = Object.entries(session).filter(([key]) => key !== "cookie");
  const text = serializer.stringify({ cookie, ...Object.fromEntries(values) });
  check(action, "serializer.stringify(session)", text, { text: "a string", hasType: isString });
  const expiry = new Date(Math.max(MIN_TIME, Math.min(time, MAX_TIME)));
  return { data: new TextEncoder().encode(text), expiry, owner: ownerOf(session) };
}

/**
 * Makes a session from its record. If the store cannot read the data, reports the error, and returns no session.
 *
 * @throws {Error} If the data has another format; the message holds none of it.
 */
export function toSessions(
  record: SessionRecord,
  { serializer, onError }: Pick<ExpressSettings, "serializer" | "onError">,
): StoredSession[] {
  try {
    return [toSession(record, serializer)];
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    void report(() => onError(error));
    return [];
  }
}

function toSession({ data, expiry }: SessionRecord, serializer: Serializer): StoredSession {
  const { cookie, ...values } = parseSession(data, serializer);
  const expires = cookie.expires === null ? null : new Date(expiry);
  return { cookie: { ...cookie, expires }, ...values };
}

/**
 * Returns only the attributes. The middlewares' cookies are instances with other fields and accessors, and the
 * cookies that were loaded have a symbol, which some serializers refuse.
 */
function plainCookie(cookie: SavableCookie): Record<string, unknown> {
  const { toJSON } = cookie as { toJSON?: () => object };
  return Object.fromEntries(Object.entries(isFunction(toJSON) ? toJSON!.call(cookie) : cookie));
}

/**
 * Returns when a cookie expires, in milliseconds; `NaN` if it has no `expires`. 0 and "" count as none, as in
 * the middlewares' own stores.
 */
function toTime(action: string, expires: unknown): number {
  if (!expires) return NaN;
  check(action, "session.cookie.expires", expires, EXPIRES);
  return isNumber(expires) ? expires as number : new Date(expires as Date | string).getTime();
}

/**
 * Returns how long a cookie lasts, in milliseconds; `undefined` if it has no duration. Only plain data has its
 * own `maxAge`: in the middlewares' cookies it is an accessor of `expires`.
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

/** Whether a cookie has no duration; in Connect, `false` made it end with the browser. */
function isNone(value: unknown): boolean {
  return value == null || value === false || Number.isNaN(value);
}

/** Parses a session's data, in which the cookie has no expiry. */
export function parseSession(data: Uint8Array, serializer: Serializer): StoredSession {
  let reason = "it holds no cookie";
  try {
    const session = serializer.parse(new TextDecoder("utf-8", { fatal: true }).decode(data));
    if (isSession(session)) return session;
  } catch (error) {
    // Neither the message nor a cause, because the message of a parser quotes the data.
    reason = errorName(error);
  }
  throw new Error(`Cannot parse the session's data: ${reason}`);
}

function isSession(value: unknown): value is StoredSession {
  return OPTIONS.hasType(value) && OPTIONS.hasType((value as StoredSession).cookie);
}
