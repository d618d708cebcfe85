import { type CookieToSet, stringifyCookie } from "../manager/cookie.ts";
import { MANAGER } from "../manager/manager_rule.ts";
import type { CookieSource, Session, SessionManager } from "../manager/mod.ts";
import { check, type Rule } from "../util/check.ts";

/** What a session holds: its values, and those that are shown only once. */
export type FlashSessionData<Data, FlashData> = Partial<
  & Data
  & { [Key in keyof FlashData as `__flash_${Key & string}__`]: FlashData[Key] }
>;

/** The `Session` of React Router. */
export interface RouterSession<Data, FlashData = Data> {
  /** The session's token; empty if the session is new. */
  readonly id: string;
  /** A copy of all values. */
  readonly data: FlashSessionData<Data, FlashData>;
  /**
   * Whether there is a value of this name.
   *
   * @param name The value's name.
   */
  has(name: (keyof Data | keyof FlashData) & string): boolean;
  /**
   * Returns a value; one that was put by `flash` is removed.
   *
   * @param name The value's name.
   * @returns The value, or `undefined` if the session has none.
   */
  get<Key extends (keyof Data | keyof FlashData) & string>(
    name: Key,
  ):
    | (Key extends keyof Data ? Data[Key] : undefined)
    | (Key extends keyof FlashData ? FlashData[Key] : undefined)
    | undefined;
  /**
   * Sets a value.
   *
   * @param name The value's name.
   * @param value The value.
   */
  set<Key extends keyof Data & string>(name: Key, value: Data[Key]): void;
  /**
   * Sets a value that the next `get` removes.
   *
   * @param name The value's name.
   * @param value The value.
   */
  flash<Key extends keyof FlashData & string>(name: Key, value: FlashData[Key]): void;
  /**
   * Removes a value; does nothing if there is none.
   *
   * @param name The value's name.
   */
  unset(name: keyof Data & string): void;
}

/** A session that can get a new token; React Router's own cannot. */
export interface RenewableRouterSession<Data, FlashData = Data>
  extends RouterSession<Data, FlashData> {
  /** Gives the session a new token: see `renewToken` of {@linkcode Session}. Call it at sign-in. */
  renewToken(): void;
}

/** The attributes of one cookie. By default, each is the manager's. */
export interface RouterCookieOptions {
  /** How long the cookie lasts, in seconds. The session itself then ends at that time as well. */
  readonly maxAge?: number | undefined;
  /** When the cookie ends. The session itself then ends at that time as well. */
  readonly expires?: Date | undefined;
  /** See the manager's option `cookie.domain`. */
  readonly domain?: string | undefined;
  /** See the manager's option `cookie.path`. */
  readonly path?: string | undefined;
  /** See the manager's option `cookie.httpOnly`. */
  readonly httpOnly?: boolean | undefined;
  /** See the manager's option `cookie.secure`. */
  readonly secure?: boolean | undefined;
  /** See the manager's option `cookie.sameSite`; `true` is `"strict"`, `false` leaves it out. */
  readonly sameSite?: boolean | "lax" | "strict" | "none" | undefined;
  /** See the manager's option `cookie.partitioned`. */
  readonly partitioned?: boolean | undefined;
}

/** The `SessionStorage` of React Router. */
export interface RouterSessionStorage<Data, FlashData = Data> {
  /**
   * Finds the session of a `Cookie` header; without one, returns a new session. If it gets the whole request instead,
   * the cookie is not `Secure` for plain HTTP to a loopback host: see the manager's option `cookie.secure`.
   */
  getSession: (
    cookieHeader?: CookieSource,
    options?: object,
  ) => Promise<RenewableRouterSession<Data, FlashData>>;
  /**
   * Commits a session.
   *
   * @returns The `Set-Cookie` header's value. It is empty, so that browsers ignore it, if there is no session to keep
   *   and the client's cookie must stay as it is.
   */
  commitSession: (
    session: RouterSession<Data, FlashData>,
    options?: RouterCookieOptions,
  ) => Promise<string>;
  /**
   * Ends a session.
   *
   * @returns The `Set-Cookie` header's value that makes the browser forget the cookie.
   */
  destroySession: (
    session: RouterSession<Data, FlashData>,
    options?: RouterCookieOptions,
  ) => Promise<string>;
}

