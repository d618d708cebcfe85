import type { ConditionalStore } from "./conditional_store.ts";
import { ConflictError } from "./conflict_error.ts";
import { RecentKeys } from "../util/recent_keys.ts";
import { backOff } from "../util/retry.ts";
import type { CallOptions, SessionRecord } from "./store.ts";
import { Turns } from "../util/turns.ts";

/** Makes the row to be written from what the row holds by then. */
type Make = (current: SessionRecord) => SessionRecord;

/** The same; `undefined` where it may stay as it is. */
type MakeIfNeeded = (current: SessionRecord) => SessionRecord | undefined;

/** What has taken the place of a row that is gone. */
interface Succession {
  /** The key of the same session under its new token; `undefined` where it is another session. */
  readonly renewedTo: string | undefined;
  /** What the row held in the end, unless that is too much to keep. */
  readonly data?: Uint8Array | undefined;
}

/** A row that was written. */
interface Written {
  readonly record: SessionRecord;
  /** Why it is not known whether the row under the old key has ended, if it is not. */
  readonly failure?: unknown;
}

/**
 * How often a row is written, where other processes keep changing it: for some five seconds, which 16
 * processes that each write one session five times at once do not need.
 */
const MAX_ATTEMPTS = 40;
/** From which attempt on the waits between them grow no more. */
const LONGEST_WAIT_AT = 8;

/** How long a slow request may still learn that its client has got another session meanwhile. */
const SUCCESSIONS = { maxAge: 60_000, maxSize: 5000 };

/** The data that is kept of a row that was renewed, in bytes: 20 MiB of all rows. */
const MAX_KEPT_BYTES = 4096;

/** An expiry that makes a row inactive by any clock, and that fits every column. */
const LONG_AGO = new Date("1971-01-01T00:00:00Z");

/** Changes the rows of sessions that other requests change at the same time, in this process or another. */
export class SessionRows {
  readonly #store: ConditionalStore;
  /**
   * The writes of one row take turns. Each goes on from what the one before it has left, so that parallel
   * requests of one process meet no conflict.
   */
  readonly #turns = new Turns<string, SessionRecord>();
  /** Of the rows that are gone, those whose client has got another one. */
  readonly #successions = new RecentKeys<Succession>(SUCCESSIONS);

  constructor(store: ConditionalStore) {
    this.#store = store;
  }

  /** Makes a row that was not there before. */
  insert({ token, data, expiry }: SessionRecord, options: CallOptions): Promise<void> {
    return this.#store.commit(token, data, expiry, options);
  }

