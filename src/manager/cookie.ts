import { parseCookie, type SetCookie, stringifySetCookie } from "cookie";
import { check, FLAG, isString, type Rule } from "../util/check.ts";
import { optional, readOptions, withDefault } from "../util/options.ts";
import { isGenerated } from "../store/token.ts";

/** The session cookie's attributes. */
export interface SessionCookieOptions {
  /**
   * The cookie's name: a token of RFC 9110. If it begins with `__Host-` or `__Secure-`, the other options
   * must meet the conditions of that prefix, or browsers drop the cookie.
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
   * Whether the cookie is sent only over HTTPS. Set it wherever you serve HTTPS.
   *
   * @default {false}
   */
  readonly secure?: boolean | undefined;
  /**
   * Whether the cookie comes along with requests that other sites cause: `"strict"`: never; `"lax"`: if a
   * link is followed; `"none"`: always, which needs `secure`.
   *
   * @default {"lax"}
   */
  readonly sameSite?: "lax" | "strict" | "none" | undefined;
  /**
   * Whether a page that is embedded in other sites has a cookie of its own for each of them (CHIPS); needs
   * `secure`.
   *
   * @default {false}
   */
  readonly partitioned?: boolean | undefined;
  /**
   * Whether the cookie outlives the browser, until the session expires, unless
   * {@linkcode Session.rememberMe} says otherwise. Browsers keep no cookie longer than 400 days.
   *
   * @default {true}
   */
  readonly persist?: boolean | undefined;
}

/** A cookie as a framework's own cookie jar takes it, such as `(await cookies()).set(name, value, options)`. */
export interface CookieToSet {
  /** The cookie's name. */
  readonly name: string;
  /** The token; empty if the browser has to forget the cookie. */
  readonly value: string;
  /** The cookie's attributes. */
  readonly options: CookieToSetOptions;
}

/** The attributes of a {@linkcode CookieToSet}. */
export interface CookieToSetOptions {
  /** The domain whose subdomains also get the cookie; without it, only the host gets it. */
  domain?: string;
  /** The path below which the cookie is sent. */
  path: string;
  /** Whether scripts in the page are kept from reading the cookie. */
  httpOnly: boolean;
  /** Whether the cookie is sent over HTTPS alone. */
  secure: boolean;
  /** Whether the cookie is sent with requests that other sites cause. */
  sameSite: "lax" | "strict" | "none";
  /** Whether each embedding site has a cookie of its own; missing if not. */
  partitioned?: boolean;
  /** How long the browser keeps the cookie, in seconds; missing if it ends with the browser. */
  maxAge?: number;
  /** When the browser drops the cookie; missing if it ends with the browser. */
  expires?: Date;
}

// A token of RFC 9110, which RFC 6265 asks a name to be; the length leaves room for the value in the
// 4096 bytes that browsers keep.
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
  secure: withDefault(FLAG, false),
  sameSite: withDefault(SAME_SITE, "lax"),
  partitioned: withDefault(FLAG, false),
  persist: withDefault(FLAG, true),
};

const EXPIRY_HINT = "the cookie ends with the session, which the manager's 'lifetime' decides";
const COOKIE_HINTS = { maxAge: EXPIRY_HINT, expires: EXPIRY_HINT };

/** The most cookies of one name that are looked up for a request; a browser sends one, rarely two. */
const MAX_CANDIDATES = 3;

const ACTION = "create the session manager";

function isSerializable(attributes: Omit<SetCookie, "name" | "value">): boolean {
  try {
    stringifySetCookie({ name: "name", value: "", ...attributes });
    return true;
  } catch {
    return false;
  }
}

/** Reads and writes the session cookie. */
export class SessionCookie {
  readonly #name: string;
  readonly #attributes: CookieToSetOptions;
  /** Whether the cookie outlives the browser by default. */
  readonly persist: boolean;

