import { setTimeout } from "node:timers/promises";
import type { Changes } from "./changes.ts";
import type { SessionContent } from "./codec.ts";
import type { ConditionalStore } from "./conditional_store.ts";
import { RecentKeys } from "./recent_keys.ts";
import type { SessionState } from "./session_state.ts";
import type { CallOptions, SessionRecord } from "./store.ts";
import { generateToken } from "./token.ts";
import { Turns } from "./turns.ts";

/** How a session is written. */
export interface SaverSettings {
  /** How long a session lasts without being used, in milliseconds; `undefined`: no limit. */
  readonly idleTimeout: number | undefined;
  /** The key in the store of a client's token. */
  toKey(token: string): string;
  encode(content: SessionContent): Uint8Array;
  decode(data: Uint8Array): SessionContent;
}

/** What of a session does not depend on the type of its values. */
type AnySession = Pick<
  SessionState<object>,
  | "record"
  | "unreadable"
  | "deadline"
  | "takeChanges"
  | "restoreChanges"
  | "committed"
  | "touched"
  | "ended"
>;

/** An unused session's expiry is moved only once this part of the idle timeout has passed. */
const TOUCH_AFTER = 0.1;

/** How often a session is read again, where other processes keep changing it. */
const MAX_ATTEMPTS = 10;

/** How long a slow request may still learn that its client has got another session meanwhile. */
const SUCCESSIONS = { maxAge: 60_000, maxSize: 10_000 };

/** What has taken the place of a row. */
interface Succession {
  readonly key: string;
  /** Whether it is the same session under a new token, and not one that began after the old one's end. */
  readonly renewed: boolean;
}

/** An expiry that makes a session inactive by any clock, and that fits every column. */
const LONG_AGO = new Date("1971-01-01T00:00:00Z");

/** Carries out in the store what was done to sessions. */
export class SessionSaver {
  readonly #store: ConditionalStore;
  readonly #settings: SaverSettings;
  /** Of the commits of one request's session; they take turns because each goes on from the one before. */
  readonly #commits = new Turns<AnySession, never>();
  /**
   * Of the writes of one row. Each goes on from what the one before it has written, so that parallel
   * requests of one process meet no conflict.
   */
  readonly #writes = new Turns<string, SessionRecord>();
  /** Of the rows that are gone, those whose client has got another one, and how. */
  readonly #successions = new RecentKeys<Succession>(SUCCESSIONS);

  constructor(store: ConditionalStore, settings: SaverSettings) {
    this.#store = store;
    this.#settings = settings;
  }

