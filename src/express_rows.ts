import { Buffer } from "node:buffer";
import { hasMethods } from "./check.ts";
import type { ConditionalStore } from "./conditional_store.ts";
import type { ExpressSettings } from "./express_options.ts";
import {
  type Content,
  merge,
  type SavableSession,
  type StoredSession,
  toContent,
  toSession,
} from "./express_session.ts";
import { type KnownRow, KnownRows } from "./known_rows.ts";
import { SessionRows } from "./session_rows.ts";
import type { SessionRecord } from "./store.ts";
import { Turns } from "./turns.ts";

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
    this.#known.handOut(session, { key, record, base: record.data });
    return session;
  }

  /** Remembers that a session object was made from another one; gives it back. */
  follow<T extends object>(session: object, made: T): T {
    const row = this.#known.find(session);
    if (row !== undefined) this.#known.set(made, row);
    return made;
  }

  /**
   * Saves a session as it is at this moment. One whose row is known is changed where it is still there, and
   * never inserted again; any other is inserted or overwritten.
   */
  async save(key: string, session: SavableSession): Promise<void> {
    const content = toContent(session, this.#settings);
    const known = this.#known.get(session, key) ?? this.#adopt(key, session, content);
    if (known === undefined) return await this.#rows.insert({ token: key, ...content }, {});
    await this.#turns.take(known, async () => {
      if (known.record === undefined) await this.#insert(known, content);
      else await this.#update(known, known.record, content);
      return undefined;
    });
  }

  /** Records the use of a session; where its cookie has other attributes than before, saves it. */
  async touch(key: string, session: SavableSession): Promise<void> {
    if (this.#known.get(session, key)?.record !== undefined) return await this.save(key, session);
    await this.#store.touch(key, toContent(session, this.#settings).expiry);
  }

  /** Removes a session, after the saves that are under way. */
  async delete(key: string): Promise<void> {
    await this.#rows.delete(key, {});
  }

  /** A middleware's new session has no row yet; plain data, which anybody may save anew, is not followed. */
  #adopt(key: string, session: SavableSession, { data }: Content): KnownRow | undefined {
    if (!hasMethods(session, ["save"])) return undefined;
    const row: KnownRow = { key, record: undefined, base: data };
    this.#known.set(session, row);
    return row;
  }

  async #insert(known: KnownRow, content: Content): Promise<void> {
    const record = { token: known.key, ...content };
    await this.#rows.insert(record, {});
    known.record = record;
    known.base = content.data;
  }

  async #update(known: KnownRow, seen: SessionRecord, { data, expiry }: Content): Promise<void> {
    const { key, base } = known;
    if (isSame(data, base)) {
      const choose = (current: SessionRecord): Date | undefined =>
        this.#isDue(current.expiry, expiry) ? expiry : undefined;
      known.record = await this.#rows.touch(seen, choose, {}) ?? seen;
      return;
    }
    const make = (current: SessionRecord): SessionRecord => {
      const merged = isSame(current.data, base) ? data : this.#merge(base, data, current.data);
      return { token: key, data: merged, expiry };
    };
    const written = await this.#rows.change(seen, make, {});
    if (written === undefined) return;
    known.record = written.record;
    known.base = data;
  }

  #merge(base: Uint8Array, mine: Uint8Array, current: Uint8Array): Uint8Array {
    return merge({ base, mine, current }, this.#settings.serializer);
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
