import { type SetCookie, stringifySetCookie } from "cookie";
import { check, FLAG, isString, type Rule } from "../util/check.ts";
import { optional, readOptions, withDefault } from "../util/options.ts";

/** The session cookie's attributes. */
export interface SessionCookieOptions {
  /**
   * The cookie's name: a token as RFC 9110 defines it. If it begins with `__Host-` or `__Secure-`, the cookie is
   * always `Secure`, and the other options must meet the conditions of that prefix, or browsers drop the cookie.
   *
   * @default {"session"}
   */
  readonly name?: string | undefined;
  /** The domain whose subdomains also get the cookie; by default only the host that set it gets it. */
  readonly domain?: string | undefined;
  /**
   * The path below which the cookie is sent, beginning with `/`.
   *
   * @default {"/"}
   */
  readonly path?: string | undefined;
  /**
   * Whether the cookie is hidden from scripts in the page.
   *
   * @default {true}
   */
  readonly httpOnly?: boolean | undefined;
  /**
   * Whether the cookie is sent only over HTTPS. By default it is, with one exception, so that first steps work: the
   * response to a request that came by plain HTTP to a loopback host (`localhost`, `*.localhost`, `127.0.0.0/8`,
   * `[::1]`). A proxy that ends TLS does not cause the exception: only a loopback `Host` without
   * `X-Forwarded-Proto: https` does. With `true`, there is no exception. There is also none with `sameSite: "none"`,
   * `partitioned`, or a name with a prefix.
   *
   * Browsers drop a `Secure` cookie that comes by plain HTTP. For a network that you trust, set `false`.
   *
   * @default {true, except for plain HTTP to a loopback host}
   */
  readonly secure?: boolean | undefined;
  /**
   * Whether the name gets the prefix `__Host-`, so that no other subdomain can replace this cookie with its own. It
   * requires that the cookie is `Secure`, `path` is `/`, and there is no `domain`. If the cookie is not `Secure`, for
   * plain HTTP to a loopback host, the name has no prefix, because some browsers drop such a cookie. Only the name
   * that is in use is read.
   *
   * @default {false}
   */
  readonly hostPrefix?: boolean | undefined;
  /**
   * Whether the cookie is sent with requests that other sites cause: `"strict"`: never; `"lax"`: if a link is
   * followed; `"none"`: always, which needs `Secure`.
   *
   * @default {"lax"}
   */
  readonly sameSite?: "lax" | "strict" | "none" | undefined;
  /**
   * Whether a page that is embedded in other sites has a separate cookie for each of them (CHIPS). Needs `Secure`.
   *
   * @default {false}
   */
  readonly partitioned?: boolean | undefined;
  /**
   * Whether the browser keeps the cookie after it is closed, until the session expires.
   * {@linkcode Session.rememberMe rememberMe} overrides this for one session. Browsers keep a cookie for at most 400
   * days.
   *
   * @default {true}
   */
  readonly persist?: boolean | undefined;
}

