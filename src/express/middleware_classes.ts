import type { SavableSession, StoredCookie } from "./session_data.ts";

/** A request as far as express-session goes. */
export interface SessionRequest {
  /** The session's id. */
  sessionID: string;
  /** The session, once it is there. */
  session?: unknown;
  /** The store that the session's methods call. */
  sessionStore?: unknown;
}

/** What the middleware assigns to its store: puts a new session with a new id into a request. */
export type Generate = (request: SessionRequest) => void;

const NO_REQUEST = { headers: {}, connection: {}, method: "GET", url: "/" };

type SessionClass = new (request: object, data: SavableSession) => {
  cookie: object;
};

/**
 * The middleware's own classes, taken from a session that it generates: a store that imported them could
 * get those of another copy, and would need the package where only Fastify is used.
 */
export class ExpressClasses {
  readonly #Session: SessionClass;
  readonly #cookiePrototype: object;

  /** @param request One that a `genid` of the application's may look into; nothing is put into it. */
  constructor(generate: Generate, request: SessionRequest) {
    // What load() makes for a WebSocket has no headers.
    const another = Object.assign(Object.create(request), "headers" in request ? {} : NO_REQUEST) as
      & { session: { cookie: object } }
      & SessionRequest;
    generate(another);
    this.#Session = another.session.constructor as SessionClass;
    this.#cookiePrototype = Object.getPrototypeOf(another.session.cookie);
  }

  /** What express-session's `Store.prototype.createSession` does. */
  createSession(request: SessionRequest, session: SavableSession): { cookie: object } {
    const cookie = this.#createCookie((session.cookie ?? {}) as StoredCookie);
    return request.session = new this.#Session(request, Object.assign(session, { cookie }));
  }

  #createCookie({ expires, originalMaxAge, ...attributes }: StoredCookie): StoredCookie {
    const cookie: StoredCookie = Object.create(this.#cookiePrototype);
    // `data` is an accessor there, as `expires` is, whose setter changes `originalMaxAge`.
    const { data: _, ...rest } = attributes;
    Object.assign(cookie, { path: "/", httpOnly: true, ...rest });
    // JSON has made a string of it, where the session is not one that this store gave.
    cookie.expires = typeof expires === "string" ? new Date(expires) : expires ?? null;
    cookie.originalMaxAge = originalMaxAge;
    return cookie;
  }
}
