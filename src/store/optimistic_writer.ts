import type { ConditionalStore } from "./conditional_store.ts";
import { ConflictError } from "./conflict_error.ts";
import type { CallOptions, SessionRecord } from "./store.ts";
import { KeyedQueue } from "../util/keyed_queue.ts";
import { backOff } from "../util/retry.ts";

/** A record to write. */
export interface NextRecord extends Omit<SessionRecord, "owner"> {
  /** The new owner; `null`: none; `undefined`: as before. */
  readonly owner?: string | null | undefined;
}

/** What a write leaves for the next write of its key, if one is already waiting. */
interface Left {
  record: SessionRecord | undefined;
}

/**
 * How often a write is tried while other processes keep changing the record: for about five seconds. 16 processes
 * that each write the same session five times at once need fewer attempts.
 */
const MAX_ATTEMPTS = 40;
/** The attempt after which the waits no longer grow. */
const LONGEST_WAIT_AT = 8;

/** Writes records that other requests change at the same time, in this process or another. */
export class OptimisticWriter {
  readonly #store: ConditionalStore;
  readonly #queue = new KeyedQueue<string>();
  /** By key, what the last write in the queue leaves. */
  readonly #left = new Map<string, Left>();

  constructor(store: ConditionalStore) {
    this.#store = store;
  }

  /** Writes a record whose key is new, and returns it. */
  async insert(record: NextRecord, options: CallOptions): Promise<SessionRecord> {
    const { token, data, expiry } = record;
    const owner = record.owner ?? undefined;
    await this.#store.commit(
      token,
      data,
      expiry,
      owner === undefined ? options : { ...options, owner },
    );
    return { token, data, expiry, owner };
  }

  /**
   * Changes a record. If other requests have changed it in the meantime, starts again from their result.
   *
   * @param make Makes the next record from the current one; `undefined` leaves the record as it is.
   * @returns The record as it is now, or `undefined` if it is gone.
   * @throws {ConflictError} If other requests keep changing it.
   */
  change(
    seen: SessionRecord,
    make: (current: SessionRecord) => NextRecord | undefined,
    options: CallOptions,
  ): Promise<SessionRecord | undefined> {
    const find = (): Promise<SessionRecord | undefined> => this.#store.find(seen.token, options);
    const write = async (current: SessionRecord): Promise<SessionRecord | undefined> => {
      const next = make(current);
      if (next === undefined) return current;
      const { token, data, expiry, owner } = next;
      const isWritten = await this.#store.replace(
        token,
        current.data,
        data,
        expiry,
        owner === undefined ? options : { ...options, owner },
      );
      const ownerNow = owner === undefined ? current.owner : owner ?? undefined;
      return isWritten ? { token, data, expiry, owner: ownerNow } : undefined;
    };
    return this.inTurn(seen.token, async (before, left) => {
      return left.record = await untilWritten(before ?? seen, find, write);
    }, options);
  }

  /**
   * Moves a record's expiry.
   *
   * @param choose Returns the new expiry, or `undefined` if the current one is still good.
   * @returns The record as it is now, or `undefined` if it is gone.
   */
  touch(
    seen: SessionRecord,
    choose: (current: SessionRecord) => Date | undefined,
    options: CallOptions,
  ): Promise<SessionRecord | undefined> {
    return this.inTurn(seen.token, async (before, left) => {
      const current = before ?? seen;
      const expiry = choose(current);
      if (expiry === undefined) return left.record = current;
      const isTouched = await this.#store.touch(current.token, expiry, options);
      return left.record = isTouched ? { ...current, expiry } : undefined;
    }, options);
  }

  delete(key: string, options: CallOptions): Promise<void> {
    return this.inTurn(key, () => this.#store.delete(key, options), options);
  }

  /**
   * Runs a write after the earlier writes of its key. Each starts from the result of the one before, so parallel
   * requests of one process do not conflict.
   *
   * @param write Called with the record that the previous write has left, if any, and an object for its own result.
   */
  async inTurn<T>(
    key: string,
    write: (before: SessionRecord | undefined, left: Left) => Promise<T>,
    { signal }: CallOptions,
  ): Promise<T> {
    signal?.throwIfAborted();
    const before = this.#left.get(key);
    const left: Left = { record: undefined };
    this.#left.set(key, left);
    try {
      return await this.#queue.run(key, () => write(before?.record, left), signal);
    } finally {
      if (this.#left.get(key) === left) this.#left.delete(key);
    }
  }
}

/**
 * Overwrites a record. After a conflict, finds the current record and tries again.
 *
 * @param find Finds the current record after a conflict.
 * @param write Returns `undefined` if the record is no longer what it was called with.
 * @returns What `write` returns, or `undefined` if the record is gone.
 * @throws {ConflictError} If other requests keep changing it.
 */
export async function untilWritten<T>(
  seen: SessionRecord,
  find: () => Promise<SessionRecord | undefined>,
  write: (current: SessionRecord) => Promise<T | undefined>,
): Promise<T | undefined> {
  let current: SessionRecord | undefined = seen;
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    if (attempt > 1) await backOff(Math.min(attempt, LONGEST_WAIT_AT), 1);
    const written = await write(current);
    if (written !== undefined) return written;
    current = await find();
    if (current === undefined) return undefined;
  }
  throw new ConflictError(MAX_ATTEMPTS);
}