// RFC 6265 requires a token of RFC 9110. The length leaves room for the value in the 4096 bytes that browsers keep.
const COOKIE_NAME: Rule<string> = {
  text: "1 to 255 characters of those that HTTP allows in a token",
  hasType: isString,
  inRange: (value) => /^[\w!#$%&'*+.^`|~-]{1,255}$/.test(value),
  describe: JSON.stringify,
};

const DOMAIN: Rule<string> = {
  text: "a domain name without a trailing dot, of 1 to 253 characters",
  hasType: isString,
  inRange: (value) => /^.{1,253}$/.test(value) && isSerializable({ domain: value }),
  describe: JSON.stringify,
};

const PATH: Rule<string> = {
  text: "a path that begins with '/', of at most 1024 characters without ';'",
  hasType: isString,
  // RFC 6265bis, section 5.6: browsers ignore other paths.
  inRange: (value) => /^\/.{0,1023}$/.test(value) && isSerializable({ path: value }),
  describe: JSON.stringify,
};

type SameSite = "lax" | "strict" | "none";

const SAME_SITE: Rule<SameSite> = {
  text: `"lax", "strict" or "none"`,
  hasType: (value): value is SameSite => isString(value),
  inRange: (value) => ["lax", "strict", "none"].includes(value),
  describe: JSON.stringify,
};

const COOKIE_OPTIONS = {
  name: withDefault(COOKIE_NAME, "session"),
  domain: optional(DOMAIN),
  path: withDefault(PATH, "/"),
  httpOnly: withDefault(FLAG, true),
  secure: optional(FLAG),
  hostPrefix: withDefault(FLAG, false),
  sameSite: withDefault(SAME_SITE, "lax"),
  partitioned: withDefault(FLAG, false),
  persist: withDefault(FLAG, true),
};

const EXPIRY_HINT = "the cookie ends with the session, which the manager's 'lifetime' decides";
const COOKIE_HINTS = { maxAge: EXPIRY_HINT, expires: EXPIRY_HINT };

const ACTION = "create the session manager";

/** Prefixes of names that have a meaning for browsers: RFC 6265bis, section 4.1.3, and the newer `__Http-`. */
const PREFIX = /^__(?:host-http|host|http|secure)-/i;

const UNPREFIXED: Rule<string> = {
  text: "a name without a prefix if cookie.hostPrefix is true, which adds __Host-",
  hasType: isString,
  inRange: (value) => !PREFIX.test(value),
  describe: JSON.stringify,
};

/** The options with their defaults in place. */
export interface CookieSettings {
  /** Without the prefix of `hostPrefix`. */
  readonly name: string;
  readonly hostPrefix: boolean;
  /** `undefined`: `true`, except for plain HTTP to a loopback host. */
  readonly secure: boolean | undefined;
  /** Whether the application has set `secure`. */
  readonly isSecureGiven: boolean;
  readonly persist: boolean;
  readonly attributes: Attributes;
}

/** What decides whether browsers keep a cookie. */
type Kept = Attributes & Pick<CookieSettings, "name" | "hostPrefix" | "secure">;

/** The attributes that are the same for all clients. */
export interface Attributes {
  readonly domain?: string;
  readonly path: string;
  readonly httpOnly: boolean;
  readonly sameSite: SameSite;
  readonly partitioned?: boolean;
}

/**
 * Checks the options of the cookie, and fills in the defaults.
 *
 * @throws {TypeError} If an option has the wrong type.
 * @throws {RangeError} If a value is out of range, or browsers would drop or change such a cookie.
 */
export function checkCookieOptions(options: SessionCookieOptions): CookieSettings {
  const values = readOptions(ACTION, options, COOKIE_OPTIONS, "cookie", COOKIE_HINTS);
  const { name, domain, path, httpOnly, sameSite, partitioned, hostPrefix, persist } = values;
  if (hostPrefix) check(ACTION, "cookie.name", name, UNPREFIXED);
  const attributes: Attributes = {
    ...(domain !== undefined && { domain }),
    path,
    httpOnly,
    sameSite,
    ...(partitioned && { partitioned }),
  };
  assertKept({ ...attributes, name, hostPrefix, secure: values.secure ?? true });
  const isNeeded = sameSite === "none" || partitioned || PREFIX.test(name);
  return {
    name,
    hostPrefix,
    secure: isNeeded || values.secure,
    isSecureGiven: values.secure !== undefined,
    persist,
    attributes,
  };
}

/** Refuses cookies that browsers ignore: RFC 6265bis, section 5.7, and CHIPS for `Partitioned`. */
function assertKept(
  { name, hostPrefix, domain, path, httpOnly, secure, sameSite, partitioned }: Kept,
): void {
  const require = (option: string, value: unknown, required: unknown, reason: string): void =>
    check(ACTION, `cookie.${option}`, value, {
      text: `${required} if ${reason}`,
      hasType: (_): _ is unknown => true,
      inRange: () => value === required,
    });
  if (sameSite === "none") require("secure", secure, true, `cookie.sameSite is "none"`);
  if (partitioned) require("secure", secure, true, "cookie.partitioned is true");
  const prefix = hostPrefix ? "__Host-" : PREFIX.exec(name)?.[0];
  if (prefix === undefined) return;
  const reason = hostPrefix ? "cookie.hostPrefix is true" : `cookie.name begins with ${prefix}`;
  require("secure", secure, true, reason);
  if (/http/i.test(prefix)) require("httpOnly", httpOnly, true, reason);
  if (!/host/i.test(prefix)) return;
  require("domain", domain, undefined, reason);
  require("path", path, "/", reason);
}

function isSerializable(attributes: Omit<SetCookie, "name" | "value">): boolean {
  try {
    stringifySetCookie({ name: "name", value: "", ...attributes });
    return true;
  } catch {
    return false;
  }
}