type AnySession = Session;

/**
 * Makes a `SessionStorage` for React Router: use it instead of `createCookieSessionStorage` in its guide. A request
 * writes only its own changes, so parallel loaders and actions lose nothing. A destroyed session stays destroyed.
 *
 * The cookie's name and attributes are those of the manager. Set `Vary: Cookie` on responses that depend on a
 * session; this function cannot.
 *
 * @param manager The manager of the sessions.
 * @returns `getSession`, `commitSession` and `destroySession`.
 * @throws {TypeError} If `manager` is not a `SessionManager`.
 *
 * @example A message that is shown once
 * ```ts
 * import { SessionManager } from "@scs/sequelize-store/manager";
 * import { createSessionStorage } from "@scs/sequelize-store/react-router";
 *
 * const { getSession, commitSession } = createSessionStorage<object, { message: string }>(
 *   new SessionManager(),
 * );
 *
 * async function loader({ request }: { request: Request }): Promise<Response> {
 *   const session = await getSession(request);
 *   const message = session.get("message") ?? "Welcome";
 *   return Response.json({ message }, { headers: { "Set-Cookie": await commitSession(session) } });
 * }
 * await loader({ request: new Request("http://localhost/") });
 * ```
 *
 * @template Values The values of a session by their names.
 * @template Flash The values that `flash` takes.
 */
export function createSessionStorage<Values extends object, Flash extends object = Values>(
  manager: SessionManager<Values>,
): RouterSessionStorage<Values, Flash> {
  check("create the session storage", "manager", manager, MANAGER);
  const untyped = manager as unknown as SessionManager;
  const sessions = new WeakMap<object, AnySession>();
  const own: Rule<object> = {
    text: "one that getSession has returned",
    hasType: (value): value is object => sessions.has(Object(value)),
  };

  async function getSession(
    cookieHeader?: CookieSource,
  ): Promise<RenewableRouterSession<Values, Flash>> {
    const loaded = await untyped.loadRequest(cookieHeader);
    const session = toRouterSession(loaded);
    sessions.set(session, loaded);
    return session as unknown as RenewableRouterSession<Values, Flash>;
  }

  async function commit(
    action: string,
    session: object,
    options: RouterCookieOptions,
    change: (loaded: AnySession) => void,
  ): Promise<string> {
    check(action, "session", session, own);
    const loaded = sessions.get(session)!;
    change(loaded);
    await untyped.commit(loaded);
    const cookie = untyped.toCookie(loaded, { always: true });
    return cookie === undefined ? "" : stringifyCookie(withOptions(cookie, options));
  }

  return {
    getSession,
    commitSession: async (session, options = {}) =>
      await commit("commit the session", session, options, (loaded) => {
        const deadline = deadlineOf(options);
        if (deadline !== undefined) loaded.deadline = deadline;
      }),
    destroySession: async (session, options = {}) => {
      const { maxAge: _, expires: __, ...attributes } = options;
      return await commit("destroy the session", session, attributes, (loaded) => {
        loaded.destroy();
      });
    },
  };
}

function toRouterSession(session: AnySession): RenewableRouterSession<Record<string, unknown>> {
  return {
    get id(): string {
      return session.token ?? "";
    },
    get data(): Record<string, unknown> {
      return Object.fromEntries(session.keys().map((key) => [key, session.get(key)]));
    },
    has: (name) => session.has(name) || session.has(flashName(name)),
    get: (name) => session.has(name) ? session.get(name) : session.pop(flashName(name)),
    set: (name, value) => session.put(name, value),
    flash: (name, value) => session.put(flashName(name), value),
    unset: (name) => session.remove(name),
    renewToken: () => session.renewToken(),
  };
}

/** The name under which React Router keeps a value of `flash`. */
function flashName(name: string): string {
  return `__flash_${name}__`;
}

function deadlineOf({ maxAge, expires }: RouterCookieOptions): Date | undefined {
  return maxAge === undefined ? expires : new Date(Date.now() + maxAge * 1000);
}

function withOptions(cookie: CookieToSet, options: RouterCookieOptions): CookieToSet {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const expires = cookie.value === "" ? undefined : deadlineOf(options);
  return {
    ...cookie,
    options: { ...cookie.options, ...Object.fromEntries(given), ...(expires && { expires }) },
  };
}
