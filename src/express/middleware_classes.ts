import type { SavableSession, StoredCookie } from "./session_data.ts";

/** The part of a request that express-session uses. */
export interface SessionRequest {
  /** The session's id. */
  sessionID: string;
  /** The session, once there is one. */
  session?: unknown;
  /** The store that the session's methods call. */
  sessionStore?: unknown;
}

/** The function that express-session assigns to its store: puts a new session with a new id into a request. */
export type Generate = (request: SessionRequest) => void;

const NO_REQUEST = { headers: {}, connection: {}, method: "GET", url: "/" };

interface WithCookie {
  cookie: object;
}

type SessionClass = new (request: object, data: SavableSession) => WithCookie;

/**
 * The middleware's own classes, taken from a session that it generates. A store that imported them might get
 * those of another copy of the package, and would need the package even if only Fastify is used.
 */
export class MiddlewareClasses {
  readonly #Session: SessionClass;
  readonly #cookiePrototype: object;

  /** @param request A request for the application's `genid` to read; it is not changed. */
  constructor(generate: Generate, request: SessionRequest) {
    // The object that load() makes for a WebSocket has no headers.
    const another: SessionRequest = Object.assign(
      Object.create(request),
      "headers" in request ? {} : NO_REQUEST,
    );
    generate(another);
    const { constructor, cookie } = another.session as WithCookie;
    this.#Session = constructor as SessionClass;
    this.#cookiePrototype = Object.getPrototypeOf(cookie);
  }

  /** Does what `Store.prototype.createSession` of express-session does. */
  createSession(request: SessionRequest, session: SavableSession): WithCookie {
    const cookie = this.#createCookie((session.cookie ?? {}) as StoredCookie);
    const created = new this.#Session(request, Object.assign(session, { cookie }));
    request.session = created;
    return created;
  }

  #createCookie({ expires, originalMaxAge, ...attributes }: StoredCookie): StoredCookie {
    const cookie: StoredCookie = Object.create(this.#cookiePrototype);
    // `data` is an accessor of the prototype, and so is `expires`, whose setter changes `originalMaxAge`.
    const { data: _, ...rest } = attributes;
    Object.assign(cookie, { path: "/", httpOnly: true, ...rest });
    // A string if the session comes from JSON and not from this store.
    cookie.expires = typeof expires === "string" ? new Date(expires) : expires ?? null;
    cookie.originalMaxAge = originalMaxAge;
    return cookie;
  }
}
