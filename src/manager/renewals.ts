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

/** What has replaced a record that is gone. */
interface Succession {
  /** The key of the same session under its new token; `undefined` if it is another session. */
  readonly renewedTo: string | undefined;
  /** The last data of the record that is gone, unless it is too large to keep. */
  readonly data?: Uint8Array | undefined;
  /** Whether a link is known to have replaced the record. */
  readonly isLinked?: boolean;
}

/** A record that was written under a new key. */
export interface Renewed {
  readonly record: SessionRecord;
  /** The error after which it is unknown whether the old record has ended, if there was one. */
  readonly failure?: unknown;
}

/** For how long, and for how many sessions, a slow request can find out what has replaced its record. */
const SUCCESSIONS = { maxAge: 60_000, maxSize: 5000 };

/** The most bytes that are kept of a renewed record's data: about 20 MiB for all records together. */
const MAX_KEPT_BYTES = 4096;

/** An expiry that makes a record inactive by any clock, and that fits every column. */
const LONG_AGO = new Date("1971-01-01T00:00:00Z");

/** Moves records to new keys, ends them, and remembers for a while what has replaced them. */
export class Renewals {
  readonly #store: ConditionalStore;
  readonly #writer: OptimisticWriter;
  readonly #hasOwners: boolean;
  /** By the keys of records that are gone, if the client has got another session. */
  readonly #successions = new RecentKeys<Succession>(SUCCESSIONS);

  /** @param hasOwners Whether the store keeps owners. */
  constructor(store: ConditionalStore, writer: OptimisticWriter, hasOwners: boolean) {
    this.#store = store;
    this.#writer = writer;
    this.#hasOwners = hasOwners;
  }

  /** Whether the client of this key is known to have got another session. */
  isSucceeded(key: string): boolean {
    return this.#successions.get(key) !== undefined;
  }

  /** Remembers that a link was found in the place of a record. */
  learn(key: string, { to }: Link): void {
    const known = this.#successions.get(key);
    if (known !== undefined && known.renewedTo !== to) return;
    this.#successions.set(key, { renewedTo: to, isLinked: true });
  }

  /**
   * Returns the key of the same session under its new token if there is a link under this key, or else `undefined`.
   */
  linkOf(key: string): string | undefined {
    const { renewedTo, isLinked } = this.#successions.get(key) ?? {};
    return isLinked ? renewedTo : undefined;
  }

  /**
   * Changes a record as {@linkcode OptimisticWriter.change} does, and moves it to the key of the record that `make`
   * returns. The new record is written first: a failure in between must not lose the session.
   *
   * @param grace How long the old token can still read the session, in milliseconds; `undefined`: not at all.
   * @param goesWith Returns whether both sessions may go on if another request has renewed the session first. Called
   *   with the record that the other request has written.
   * @returns What was written, or `undefined` if the old record is gone.
   * @throws {ConflictError} If other requests keep changing it.
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
      // If another request was faster, as after a double click, each gets its own session, so that the cookie that
      // arrives last works. This one ends if the other session has ended, perhaps with all sessions of its owner.
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
   * Deletes a record, and its successors under other tokens that the session has got since it was loaded.
   *
   * @param replaced Whether the client gets another session instead of this one.
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
   * Makes a record inactive before it is deleted, even if other requests keep changing it. A renewal in another
   * process may replace it with a link at any time. That link must be read, because it leads to the session.
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
        // If its data cannot be read, it can only be deleted.
        if (!hasData(current)) return true;
        const { data } = current;
        const end = (): Promise<boolean> => this.#store.replace(key, data, data, LONG_AGO, options);
        return await this.#writer.inTurn(key, end, options) || undefined;
      });
    } catch (error) {
      // Other requests keep changing it. It is deleted anyway.
      if (!(error instanceof ConflictError)) throw error;
    }
  }

  /**
   * Ends a record whose values were taken over, or its successor under another token.
   *
   * @param takeOver Called with the record as other requests have changed it meanwhile, to take that over as well. If
   *   it returns `false`, the record stays.
   * @returns Whether the record was ended or stays: `false` if another request has ended it.
   * @throws {ConflictError} If other requests keep changing it.
   */
  async end(
    seen: SessionRecord,
    takeOver: (current: SessionRecord) => Promise<boolean>,
    options: CallOptions,
  ): Promise<boolean> {
    const find = (): Promise<SessionRecord | undefined> => this.#findLatest(seen.token, options);
    const isDone = await untilWritten(seen, find, async (current) => {
      if (current !== seen && !(await takeOver(current))) return true;
      // Queued by key, because a store may need several steps.
      const isEnded = await this.#writer.inTurn(current.token, () => {
        // A slow request with this token must not clear the cookie that has replaced it.
        const known = this.#successions.get(current.token);
        return this.#expire(current, known ?? { renewedTo: undefined }, options);
      }, options);
      return isEnded || undefined;
    });
    return isDone === true;
  }

  /**
   * Ends a record that was renewed. Returns `undefined` if the record has changed since, and was therefore not ended.
   */
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
   * Replaces a record with a link unless the record has changed. The link has no owner, because the successor has it.
   *
   * @returns Whether it was replaced: `false` if the record holds something else by now or is gone.
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

  /** Remembers what replaces a record, unless `write` then reports that it was not replaced. */
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

  /** Finds a record, or its successor under another token. */
  async #findLatest(oldKey: string, options: CallOptions): Promise<SessionRecord | undefined> {
    for (let key: string | undefined = oldKey; key !== undefined;) {
      const record = await this.#store.find(key, options);
      if (record !== undefined) return record;
      key = this.#successions.get(key)?.renewedTo;
    }
    return undefined;
  }

  /**
   * Finds what a record held before the session got another token, with the new key, if the session is active under
   * that token. What was put along with the new token is not in it: clients with the old token must not get it.
   */
  async #findRenewed(
    seen: SessionRecord,
    options: CallOptions,
  ): Promise<SessionRecord | undefined> {
    const { renewedTo, data = seen.data, isLinked } = this.#successions.get(seen.token) ?? {};
    // An old token within its grace can only read.
    if (renewedTo === undefined || isLinked) return undefined;
    const successor = await this.#store.find(renewedTo, options);
    return successor && { ...successor, data };
  }

  /** Deletes a record that is useless; if this fails, the cleanup deletes it. */
  async #discard(key: string): Promise<void> {
    await this.#store.delete(key).catch(() => {});
  }
}