  /**
   * Changes a row; where others have changed it meanwhile, from what they have made of it.
   *
   * @returns What the row holds now, or `undefined` where it is gone.
   * @throws {Error} Where others keep changing it.
   */
  async change(
    seen: SessionRecord,
    make: MakeIfNeeded,
    options: CallOptions,
  ): Promise<Written | undefined> {
    const find = (): Promise<SessionRecord | undefined> => this.#store.find(seen.token, options);
    const record = await this.#turns.take(
      seen.token,
      (left) =>
        untilWritten(left ?? seen, find, async (current) => {
          const next = make(current);
          if (next === undefined) return current;
          const { token, data, expiry } = next;
          const written = await this.#store.replace(token, current.data, data, expiry, options);
          return written ? next : undefined;
        }),
      options.signal,
    );
    return record && { record };
  }

  /**
   * Changes a row as `change` does, and gives it the key of what `make` makes. The new row comes first: a
   * failure in between must not cost the visitor the session.
   *
   * @returns What was written, or `undefined` where the old row is gone.
   * @throws {Error} Where others keep changing it.
   */
  async move(seen: SessionRecord, make: Make, options: CallOptions): Promise<Written | undefined> {
    const oldKey = seen.token;
    let made: SessionRecord | undefined;
    let moved: Written | undefined;
    const find = async (): Promise<SessionRecord | undefined> =>
      await this.#store.find(oldKey, options) ?? await this.#findRenewed(seen, options);
    const write = async (current: SessionRecord): Promise<Written | undefined> => {
      made = make(current);
      await this.insert(made, options);
      // Where another request was faster, as on a double click, each gets a session of its own, so that
      // whichever cookie comes last is good.
      return current.token === oldKey
        ? await this.#succeed(current, made, options)
        : { record: made };
    };
    try {
      await this.#turns.take(oldKey, async (left) => {
        moved = await untilWritten(left ?? seen, find, write);
        return undefined;
      }, options.signal);
    } finally {
      if (moved === undefined && made !== undefined) await this.#discard(made.token);
    }
    return moved;
  }

  /**
   * Moves a row's expiry.
   *
   * @param choose Gives the new expiry, or `undefined` where the row's own will do by then.
   * @returns The row as it is now, or `undefined` where it is gone.
   */
  async touch(
    seen: SessionRecord,
    choose: (current: SessionRecord) => Date | undefined,
    options: CallOptions,
  ): Promise<SessionRecord | undefined> {
    return await this.#turns.take(seen.token, async (left) => {
      const current = left ?? seen;
      const expiry = choose(current);
      if (expiry === undefined) return current;
      const touched = await this.#store.touch(current.token, expiry, options);
      return touched ? { ...current, expiry } : undefined;
    }, options.signal);
  }

  /** Deletes a row. */
  async delete(key: string, options: CallOptions): Promise<void> {
    await this.#turns.take(key, async () => {
      await this.#store.delete(key, options);
      return undefined;
    }, options.signal);
  }

  /**
   * Deletes a row, and what it has become under another token since the session was loaded.
   *
   * @param replaced Whether the client gets another session in the place of this one.
   */
  async destroy(
    oldKey: string,
    replaced: boolean,
    options: CallOptions,
  ): Promise<void> {
    if (replaced && !this.isSucceeded(oldKey)) {
      this.#successions.set(oldKey, { renewedTo: undefined });
    }
    for (let key: string | undefined = oldKey; key !== undefined;) {
      await this.delete(key, options);
      key = this.#successions.get(key)?.renewedTo;
    }
  }

  /**
   * Ends a row whose content was taken over, or what it has become under another token since.
   *
   * @param takeOver Called with what others have made of the row meanwhile, to take that over as well. If
   *   it returns `false`, the row stays.
   * @throws {Error} If others keep changing it.
   */
  async end(
    seen: SessionRecord,
    takeOver: (current: SessionRecord) => Promise<boolean>,
    options: CallOptions,
  ): Promise<void> {
    const find = (): Promise<SessionRecord | undefined> => this.#findLatest(seen.token, options);
    await untilWritten(seen, find, async (current) => {
      if (current !== seen && !(await takeOver(current))) return true;
      return await this.#end(current, options) || undefined;
    });
  }

  /** Ends a row unless it has changed; in its turn, because a store may do so in several steps. */
  async #end(current: SessionRecord, options: CallOptions): Promise<boolean> {
    let ended = false;
    await this.#turns.take(current.token, async () => {
      // A slow request with its token must not clear a cookie that has taken its place.
      const known = this.#successions.get(current.token);
      ended = await this.#expire(current, known ?? { renewedTo: undefined }, options);
      return undefined;
    }, options.signal);
    return ended;
  }

  /** Whether the client whose row this was is known to have got another session. */
  isSucceeded(key: string): boolean {
    return this.#successions.get(key) !== undefined;
  }

  /** Ends the row that a session was made from, unless it has changed since: then gives `undefined`. */
  async #succeed(
    old: SessionRecord,
    record: SessionRecord,
    options: CallOptions,
  ): Promise<Written | undefined> {
    const data = old.data.length <= MAX_KEPT_BYTES ? old.data : undefined;
    try {
      const ended = await this.#expire(old, { renewedTo: record.token, data }, options);
      return ended ? { record } : undefined;
    } catch (failure) {
      return { record, failure };
    }
  }

  /**
   * Ends a row unless it has changed.
   *
   * @returns Whether it was ended: `false` if it holds something else by now or is gone.
   */
  async #expire(
    { token, data }: SessionRecord,
    succession: Succession,
    options: CallOptions,
  ): Promise<boolean> {
    const known = this.#successions.get(token);
    // Before it is sure, because the reply may be lost.
    this.#successions.set(token, succession);
    // Stores have no conditional delete; a compare-and-swap to a past expiry is equivalent.
    if (await this.#store.replace(token, data, data, LONG_AGO, options)) {
      await this.#discard(token);
      return true;
    }
    if (known === undefined) this.#successions.delete(token);
    else this.#successions.set(token, known);
    return false;
  }

  /** Finds a row, or what it has become under another token. */
  async #findLatest(oldKey: string, options: CallOptions): Promise<SessionRecord | undefined> {
    for (let key: string | undefined = oldKey; key !== undefined;) {
      const record = await this.#store.find(key, options);
      if (record !== undefined) return record;
      key = this.#successions.get(key)?.renewedTo;
    }
    return undefined;
  }

  /**
   * What a row held before it got another token, while the session under that one is active; under its key.
   * What was put along with the new token is not in it: whoever shares the old one must not get it.
   */
  async #findRenewed(
    seen: SessionRecord,
    options: CallOptions,
  ): Promise<SessionRecord | undefined> {
    const { renewedTo, data = seen.data } = this.#successions.get(seen.token) ?? {};
    if (renewedTo === undefined) return undefined;
    const successor = await this.#store.find(renewedTo, options);
    return successor && { ...successor, data };
  }

  /** Deletes a row that is of no use to anybody; what fails here is left to the cleanup. */
  async #discard(key: string): Promise<void> {
    await this.#store.delete(key).catch(() => {});
  }
}

/** Tries to write over what a row holds, and over what others have made of it meanwhile. */
async function untilWritten<T>(
  first: SessionRecord,
  find: () => Promise<SessionRecord | undefined>,
  write: (current: SessionRecord) => Promise<T | undefined>,
): Promise<T | undefined> {
  let current: SessionRecord | undefined = first;
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    if (attempt > 1) await backOff(Math.min(attempt, LONGEST_WAIT_AT), 1);
    const written = await write(current);
    if (written !== undefined) return written;
    current = await find();
    if (current === undefined) return undefined;
  }
  throw new ConflictError(MAX_ATTEMPTS);
}