  /**
   * @throws {TypeError} If an option has the wrong type.
   * @throws {RangeError} If a value is out of range, or browsers would drop or change such a cookie.
   */
  constructor(options: SessionCookieOptions = {}) {
    const values = readOptions(ACTION, options, COOKIE_OPTIONS, "cookie", COOKIE_HINTS);
    const { name, domain, path, sameSite, httpOnly, secure, partitioned, persist } = values;
    this.#name = name;
    this.#attributes = {
      ...(domain !== undefined && { domain }),
      path,
      httpOnly,
      secure,
      sameSite,
    };
    if (partitioned) this.#attributes.partitioned = true;
    this.persist = persist;
    assertKept(name, this.#attributes);
  }

  /** Returns the well-formed tokens of a `Cookie` header, in its order; none if it has no such cookie. */
  read(header: string | undefined): string[] {
    return [...new Set(this.#values(header).filter(isGenerated))].slice(0, MAX_CANDIDATES);
  }

  /** Whether a `Cookie` header has a cookie of this name, well-formed or not. */
  isIn(header: string | undefined): boolean {
    return this.#values(header).some((value) => value !== undefined);
  }

  #values(header: string | undefined): (string | undefined)[] {
    const pairs = header?.split(";") ?? [];
    // Each by itself: of two cookies of one name, parseCookie would give only the first.
    return pairs.map((pair) => parseCookie(pair)[this.#name]);
  }

  /** Returns the cookie that makes the browser keep a token, until it is closed or until expiry. */
  toKeep(token: string, expiry: Date, persist: boolean): CookieToSet {
    const options = { ...this.#attributes, ...(persist && untilExpiry(expiry)) };
    return { name: this.#name, value: token, options };
  }

  /** Returns the cookie that makes the browser forget the one that it has. */
  toForget(): CookieToSet {
    const options = { ...this.#attributes, maxAge: 0, expires: new Date(0) };
    return { name: this.#name, value: "", options };
  }

  /** Returns the `Set-Cookie` header's value of {@linkcode toKeep}. */
  write(token: string, expiry: Date, persist: boolean): string {
    return stringifyCookie(this.toKeep(token, expiry, persist));
  }

  /** Returns the `Set-Cookie` header's value of {@linkcode toForget}. */
  clear(): string {
    return stringifyCookie(this.toForget());
  }
}

/** Returns the `Set-Cookie` header's value of a cookie. */
export function stringifyCookie({ name, value, options }: CookieToSet): string {
  return stringifySetCookie({ name, value, ...options });
}

/** Rounded up, so that the cookie does not end before the session. */
function untilExpiry(expiry: Date): Pick<Required<SetCookie>, "expires" | "maxAge"> {
  const seconds = Math.ceil((expiry.getTime() - Date.now()) / 1000);
  const expires = new Date(Math.ceil(expiry.getTime() / 1000) * 1000);
  return { expires, maxAge: Math.max(seconds, 0) };
}

/** Refuses cookies that browsers ignore: RFC 6265bis, section 5.7, and CHIPS for `Partitioned`. */
function assertKept(name: string, attributes: Omit<SetCookie, "name" | "value">): void {
  const { domain, path, httpOnly, secure, sameSite, partitioned } = attributes;
  const require = (option: string, value: unknown, required: unknown, reason: string): void =>
    check(ACTION, `cookie.${option}`, value, {
      text: `${required} if ${reason}`,
      hasType: (_): _ is unknown => true,
      inRange: () => value === required,
    });
  if (sameSite === "none") require("secure", secure, true, `cookie.sameSite is "none"`);
  if (partitioned) require("secure", secure, true, "cookie.partitioned is true");
  const prefix = /^__(?:host-http|host|http|secure)-/i.exec(name)?.[0];
  if (prefix === undefined) return;
  const reason = `cookie.name begins with ${prefix}`;
  require("secure", secure, true, reason);
  if (/http/i.test(prefix)) require("httpOnly", httpOnly, true, reason);
  if (!/host/i.test(prefix)) return;
  require("domain", domain, undefined, reason);
  require("path", path, "/", reason);
}
