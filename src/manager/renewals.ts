import { encodeLink, type Link } from "./grace.ts";
import type { ConditionalStore } from "../store/conditional_store.ts";
import { ConflictError } from "../store/conflict_error.ts";
import {
  type NextRecord,
  type OptimisticWriter,
  untilWritten,
} from "../store/optimistic_writer.ts";
import type { CallOptions, SessionRecord } from "../store/store.ts";
import { hasData } from "../store/unreadable.ts";
import { RecentKeys } from "../util/recent_keys.ts";

/** What has taken the place of a record that is gone. */
interface Succession {
  /** The key of the same session under its new token; `undefined` if it is another session. */
  readonly renewedTo: string | undefined;
  /** The last data of the record that is gone, unless that is too much to keep. */
  readonly data?: Uint8Array | undefined;
  /** Whether a link is known to be in the place of the record. */
  readonly isLinked?: boolean;
}

/** A record that was written under a new key. */
export interface Renewed {
  readonly record: SessionRecord;
  /** Why it is not known whether the old record has ended, if it is not known. */
  readonly failure?: unknown;
}

/** For how long, and of how many sessions, a slow request can learn what has taken their place. */
const SUCCESSIONS = { maxAge: 60_000, maxSize: 5000 };

/** The most bytes of data that are kept of a renewed record: 20 MiB of all of them. */
const MAX_KEPT_BYTES = 4096;

/** An expiry that makes a record inactive by any clock, and that fits every column. */
const LONG_AGO = new Date("1971-01-01T00:00:00Z");

/** Moves records to new keys, ends them, and remembers for a while what has taken their place. */
export class Renewals {
  readonly #store: ConditionalStore;
  readonly #writer: OptimisticWriter;
  readonly #hasOwners: boolean;
  /** By the keys of records that are gone, if the client has got another session. */
  readonly #successions = new RecentKeys<Succession>(SUCCESSIONS);

  /** @param hasOwners Whether the store knows whose session is whose. */
  constructor(store: ConditionalStore, writer: OptimisticWriter, hasOwners: boolean) {
    this.#store = store;
    this.#writer = writer;
    this.#hasOwners = hasOwners;
  }

  /** Whether the client of this key is known to have got another session. */
  isSucceeded(key: string): boolean {
    return this.#successions.get(key) !== undefined;
  }

  /** Called once a link was found in the place of a record. */
  learn(key: string, { to }: Link): void {
    const known = this.#successions.get(key);
    if (known !== undefined && known.renewedTo !== to) return;
    this.#successions.set(key, { renewedTo: to, isLinked: true });
  }

  /** Returns the key of the same session under its new token, if this one still reads. */
  linkOf(key: string): string | undefined {
    const { renewedTo, isLinked } = this.#successions.get(key) ?? {};
    return isLinked ? renewedTo : undefined;
  }

