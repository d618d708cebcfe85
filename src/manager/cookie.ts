import { parseCookie, type SetCookie, stringifySetCookie } from "cookie";
import { checkCookieOptions, type SessionCookieOptions } from "./cookie_options.ts";
import type { Transport } from "./transport.ts";
import { isGenerated } from "../store/token.ts";

/**
 * A cookie in the form that a framework's own cookie jar takes, such as
 * `(await cookies()).set(name, value, options)`.
 */
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
  /** Whether the cookie is hidden from scripts in the page. */
  httpOnly: boolean;
  /** Whether the cookie is sent only over HTTPS. */
  secure: boolean;
  /** Whether the cookie is sent with requests that other sites cause. */
  sameSite: "lax" | "strict" | "none";
  /** Whether the browser keeps a separate cookie for each embedding site; missing if not. */
  partitioned?: boolean;
  /** How long the browser keeps the cookie, in seconds; missing if the cookie ends with the browser. */
  maxAge?: number;
  /** When the browser drops the cookie; missing if the cookie ends with the browser. */
  expires?: Date;
}

/** The most cookies of one name that are looked up for a request; a browser sends one, rarely two. */
const MAX_CANDIDATES = 3;

/** The session cookie, which can differ between a server and its developer's machine. */
export class SessionCookie {
  /** Whether the cookie outlives the browser by default. */
  readonly persist: boolean;
  readonly #onLoopback: ClientCookie;
  readonly #elsewhere: ClientCookie;
  readonly #isSecureGiven: boolean;

  /**
   * @throws {TypeError} If an option has the wrong type.
   * @throws {RangeError} If a value is out of range, or browsers would drop or change such a cookie.
   */
  constructor(options: SessionCookieOptions = {}) {
    const { name, hostPrefix, secure, isSecureGiven, persist, attributes } = checkCookieOptions(
      options,
    );
    const { partitioned, sameSite, ...others } = attributes;
    const make = (secure: boolean): ClientCookie =>
      new ClientCookie(hostPrefix && secure ? `__Host-${name}` : name, {
        ...others,
        secure,
        sameSite,
        ...(partitioned && { partitioned }),
      });
    this.persist = persist;
    this.#isSecureGiven = isSecureGiven;
    this.#elsewhere = make(secure ?? true);
    this.#onLoopback = make(secure ?? false);
  }

  /** Returns the cookie of clients with this transport. */
  for(transport: Transport): ClientCookie {
    return transport === "loopback" ? this.#onLoopback : this.#elsewhere;
  }

  /**
   * Whether browsers drop the cookie of clients with this transport, although the application has not set `secure`.
   */
  isLost(transport: Transport): boolean {
    return transport === "lan" && !this.#isSecureGiven;
  }
}

/** Reads and writes the session cookie of one client. */
export class ClientCookie {
  readonly #name: string;
  readonly #attributes: CookieToSetOptions;

  constructor(name: string, attributes: CookieToSetOptions) {
    this.#name = name;
    this.#attributes = attributes;
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
    // Parsed one by one: if two cookies have one name, parseCookie returns only the first.
    return pairs.map((pair) => parseCookie(pair)[this.#name]);
  }

  /** Returns the cookie that makes the browser keep a token, until the browser is closed or until the expiry. */
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
