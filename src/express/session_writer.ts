import { Buffer } from "node:buffer";
import { check, hasMethods, OPTIONS } from "../util/check.ts";
import type { ConditionalStore } from "../store/conditional_store.ts";
import type { ExpressSettings } from "./options.ts";
import {
  type Content,
  merge,
  type Merged,
  type SavableSession,
  type StoredSession,
  toContent,
  toSession,
} from "./session_data.ts";
import { type KnownRow, KnownRows } from "./origins.ts";
import { SessionRows } from "../store/optimistic_writer.ts";
import { SteadyMaxAge } from "./steady_max_age.ts";
import type { SessionRecord } from "../store/store.ts";
import { Turns } from "../util/turns.ts";

/** Saves a middleware's sessions over rows that other requests change at the same time. */
export class ExpressRows {
  readonly #store: ConditionalStore;
  readonly #settings: ExpressSettings;
  readonly #rows: SessionRows;
  readonly #known = new KnownRows();
  /** The saves of one session object take turns, because each goes on from the one before. */
  readonly #turns = new Turns<KnownRow, never>();

  constructor(store: ConditionalStore, settings: ExpressSettings) {
    this.#store = store;
    this.#settings = settings;
    this.#rows = new SessionRows(store);
  }

  /** Finds a session, and remembers which row it is. */
  async find(key: string): Promise<StoredSession | undefined> {
    const record = await this.#store.find(key);
    if (record === undefined) return undefined;
    const session = toSession(record, this.#settings.serializer);
    const maxAge = new SteadyMaxAge(session.cookie.originalMaxAge);
    this.#known.handOut(session, { key, record, bases: [record.data], maxAge });
    return session;
  }

  /** Remembers that a session object was made from another one; gives it back. */
  follow<T extends { cookie: object }>(session: SavableSession, made: T): T {
    const row = this.#known.find(session);
    if (row !== undefined) this.#known.set(made, row);
    return made;
  }

  /**
   * Saves a session as it is at this moment. One whose row is known is changed where it is still there, and
   * never inserted again; any other is inserted or overwritten.
   */
  async save(key: string, session: SavableSession): Promise<void> {
    const { row, content } = this.#read("set the session", key, session);
    const known = row ?? this.#adopt(key, session, content);
    if (known !== undefined) await this.#save(known, content);
    else await this.#rows.insert({ token: key, ...content }, {});
  }

  /** Records the use of a session; where its cookie has other attributes than before, saves it. */
  async touch(key: string, session: SavableSession): Promise<void> {
    const { row, content } = this.#read("touch the session", key, session);
    if (row?.record !== undefined) await this.#save(row, content);
    else await this.#store.touch(key, content.expiry);
  }

  /** Removes a session, after the saves that are under way. */
  async delete(key: string): Promise<void> {
    await this.#rows.delete(key, {});
  }

  /** What a session holds at this moment, and the row that it is known to stand for. */
  #read(
    action: string,
    key: string,
    session: SavableSession,
  ): { readonly row: KnownRow | undefined; readonly content: Content } {
    check(action, "session", session, OPTIONS);
    const row = this.#known.get(session, key);
    return { row, content: toContent(action, session, this.#settings, row?.maxAge) };
  }

  async #save(known: KnownRow, content: Content): Promise<void> {
    await this.#turns.take(known, async () => {
      try {
        known.record = await this.#write(known, content) ?? known.record;
        known.bases = [content.data];
      } catch (error) {
        known.bases = [...known.bases, content.data];
        throw error;
      }
      return undefined;
    });
  }

  /** A middleware's new session has no row yet; plain data, which anybody may save anew, is not followed. */
  #adopt(key: string, session: SavableSession, { data }: Content): KnownRow | undefined {
    if (!hasMethods(session, ["save"])) return undefined;
    const maxAge = new SteadyMaxAge(session.cookie?.originalMaxAge);
    const row: KnownRow = { key, record: undefined, bases: [data], maxAge };
    this.#known.set(session, row);
    return row;
  }

  /** Gives what the row holds then, or `undefined` where it is gone. */
  async #write(known: KnownRow, content: Content): Promise<SessionRecord | undefined> {
    const { key, record: seen, bases } = known;
    if (seen === undefined) {
      const record = { token: key, ...content };
      await this.#rows.insert(record, {});
      return record;
    }
    const isTouch = bases.every((base) => isSame(base, content.data));
    const make = (current: SessionRecord): SessionRecord | undefined => {
      const { data, hasOthersCookie } = this.#merge(bases, content.data, current.data);
      // Who has changed the cookie has chosen how long the session lasts.
      const expiry = hasOthersCookie ? current.expiry : content.expiry;
      if (isTouch) return this.#isDue(current.expiry, expiry) ? { ...current, expiry } : undefined;
      return { token: key, data, expiry };
    };
    return (await this.#rows.change(seen, make, {}))?.record;
  }

  #merge(bases: readonly Uint8Array[], mine: Uint8Array, current: Uint8Array): Merged {
    if (bases.some((base) => isSame(base, current))) return { data: mine, hasOthersCookie: false };
    return merge({ bases, mine, current }, this.#settings.serializer);
  }

  /** Whether a use is far enough from the last one that was recorded. */
  #isDue(recorded: Date, expiry: Date): boolean {
    const gap = Math.abs(expiry.getTime() - recorded.getTime());
    const half = (expiry.getTime() - Date.now()) / 2;
    return gap > 0 && gap >= Math.min(this.#settings.touchInterval, half);
  }
}

function isSame(one: Uint8Array, another: Uint8Array): boolean {
  return Buffer.compare(one, another) === 0;
}