  /**
   * Changes a record as {@linkcode OptimisticWriter.change} does, and moves it to the key of the record that
   * `make` makes. The new record is written first: a failure in between must not lose the session.
   *
   * @param grace How long the old key can still be read, in milliseconds, if at all.
   * @param goesWith Called if another request has renewed the session first, with the record that it has written:
   *   whether both sessions may go on.
   * @returns What was written, or `undefined` if the old record is gone.
   * @throws {ConflictError} If others keep changing it.
   */
  async renew(
    seen: SessionRecord,
    make: (current: SessionRecord) => NextRecord,
    { grace, goesWith }: {
      readonly grace: number | undefined;
      goesWith(other: SessionRecord): boolean;
    },
    options: CallOptions,
  ): Promise<Renewed | undefined> {
    let key: string | undefined;
    let renewed: Renewed | undefined;
    let isOver = false;
    const find = async (): Promise<SessionRecord | undefined> => {
      if (isOver) return undefined;
      return await this.#store.find(seen.token, options) ?? await this.#findRenewed(seen, options);
    };
    const write = async (current: SessionRecord): Promise<Renewed | undefined> => {
      const next = make(current);
      key = next.token;
      const record = await this.#writer.insert(next, options);
      if (current.token === seen.token) {
        return await this.#succeed(current, record, grace, options);
      }
      // If another request was faster, as on a double click, each gets its own session, so the cookie that comes
      // last is good. Unless the other session has ended meanwhile, perhaps with all sessions of its owner.
      const twin = await this.#store.find(current.token, options);
      isOver = twin === undefined || !goesWith(twin);
      return isOver ? undefined : { record };
    };
    try {
      return renewed = await this.#writer.inTurn(
        seen.token,
        (before) => untilWritten(before ?? seen, find, write),
        options,
      );
    } finally {
      if (renewed === undefined && key !== undefined) await this.#discard(key);
    }
  }

  /**
   * Deletes a record, and what it has become under another token since the session was loaded.
   *
   * @param replaced Whether the client gets another session in the place of this one.
   * @param seen The record as the session was loaded, if it was.
   */
  async destroy(
    oldKey: string,
    replaced: boolean,
    options: CallOptions,
    seen?: SessionRecord,
  ): Promise<void> {
    for (let key: string | undefined = oldKey; key !== undefined;) {
      await this.#overtake(key, key === oldKey ? seen : undefined, options);
      if (replaced && key === oldKey && !this.isSucceeded(key)) {
        this.#successions.set(key, { renewedTo: undefined });
      }
      await this.#writer.delete(key, options);
      key = this.#successions.get(key)?.renewedTo;
    }
  }

  /**
   * Makes a record inactive, whatever others have made of it, before it is deleted: a renewal in another process may
   * put a link in its place at any time, which must be read because it leads to the session.
   */
  async #overtake(
    key: string,
    seen: SessionRecord | undefined,
    options: CallOptions,
  ): Promise<void> {
    const find = (): Promise<SessionRecord | undefined> => this.#store.find(key, options);
    const first = seen ?? await find();
    if (first === undefined) return;
    try {
      await untilWritten(first, find, async (current) => {
        // Without its data, it can only be deleted.
        if (!hasData(current)) return true;
        const { data } = current;
        const end = (): Promise<boolean> => this.#store.replace(key, data, data, LONG_AGO, options);
        return await this.#writer.inTurn(key, end, options) || undefined;
      });
    } catch (error) {
      // Others keep changing it. It is deleted nevertheless.
      if (!(error instanceof ConflictError)) throw error;
    }
  }

  /**
   * Ends a record whose values were taken over, or what it has become under another token since.
   *
   * @param takeOver Called with what others have made of the record meanwhile, to take that over as well. If
   *   it returns `false`, the record stays.
   * @returns Whether the record was ended or stays: `false` if others have ended it.
   * @throws {ConflictError} If others keep changing it.
   */
  async end(
    seen: SessionRecord,
    takeOver: (current: SessionRecord) => Promise<boolean>,
    options: CallOptions,
  ): Promise<boolean> {
    const find = (): Promise<SessionRecord | undefined> => this.#findLatest(seen.token, options);
    const isDone = await untilWritten(seen, find, async (current) => {
      if (current !== seen && !(await takeOver(current))) return true;
      // In its turn, because a store may do it in several steps.
      const isEnded = await this.#writer.inTurn(current.token, () => {
        // A slow request with its token must not clear a cookie that has taken its place.
        const known = this.#successions.get(current.token);
        return this.#expire(current, known ?? { renewedTo: undefined }, options);
      }, options);
      return isEnded || undefined;
    });
    return isDone === true;
  }

  /** Ends a record that was renewed. Returns `undefined` if it has changed since, and so did not end. */
  async #succeed(
    old: SessionRecord,
    record: SessionRecord,
    grace: number | undefined,
    options: CallOptions,
  ): Promise<Renewed | undefined> {
    const data = old.data.length <= MAX_KEPT_BYTES ? old.data : undefined;
    const { token: renewedTo } = record;
    try {
      const isEnded = grace === undefined
        ? await this.#expire(old, { renewedTo, data }, options)
        : await this.#link(old, renewedTo, grace, options);
      return isEnded ? { record } : undefined;
    } catch (failure) {
      return { record, failure };
    }
  }

  /**
   * Ends a record unless it has changed.
   *
   * @returns Whether it was ended: `false` if it holds something else by now or is gone.
   */
  async #expire(
    { token: key, data }: SessionRecord,
    succession: Succession,
    options: CallOptions,
  ): Promise<boolean> {
    // Stores have no conditional delete; a compare-and-swap to a past expiry is equivalent.
    const end = (): Promise<boolean> => this.#store.replace(key, data, data, LONG_AGO, options);
    if (!await this.#succeedBy(key, succession, end)) return false;
    await this.#discard(key);
    return true;
  }

  /**
   * Puts a link in the place of a record unless it has changed. It belongs to nobody: the successor does.
   *
   * @returns Whether it was put there: `false` if the record holds something else by now or is gone.
   */
  async #link(
    { token: key, data, expiry }: SessionRecord,
    renewedTo: string,
    grace: number,
    options: CallOptions,
  ): Promise<boolean> {
    const until = Math.min(Date.now() + grace, expiry.getTime());
    const link = encodeLink({ to: renewedTo, until, data });
    const callOptions = this.#hasOwners ? { ...options, owner: null } : options;
    const write = (): Promise<boolean> =>
      this.#store.replace(key, data, link, new Date(until), callOptions);
    if (!await this.#succeedBy(key, { renewedTo }, write)) return false;
    this.#successions.set(key, { renewedTo, isLinked: true });
    return true;
  }

  /** Remembers what takes the place of a record, unless that turns out to be wrong. */
  async #succeedBy(
    key: string,
    succession: Succession,
    write: () => Promise<boolean>,
  ): Promise<boolean> {
    const known = this.#successions.get(key);
    if (known?.isLinked) return false;
    // Set before it is certain, because the reply may be lost.
    this.#successions.set(key, succession);
    if (await write()) return true;
    if (known === undefined) this.#successions.delete(key);
    else this.#successions.set(key, known);
    return false;
  }

  /** Finds a record, or what it has become under another token. */
  async #findLatest(oldKey: string, options: CallOptions): Promise<SessionRecord | undefined> {
    for (let key: string | undefined = oldKey; key !== undefined;) {
      const record = await this.#store.find(key, options);
      if (record !== undefined) return record;
      key = this.#successions.get(key)?.renewedTo;
    }
    return undefined;
  }

  /**
   * Finds what a record held before it got another token, if the session is active under that one; with the
   * new key. What was put along with the new token is not in it: a client that shares the old one must not get it.
   */
  async #findRenewed(
    seen: SessionRecord,
    options: CallOptions,
  ): Promise<SessionRecord | undefined> {
    const { renewedTo, data = seen.data, isLinked } = this.#successions.get(seen.token) ?? {};
    // An old token within its grace only reads.
    if (renewedTo === undefined || isLinked) return undefined;
    const successor = await this.#store.find(renewedTo, options);
    return successor && { ...successor, data };
  }

  /** Deletes a record that is useless; if this fails, the cleanup deletes it. */
  async #discard(key: string): Promise<void> {
    await this.#store.delete(key).catch(() => {});
  }
}
