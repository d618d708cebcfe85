import { type Content, isActive } from "./encoding.ts";
import { readLink } from "./grace.ts";
import { toOwner } from "../store/owner.ts";
import type { NextRecord } from "../store/optimistic_writer.ts";
import type { CallOptions, OwnedSessionStore, SessionRecord } from "../store/store.ts";

/** The calls of a store that keeps owners. */
export type OwnedStore = Pick<OwnedSessionStore, "entriesOf" | "deleteOwned">;

/** How a manager keeps the owners of sessions. */
export interface OwnersSettings {
  readonly store: OwnedStore;
  /** The manager's option `owner`, called with the values. */
  readonly owner: (values: never) => unknown;
  readonly maxPerOwner: number | undefined;
  decode(record: SessionRecord): Content;
}

/** Finds the owner of a session, and finds and ends the sessions of one owner. */
export class Owners {
  readonly #settings: OwnersSettings;
  #last = 0;

  constructor(settings: OwnersSettings) {
    this.#settings = settings;
  }

  /**
   * Returns whom a session with these values belongs to; `null`: no owner.
   *
   * @throws {TypeError} If the option returns something of another type.
   * @throws {RangeError} If it returns a value that is out of range.
   */
  ownerOf(values: ReadonlyMap<string, unknown>): string | null {
    const owner = (this.#settings.owner as (values: object) => unknown)(Object.fromEntries(values));
    return owner == null ? null : toOwner("commit the session", "owner(values)", owner);
  }

  /** Returns the time in milliseconds, and never the same one twice, because the order of sign-ins matters. */
  now(): number {
    const next = Math.max(Date.now(), this.#last + 0.001);
    return this.#last = Math.round(next * 1000) / 1000;
  }

  /** Whether the store has another owner for a session than its values say. */
  isMisplaced(record: SessionRecord): boolean {
    const content = this.#read(record);
    return content !== undefined && this.ownerOf(content.values) !== (record.owner ?? null);
  }

  /** Returns a record with the owner that its values say. */
  inPlace(record: SessionRecord): NextRecord {
    return { ...record, owner: this.ownerOf(this.#settings.decode(record).values) };
  }

  entriesOf(
    owner: string,
    options: CallOptions & { readonly pageSize?: number | undefined },
  ): AsyncIterableIterator<SessionRecord> {
    return this.#settings.store.entriesOf(owner, options);
  }

  /** Walks the sessions of an owner that are active and can be read, without links. */
  async *readableOf(
    owner: string,
    options: CallOptions & { readonly pageSize?: number | undefined },
    onUnreadable: (error: unknown) => void,
  ): AsyncGenerator<SessionRecord> {
    for await (const record of this.entriesOf(owner, options)) {
      if (readLink(record) !== undefined) continue;
      if (this.#read(record, onUnreadable) !== undefined) yield record;
    }
  }

  /**
   * Deletes the sessions of an owner until none is left at one moment. One deletion is not enough: if a session is
   * moving to a new record, a database may not see the new record yet, and then find that the old one is gone.
   *
   * @param except The keys of sessions to keep.
   * @returns How many were deleted.
   */
  async deleteAll(owner: string, except: readonly string[], options: CallOptions): Promise<number> {
    const { store } = this.#settings;
    let total = 0;
    for (let deleted = -1; deleted !== 0 || await this.#isLeft(owner, except, options);) {
      deleted = await store.deleteOwned(owner, { ...options, except });
      total += deleted;
    }
    return total;
  }

  /** Finds the records of one session. */
  async find(
    owner: string,
    id: string,
    options: CallOptions,
    onUnreadable: (error: unknown) => void,
  ): Promise<SessionRecord[]> {
    const found: SessionRecord[] = [];
    for await (const record of this.entriesOf(owner, options)) {
      if (readLink(record) !== undefined) continue;
      if (this.#read(record, onUnreadable)?.about.id === id) found.push(record);
    }
    return found;
  }

  /**
   * Finds the sessions that an owner has beyond `maxPerOwner`: those that have belonged to the owner for the longest
   * time. A later call finds the same ones and perhaps more, so several processes end no more than necessary.
   */
  async surplusOf(owner: string, options: CallOptions): Promise<SessionRecord[]> {
    const { maxPerOwner = Infinity } = this.#settings;
    if (maxPerOwner === Infinity) return [];
    // By id, because a session that gets a new token has two records for a moment.
    const owned = new Map<string, { readonly records: SessionRecord[]; readonly since: number }>();
    for await (const record of this.entriesOf(owner, options)) {
      if (readLink(record) !== undefined) continue;
      // A session that cannot be read ends first.
      const { id = record.token, ownedAt: since = 0 } = this.#read(record)?.about ?? {};
      const others = owned.get(id);
      owned.set(id, {
        records: [...others?.records ?? [], record],
        since: Math.max(since, others?.since ?? 0),
      });
    }
    const newestFirst = [...owned].sort(([oneId, one], [otherId, other]) =>
      other.since - one.since || (oneId < otherId ? -1 : 1)
    );
    return newestFirst.slice(maxPerOwner).flatMap(([, { records }]) => records);
  }

  async #isLeft(
    owner: string,
    except: readonly string[],
    options: CallOptions,
  ): Promise<boolean> {
    // One page is enough, because a page is read at one moment.
    const pageSize = except.length + 1;
    for await (const { token } of this.entriesOf(owner, { ...options, pageSize })) {
      if (!except.includes(token)) return true;
    }
    return false;
  }

  #read(
    record: SessionRecord,
    onUnreadable: (error: unknown) => void = () => {},
  ): Content | undefined {
    try {
      const content = this.#settings.decode(record);
      return isActive(content) ? content : undefined;
    } catch (error) {
      onUnreadable(error);
      return undefined;
    }
  }
}
