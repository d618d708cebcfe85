import { Buffer } from "node:buffer";
import { check, hasMethods, OPTIONS } from "../util/check.ts";
import type { ConditionalStore } from "../store/conditional_store.ts";
import { merge, type Merged } from "./merge.ts";
import type { ExpressSettings } from "./options.ts";
import { RecordTracker, type TrackedRecord } from "./record_tracker.ts";
import {
  type Content,
  parseSession,
  type SavableSession,
  type StoredSession,
  toContent,
  toSessions,
} from "./session_data.ts";
import { type NextRecord, OptimisticWriter } from "../store/optimistic_writer.ts";
import { SteadyMaxAge } from "./steady_max_age.ts";
import type { SessionRecord } from "../store/store.ts";
import { KeyedQueue } from "../util/keyed_queue.ts";

/** Writes a middleware's sessions to the records that they were loaded from. */
export class SessionWriter {
  readonly #store: ConditionalStore;
  readonly #settings: ExpressSettings;
  readonly #writer: OptimisticWriter;
  readonly #tracker = new RecordTracker();
  /** The saves of one session object are queued, because each continues from the one before. */
  readonly #queue = new KeyedQueue<TrackedRecord>();

  constructor(store: ConditionalStore, settings: ExpressSettings) {
    this.#store = store;
    this.#settings = settings;
    this.#writer = new OptimisticWriter(store);
  }

  /** Finds a session, and remembers its record. */
  async find(key: string): Promise<StoredSession | undefined> {
    const stored = await this.#store.find(key);
    if (stored === undefined) return undefined;
    const [session] = toSessions(stored, this.#settings);
    if (session === undefined) return undefined;
    const maxAge = new SteadyMaxAge(session.cookie.originalMaxAge);
    this.#tracker.trackLoaded(session, { key, stored, bases: [stored.data], maxAge });
    return session;
  }

  /** Remembers the record of a session object that was made from another one; returns the new object. */
  trackCopy<T extends { cookie: object }>(session: SavableSession, copy: T): T {
    const record = this.#tracker.find(session);
    if (record !== undefined) this.#tracker.track(copy, record);
    return copy;
  }

  /**
   * Saves a session as it is at the moment of the call. If its record is known, that record is changed if it
   * still exists, and never inserted again; otherwise the session is inserted or overwritten.
   */
  async save(key: string, session: SavableSession): Promise<void> {
    const { record, content } = this.#read("set the session", key, session);
    const tracked = record ?? this.#trackNew(key, session, content);
    if (tracked !== undefined) await this.#save(tracked, content);
    else await this.#insert({ token: key, ...content });
  }

  /** Records the use of a session; saves it if its cookie has other attributes than before. */
  async touch(key: string, session: SavableSession): Promise<void> {
    const { record, content } = this.#read("touch the session", key, session);
    if (record?.stored !== undefined) await this.#save(record, content);
    else await this.#inTurn(key, () => this.#store.touch(key, content.expiry));
  }

  /** Deletes a session after the saves that are running. */
  async delete(key: string): Promise<void> {
    await this.#writer.delete(key, {});
  }

  #insert(record: NextRecord): Promise<SessionRecord> {
    return this.#inTurn(record.token, () => this.#writer.insert(record, {}));
  }

  /** Runs a write after the earlier writes of its key, because a store may need several steps for some. */
  #inTurn<T>(key: string, write: () => Promise<T>): Promise<T> {
    return this.#writer.inTurn(key, write, {});
  }

  /** Reads what a session holds at this moment, and the record that it has under this key. */
  #read(
    action: string,
    key: string,
    session: SavableSession,
  ): { readonly record: TrackedRecord | undefined; readonly content: Content } {
    check(action, "session", session, OPTIONS);
    const tracked = this.#tracker.find(session);
    const record = tracked?.key === key ? tracked : undefined;
    return { record, content: toContent(action, session, this.#settings, record?.maxAge) };
  }

  /** Tracks a middleware's new session, but not plain data, which a caller may insert again. */
  #trackNew(key: string, session: SavableSession, { data }: Content): TrackedRecord | undefined {
    if (!hasMethods(session, ["save"])) return undefined;
    const maxAge = new SteadyMaxAge(session.cookie?.originalMaxAge);
    const record: TrackedRecord = { key, stored: undefined, bases: [data], maxAge };
    this.#tracker.track(session, record);
    return record;
  }

  async #save(record: TrackedRecord, content: Content): Promise<void> {
    await this.#queue.run(record, async () => {
      try {
        record.stored = await this.#write(record, content) ?? record.stored;
        record.bases = [content.data];
      } catch (error) {
        record.bases = [...record.bases, content.data];
        throw error;
      }
    });
  }

  /** Returns what the store holds afterwards, or `undefined` if the session is gone. */
  async #write(
    { key, stored, bases }: TrackedRecord,
    content: Content,
  ): Promise<SessionRecord | undefined> {
    if (stored === undefined) {
      return await this.#insert({ token: key, ...content });
    }
    const isTouch = bases.every((base) => isSame(base, content.data));
    const make = (current: SessionRecord): NextRecord | undefined => {
      const { data, hasOthersCookie } = this.#merge(bases, content.data, current.data);
      const owner = data === content.data
        ? content.owner
        : this.#settings.ownerOf(parseSession(data, this.#settings.serializer));
      // The store may not know the owner yet, because the session may be older than the option.
      const isMoved = owner !== undefined && owner !== (current.owner ?? null);
      // The request that has changed the cookie has chosen how long the session lasts.
      const expiry = hasOthersCookie ? current.expiry : content.expiry;
      if (!isTouch) return { token: key, data, expiry, owner };
      return isMoved || this.#isDue(current.expiry, expiry)
        ? { ...current, expiry, owner }
        : undefined;
    };
    return await this.#writer.change(stored, make, {});
  }

  #merge(bases: readonly Uint8Array[], mine: Uint8Array, current: Uint8Array): Merged {
    if (bases.some((base) => isSame(base, current))) return { data: mine, hasOthersCookie: false };
    return merge({ bases, mine, current }, this.#settings.serializer);
  }

  /** Whether a use is far enough from the last recorded one to be recorded. */
  #isDue(recorded: Date, expiry: Date): boolean {
    const gap = Math.abs(expiry.getTime() - recorded.getTime());
    const half = (expiry.getTime() - Date.now()) / 2;
    return gap > 0 && gap >= Math.min(this.#settings.touchInterval, half);
  }
}

function isSame(one: Uint8Array, another: Uint8Array): boolean {
  return Buffer.compare(one, another) === 0;
}