  /**
   * Commits a session: writes what was changed, deletes what was destroyed, or moves the expiry.
   *
   * @throws What the store says when it fails; the changes then stay in the session, to be committed
   *   again.
   */
  save(session: AnySession, options: CallOptions): Promise<void> {
    return this.#commits.take(session, async () => {
      const changes = session.takeChanges();
      try {
        await this.#carryOut(session, changes, options);
      } catch (error) {
        session.restoreChanges(changes);
        throw error;
      }
      return undefined;
    }, options.signal);
  }

  async #carryOut(session: AnySession, changes: Changes, options: CallOptions): Promise<void> {
    const obsolete = new Set(changes.merged);
    const before = session.record?.token;
    if (changes.destroyed) {
      if (before !== undefined) await this.#destroy(before, options);
      session.ended("clear");
    }
    if (session.record === undefined) await this.#insert(session, before, changes, options);
    else if (!changes.empty) await this.#update(session, session.record, changes, options);
    else await this.#touch(session, session.record, options);
    const { unreadable } = session;
    if (unreadable && (changes.destroyed || changes.token)) obsolete.add(unreadable);
    for (const key of obsolete) await this.#delete(key, options);
  }

  /** Makes a row for a session that has none; `before` is the key of the one that it had, if any. */
  async #insert(
    session: AnySession,
    before: string | undefined,
    changes: Changes,
    options: CallOptions,
  ): Promise<void> {
    const content = changes.applyTo({ deadline: session.deadline, values: new Map() });
    // A visitor of whom there is nothing to keep costs no row; the log waits for something.
    if (content.values.size === 0) return session.restoreChanges(changes);
    const token = changes.token ?? generateToken();
    const next = this.#encode(this.#settings.toKey(token), content);
    await this.#store.commit(next.token, next.data, next.expiry, options);
    if (before !== undefined) this.#successions.set(before, { key: next.token, renewed: false });
    session.committed(next, content, token);
  }

  /** Applies the changes to whatever the row holds by then. */
  #update(
    session: AnySession,
    { token: oldKey, ...seen }: SessionRecord,
    changes: Changes,
    options: CallOptions,
  ): Promise<void> {
    const { token } = changes;
    const key = token === undefined ? oldKey : this.#settings.toKey(token);
    return this.#writes.take(oldKey, async (left) => {
      let { data } = left ?? seen;
      for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
        const content = changes.applyTo(this.#settings.decode(data));
        const next = this.#encode(key, content);
        const written = key === oldKey
          ? await this.#store.replace(key, data, next.data, next.expiry, options)
          : await this.#move(oldKey, data, next, options);
        if (written) {
          session.committed(next, content, token);
          return key === oldKey ? next : undefined;
        }
        const found = await this.#store.find(oldKey, options);
        if (found === undefined) {
          if (key !== oldKey) await this.#store.delete(key, options);
          return this.#end(session, oldKey);
        }
        data = found.data;
        await setTimeout(Math.random() * 2 ** attempt);
      }
      throw new Error(
        `Cannot commit the session as others changed it ${MAX_ATTEMPTS} times meanwhile`,
      );
    }, options.signal);
  }

  /**
   * Writes a session under a new key, and ends the old row if it still holds what the session was made
   * from. The new row comes first: a failure in between must not cost the visitor the session.
   */
  async #move(
    oldKey: string,
    data: Uint8Array,
    next: SessionRecord,
    options: CallOptions,
  ): Promise<boolean> {
    await this.#store.commit(next.token, next.data, next.expiry, options);
    // To expire it is to delete it on condition.
    if (await this.#store.replace(oldKey, data, data, LONG_AGO, options)) {
      this.#successions.set(oldKey, { key: next.token, renewed: true });
      await this.#store.delete(oldKey, options);
      return true;
    }
    // Signing in twice by a double click makes two sessions, so that whichever cookie comes last is
    // good; unless the other one has been ended since.
    const successor = this.#successions.get(oldKey);
    return successor?.renewed === true &&
      await this.#store.find(successor.key, options) !== undefined;
  }

  /** Moves the expiry, if so much time has passed since it was last moved. */
  async #touch(session: AnySession, seen: SessionRecord, options: CallOptions): Promise<void> {
    if (!this.#isDue(session, seen)) return;
    await this.#writes.take(seen.token, async (left) => {
      const record = left ?? seen;
      if (!this.#isDue(session, record)) return record;
      const expiry = this.#toExpiry(session.deadline);
      if (!await this.#store.touch(record.token, expiry, options)) {
        return this.#end(session, record.token);
      }
      const next = { ...record, expiry };
      session.touched(next);
      return next;
    }, options.signal);
  }

  /** Deletes a row, and the one that it has moved to since the session was loaded. */
  async #destroy(oldest: string, options: CallOptions): Promise<void> {
    let key: string | undefined = oldest;
    while (key !== undefined) {
      await this.#delete(key, options);
      const successor: Succession | undefined = this.#successions.get(key);
      key = successor?.renewed ? successor.key : undefined;
    }
  }

  async #delete(key: string, options: CallOptions): Promise<void> {
    await this.#writes.take(key, async () => {
      await this.#store.delete(key, options);
      return undefined;
    }, options.signal);
  }

  /** The row has gone while the request ran: what the request did to the session goes with it. */
  #end(session: AnySession, key: string): undefined {
    // The client's newer cookie, if it has got one, must stay.
    session.ended(this.#successions.get(key) === undefined ? "clear" : undefined);
  }

  #isDue(session: AnySession, { expiry }: SessionRecord): boolean {
    const { idleTimeout } = this.#settings;
    if (idleTimeout === undefined) return false;
    const isFar = (other: number): boolean =>
      Math.abs(other - expiry.getTime()) >= idleTimeout * TOUCH_AFTER;
    // The deadline is in the data, which is decoded only where it can make a difference.
    if (!isFar(Date.now() + idleTimeout)) return false;
    const due = isFar(this.#toExpiry(session.deadline).getTime());
    return due && session.record !== undefined;
  }

  #toExpiry(deadline: Date): Date {
    const { idleTimeout = Infinity } = this.#settings;
    return new Date(Math.min(deadline.getTime(), Date.now() + idleTimeout));
  }

  #encode(key: string, content: SessionContent): SessionRecord {
    const data = this.#settings.encode(content);
    return { token: key, data, expiry: this.#toExpiry(content.deadline) };
  }
}
