import type { ClientCookie, CookieToSet, SessionCookie } from "./cookie.ts";
import { cookieHeaderOf, type CookieSource, isRequest } from "./cookie_header.ts";
import { type Transport, transportOf } from "./transport.ts";

export interface Client {
  /** The session cookie in the form that the client gets. */
  readonly cookie: ClientCookie;
  readonly transport: Transport;
  readonly request: Request | undefined;
  /** The tokens that the request has sent. */
  readonly tokens: readonly string[];
  /** Whether there is a cookie to clear. */
  hasCookie: boolean;
}

/** Makes the warning that browsers drop the cookie. */
function lostCookie(): Error {
  return new Error(
    "Cannot keep the session: browsers drop its cookie, which is Secure, because the request came by plain HTTP: " +
      "serve HTTPS, have your proxy send 'X-Forwarded-Proto: https', or, for a network that you trust, " +
      "set the option 'cookie.secure' to false",
  );
}

/** Remembers which client each session was loaded for, because a commit has no request. */
export class Clients {
  readonly #cookie: SessionCookie;
  readonly #warn: (error: Error, request: Request | undefined) => void;
  readonly #clients = new WeakMap<object, Client>();
  #hasWarned = false;

  /** @param warn Called at most once: if browsers drop the cookie. */
  constructor(cookie: SessionCookie, warn: (error: Error, request: Request | undefined) => void) {
    this.#cookie = cookie;
    this.#warn = warn;
  }

  /**
   * Reads what a request says about its client.
   *
   * @throws {TypeError} If `source` is not a cookie source.
   */
  read(source: CookieSource): Client {
    const header = cookieHeaderOf(source);
    const transport = transportOf(source);
    const cookie = this.#cookie.for(transport);
    const request = isRequest(source) && "method" in source ? source : undefined;
    const hasCookie = cookie.isIn(header);
    return { cookie, transport, request, tokens: cookie.read(header), hasCookie };
  }

  /** Remembers the client that a session was loaded for. */
  remember(session: object, client: Client): void {
    this.#clients.set(session, client);
  }

  /** Returns the cookie in the form that a session's client gets. */
  cookieOf(session: object): ClientCookie {
    return this.#clients.get(session)?.cookie ?? this.#cookie.for("other");
  }

  /** Whether a session's client may have a cookie that has to be cleared. */
  mayHaveCookie(session: object): boolean {
    return this.#clients.get(session)?.hasCookie !== false;
  }

  /** Remembers that a session's client gets a cookie, which a later commit may have to clear. */
  gets({ value }: CookieToSet, session: object): void {
    const client = this.#clients.get(session);
    if (client === undefined || value === "") return;
    client.hasCookie = true;
    if (this.#hasWarned || !this.#cookie.isLost(client.transport)) return;
    this.#hasWarned = true;
    this.#warn(lostCookie(), client.request);
  }
}
