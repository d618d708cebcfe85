import type { StoredSession } from "./session_data.ts";
import type { SteadyMaxAge } from "./steady_max_age.ts";
import type { SessionRecord } from "../store/store.ts";

/** The record that a session object was loaded from, or that its first save inserts. */
export interface TrackedRecord {
  readonly key: string;
  /** What the store held when the record was last read or written; `undefined` before the first write. */
  stored: SessionRecord | undefined;
  /**
   * The data that the session object held when it was loaded or last written, and the data of each failed
   * write since then, because the store may have carried it out.
   */
  bases: readonly Uint8Array[];
  /** The `originalMaxAge` of the session object. */
  readonly maxAge: SteadyMaxAge;
}

interface MaybeWithCookie {
  readonly cookie?: object | null | undefined;
}

const TRACKED = Symbol("tracked record");

/** Remembers which record a session object was loaded from while it passes through a middleware. */
export class RecordTracker {
  readonly #records = new WeakMap<object, TrackedRecord>();

  /** Remembers the record of a session object, and of each object with the same cookie: `{ ...session }`. */
  track(session: MaybeWithCookie, record: TrackedRecord): void {
    this.#records.set(session, record);
    if (session.cookie) this.#records.set(session.cookie, record);
  }

  /**
   * Remembers the record of a loaded session, and of the session objects that a middleware makes from it.
   * `@fastify/session` makes them without calling the store; since 11.1.2, it copies what the cookie's `toJSON`
   * returns, symbols included, and keeps the copy with the session.
   */
  trackLoaded(session: StoredSession, record: TrackedRecord): void {
    this.track(session, record);
    const { cookie } = session;
    const value = (): object => ({ ...cookie, [TRACKED]: record });
    // Not enumerable, because express-session copies enumerable properties.
    Object.defineProperty(cookie, "toJSON", { value, configurable: true, writable: true });
  }

  /** Returns the record of a session object; `undefined` if it has none. */
  find(session: MaybeWithCookie): TrackedRecord | undefined {
    const { cookie } = session;
    return this.#records.get(session) ?? (cookie ? this.#records.get(cookie) : undefined) ??
      findInSymbols(session);
  }
}

function findInSymbols(session: object): TrackedRecord | undefined {
  for (const symbol of Object.getOwnPropertySymbols(session)) {
    const value = (session as Record<symbol, { [TRACKED]?: TrackedRecord } | null>)[symbol];
    if (value?.[TRACKED] !== undefined) return value[TRACKED];
  }
  return undefined;
}
