import type { SteadyMaxAge } from "./steady_max_age.ts";
import type { SessionRecord } from "../store/store.ts";

/** What is known of the row that a session object stands for. */
export interface KnownRow {
  readonly key: string;
  /** What the row holds; `undefined` as long as it has not been written. */
  record: SessionRecord | undefined;
  /**
   * What the session object held when it was loaded or last written; and then, each time that a write has
   * failed, which may have been carried out all the same. The row may hold more by now.
   */
  bases: readonly Uint8Array[];
  /** The `originalMaxAge` of the session object. */
  readonly maxAge: SteadyMaxAge;
}

interface MaybeWithCookie {
  readonly cookie?: object | null | undefined;
}

interface WithCookie {
  readonly cookie: object;
}

const KNOWN_ROW = Symbol("known row");

/**
 * Remembers which row a session object was loaded from, as it passes through a middleware that tells
 * nothing of it.
 */
export class KnownRows {
  readonly #rows = new WeakMap<object, KnownRow>();

  /** Remembers the row of a session object, and of what has its cookie, as `{ ...session }` has. */
  set(session: MaybeWithCookie, row: KnownRow): void {
    this.#rows.set(session, row);
    if (session.cookie) this.#rows.set(session.cookie, row);
  }

  /** The row of a session object; `undefined` where it has none under this key. */
  get(session: MaybeWithCookie, key: string): KnownRow | undefined {
    const row = this.find(session);
    return row?.key === key ? row : undefined;
  }

  /** The row of a session object, whatever its key. */
  find(session: MaybeWithCookie): KnownRow | undefined {
    const { cookie } = session;
    return this.#rows.get(session) ?? (cookie ? this.#rows.get(cookie) : undefined) ??
      findInSymbols(session);
  }

  /**
   * Remembers the row of a session that is handed out, and of the session objects that are made from it.
   * `@fastify/session` makes one without a word; but from 11.1.2 on it copies what the cookie's `toJSON`
   * gives, symbols included, and keeps the copy with the session.
   */
  handOut(session: WithCookie, row: KnownRow): void {
    this.set(session, row);
    const { cookie } = session;
    const value = (): object => ({ ...cookie, [KNOWN_ROW]: row });
    // Not enumerable, because express-session copies what is.
    Object.defineProperty(cookie, "toJSON", { value, configurable: true, writable: true });
  }
}

function findInSymbols(session: object): KnownRow | undefined {
  for (const symbol of Object.getOwnPropertySymbols(session)) {
    const value = (session as Record<symbol, unknown>)[symbol] as { [KNOWN_ROW]?: KnownRow } | null;
    const row = value?.[KNOWN_ROW];
    if (row !== undefined) return row;
  }
  return undefined;
}
