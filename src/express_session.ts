// A session as express-session and @fastify/session have it, and as a row.

import { isDeepStrictEqual } from "node:util";
import { check, EXPIRY, isFunction, isString, OPTIONS } from "./check.ts";
import type { ExpressSettings, Serializer } from "./express_options.ts";
import type { SessionRecord } from "./store.ts";

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

/** What a middleware hands to a store: an instance of its own class, or plain data. */
export type SavableSession = StoredSession | {
  /** The cookie; without an expiry, it ends with the browser. */
  readonly cookie: { readonly expires?: Date | string | false | null | undefined };
};

/** A session's data and expiry, as a row has them. */
export type Content = Pick<SessionRecord, "data" | "expiry">;

/**
 * Makes a session's row.
 *
 * The cookie's expiry goes into its column and nowhere else: a touch leaves nothing stale behind, and a
 * session whose values have not changed has the same bytes.
 *
 * @throws {TypeError} Where the session or its cookie is no object, or the serializer gives no text.
 * @throws {RangeError} Where the cookie's expiry is no storable date.
 */
export function toContent(
  action: string,
  session: SavableSession,
  { serializer, lifetime }: Pick<ExpressSettings, "serializer" | "lifetime">,
): Content {
  check(action, "session", session, OPTIONS);
  check(action, "session.cookie", session.cookie, OPTIONS);
  const { expires, originalExpires: _, ...attributes } = plainCookie(session.cookie);
  const cookie = isNone(expires) ? { ...attributes, expires: null } : attributes;
  const values = Object.entries(session).filter(([key]) => key !== "cookie");
  const text = serializer.stringify({ cookie, ...Object.fromEntries(values) });
  check(action, "serializer.stringify(session)", text, { text: "a string", hasType: isString });
  return { data: new TextEncoder().encode(text), expiry: toExpiry(action, expires, lifetime) };
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
function plainCookie(cookie: SavableSession["cookie"]): Record<string, unknown> {
  const { toJSON } = cookie as { toJSON?: () => object };
  return { ...(isFunction(toJSON) ? toJSON!.call(cookie) : cookie) };
}

/** `false` is what the cookie's expiry was set to for "until the browser ends" in Connect's days. */
function isNone(expires: unknown): boolean {
  return expires == null || expires === false;
}

function toExpiry(action: string, expires: unknown, lifetime: number): Date {
  if (isNone(expires)) return new Date(Date.now() + lifetime);
  const expiry = (isString(expires) ? new Date(expires as string) : expires) as Date;
  check(action, "session.cookie.expires", expiry, EXPIRY);
  return new Date(expiry);
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
