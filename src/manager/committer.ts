import { Buffer } from "node:buffer";
import type { ChangeLog, IsSame, Merged } from "./change_log.ts";
import { type Content, isActive } from "./encoding.ts";
import type { Owners } from "./owners.ts";
import { readLink, withoutLinks } from "./grace.ts";
import { Renewals } from "./renewals.ts";
import { RenewedSessionError } from "./renewed_session_error.ts";
import type { TrackedSession } from "./tracked_session.ts";
import type { ConditionalStore } from "../store/conditional_store.ts";
import { type NextRecord, OptimisticWriter } from "../store/optimistic_writer.ts";
import type { CallOptions, SessionRecord } from "../store/store.ts";
import { generateToken } from "../store/token.ts";
import { hasData } from "../store/unreadable.ts";
import { KeyedQueue } from "../util/keyed_queue.ts";

/** How sessions are committed. */
export interface CommitterSettings {
  /** How long a session lasts without being used, in milliseconds; `undefined`: no limit. */
  readonly idleTimeout: number | undefined;
  /** Returns the key in the store of a client's token. */
  toKey(token: string): string;
  encode(content: Content): Uint8Array;
  decode(record: SessionRecord): Content;
  readonly isSame: IsSame;
  /** Knows whom each session belongs to, if the manager keeps owners. */
  readonly owners: Owners | undefined;
}

/** The part of a session that does not depend on the type of its values. */
type AnySession = Pick<
  TrackedSession<object>,
  | "record"
  | "key"
  | "successor"
  | "abandoned"
  | "about"
  | "deadline"
  | "open"
  | "takeChanges"
  | "finished"
  | "restoreChanges"
  | "committed"
  | "touched"
  | "moved"
  | "superseded"
  | "deleted"
  | "vanished"
>;

/** If a session is only used, its expiry is moved once this part of the idle timeout has passed. */
const TOUCH_AFTER = 0.1;

/** Writes the changes of sessions to the store. */
export class Committer {
  readonly #store: ConditionalStore;
  readonly #writer: OptimisticWriter;
  readonly #renewals: Renewals;
  readonly #settings: CommitterSettings;
  /** The commits of one request's session are queued, because each continues from the one before. */
  readonly #commits = new KeyedQueue<AnySession>();
  /** The commits that take over sessions are also queued, by the keys of these sessions. */
  readonly #merges = new KeyedQueue<string>();

  constructor(store: ConditionalStore, settings: CommitterSettings) {
    const visible = withoutLinks(store, (key, link) => this.#renewals.learn(key, link));
    this.#store = store;
    this.#writer = new OptimisticWriter(visible);
    this.#renewals = new Renewals(visible, this.#writer, settings.owners !== undefined);
    this.#settings = settings;
  }

  /** Ends a session, and its successor under another token if there is one. */
  async destroy(key: string, options: CallOptions): Promise<void> {
    await this.#renewals.destroy(key, false, options);
  }

  /**
   * Commits a session: writes what was changed, deletes what was destroyed, or moves the expiry.
   *
   * @throws The store's error if it fails. What was not carried out stays in the session, and can be committed again.
   */
  commit(session: AnySession, options: CallOptions): Promise<void> {
    return this.#commits.run(session, async () => {
      const changes = session.takeChanges();
      const endsAbandoned = changes.destroyed || changes.token !== undefined;
      const carryOut = async (): Promise<void> => {
        await this.#write(session, changes, options);
        if (session.abandoned && endsAbandoned) changes.obsolete.add(session.abandoned);
        for (const key of changes.obsolete) await this.#writer.delete(key, options);
        for (const other of changes.merged) await this.#end(other, session, changes, options);
        if (changes.newOwner !== undefined) await this.#limit(session, changes.newOwner, options);
      };
      try {
        await this.#inMergeOrder(keysOf(session, changes), carryOut, options);
      } catch (error) {
        session.restoreChanges(changes);
        throw error;
      }
      session.finished(changes);
    }, options.signal);
  }

  /** Runs a task while no other commit takes over any of these sessions: two sessions may take over each other. */
  async #inMergeOrder(
    [key, ...others]: readonly string[],
    task: () => Promise<void>,
    options: CallOptions,
  ): Promise<void> {
    if (key === undefined) return await task();
    await this.#merges.run(
      key,
      () => this.#inMergeOrder(others, task, options),
      options.signal,
    );
  }

  /** Carries the changes out. If the session is gone, the sessions that it should have taken over stay. */
  async #write(session: AnySession, changes: ChangeLog, options: CallOptions): Promise<void> {
    if (!await this.#carryOut(session, changes, options)) changes.release();
    changes.reduce();
  }

  /** Ends a session whose values were taken over, once all of them are written. */
  async #end(
    other: Merged,
    session: AnySession,
    changes: ChangeLog,
    options: CallOptions,
  ): Promise<void> {
    const { decode, isSame } = this.#settings;
    if (!changes.merged.includes(other)) return;
    const isDone = await this.#renewals.end(other.record, async (current) => {
      const [before, after] = [decode(other.record), decode(current)];
      if (current.token === session.record?.token || !isActive(after)) return false;
      changes.mergeAgain(other, current, { before, after, deadline: session.deadline, isSame });
      if (changes.takesOver) await this.#write(session, changes, options);
      return changes.merged.includes(other);
    }, options);
    changes.release(other);
    const { record } = session;
    // Another request has ended the other session, perhaps to sign its owner out everywhere. This session must not
    // stay signed in with its values.
    if (isDone || record === undefined || !this.#isOwnedThrough(other, record, changes)) return;
    await this.#renewals.destroy(record.token, false, options);
    this.#vanish(session, other.record.token);
  }

  /**
   * Whether these changes have given a record its owner, and only values of the session that was taken over name that
   * owner.
   */
  #isOwnedThrough(other: Merged, record: SessionRecord, { newOwner }: ChangeLog): boolean {
    const { owners, decode } = this.#settings;
    if (owners === undefined || newOwner === undefined || record.owner !== newOwner) return false;
    const { keys, all } = other.overridden;
    const values = new Map(decode(record).values);
    for (const key of decode(other.record).values.keys()) {
      if (!all && !keys.has(key)) values.delete(key);
    }
    return owners.ownerOf(values) !== newOwner;
  }

  /** Ends the oldest sessions of an owner if a commit has made them too many. */
  async #limit(session: AnySession, owner: string, options: CallOptions): Promise<void> {
    const surplus = await this.#settings.owners?.surplusOf(owner, options) ?? [];
    for (const old of surplus) {
      // If its data cannot be read, it can only be deleted, as `destroy` does.
      if (!hasData(old)) await this.#renewals.destroy(old.token, false, options);
      else {
        const isTheirs = (current: SessionRecord): Promise<boolean> =>
          Promise.resolve(current.owner === owner);
        await this.#renewals.end(old, isTheirs, options);
      }
      if (old.token === session.record?.token) this.#vanish(session, old.token);
    }
  }

  /** Returns `false` if the session is gone. */
  async #carryOut(session: AnySession, changes: ChangeLog, options: CallOptions): Promise<boolean> {
    if (changes.destroyed) {
      const { key, successor } = session;
      const seen = successor === undefined ? session.record : undefined;
      // Changes after `destroy` begin another session.
      if (key !== undefined) await this.#renewals.destroy(key, !changes.empty, options, seen);
      if (successor !== undefined) await this.destroy(successor, options);
      session.deleted();
    }
    const { record } = session;
    if (session.successor !== undefined) return checkReadOnly(changes);
    if (record === undefined) return await this.#insert(session, changes, options);
    if (!changes.empty) return await this.#update(session, record, changes, options);
    if (!await this.#move(session, record, changes, options)) return false;
    const current = session.record ?? record;
    if (session.successor !== undefined || !this.#isDue(session, current)) return true;
    return await this.#touch(session, current, changes, options);
  }

  async #insert(session: AnySession, changes: ChangeLog, options: CallOptions): Promise<boolean> {
    const { about, deadline } = session;
    const content = this.#next(changes, { about, deadline, values: new Map() });
    // Empty sessions are not stored.
    if (content.values.size === 0) return true;
    // Kept in the log, so that another attempt after a lost reply does not insert a second record.
    const token = changes.firstToken ??= changes.token ?? generateToken();
    const next = this.#encode(this.#settings.toKey(token), content);
    session.committed(await this.#writer.insert(next, options), content, token);
    return true;
  }

  /** Applies the changes to what the record holds by then. Writes the result under the new token if there is one. */
  async #update(
    session: AnySession,
    seen: SessionRecord,
    changes: ChangeLog,
    options: CallOptions,
  ): Promise<boolean> {
    const { token, takesOver, grace } = changes;
    const { owners } = this.#settings;
    const key = token === undefined ? seen.token : this.#settings.toKey(token);
    let base!: Content;
    let content!: Content;
    const make = ({ data, expiry }: SessionRecord): NextRecord => {
      // With the token that was seen, even if the session has got another one meanwhile: its name must stay the same.
      base = this.#settings.decode({ token: seen.token, data, expiry });
      content = this.#next(changes, base);
      const record = this.#encode(key, content);
      if (!takesOver || Buffer.compare(record.data, data) !== 0) return record;
      // Two sessions may take over each other. Each must see that the other one has done so, or both would end. So
      // this record has to change, even if it already has all the values.
      content = { ...content, deadline: new Date(content.deadline.getTime() - 1) };
      return this.#encode(key, content);
    };
    if (token === undefined) {
      const record = await this.#writer.change(seen, make, options);
      if (record === undefined) return this.#gone(session, seen.token, changes);
      session.committed(record, content);
      return true;
    }
    // If the owner comes from the old record, the other session must still have that owner. Otherwise that session
    // does not end with all sessions of the owner, and shows nothing about this one. A new sign-in goes on in any
    // case.
    const goesWith = (other: SessionRecord): boolean => {
      const owner = owners?.ownerOf(content.values) ?? undefined;
      return owner === undefined || owner === other.owner || owner !== owners!.ownerOf(base.values);
    };
    const renewed = await this.#renewals.renew(seen, make, { grace, goesWith }, options);
    if (renewed === undefined) return this.#gone(session, seen.token, changes);
    session.committed(renewed.record, content, token);
    if (renewed.failure === undefined) return true;
    // The client gets the new token. If the old record has survived, the next commit deletes it.
    changes.reduce();
    changes.obsolete.add(seen.token);
    throw renewed.failure;
  }

  /**
   * Corrects a session's owner in the store if it is not the one that the values name, for instance if the session is
   * older than the option. Returns `false` if the session is gone.
   */
  async #move(
    session: AnySession,
    seen: SessionRecord,
    changes: ChangeLog,
    options: CallOptions,
  ): Promise<boolean> {
    const { owners } = this.#settings;
    if (owners === undefined || !owners.isMisplaced(seen)) return true;
    const record = await this.#writer.change(
      seen,
      (current) => owners.isMisplaced(current) ? owners.inPlace(current) : undefined,
      options,
    );
    if (record === undefined) return this.#gone(session, seen.token, changes);
    session.moved(record);
    return true;
  }

  async #touch(
    session: AnySession,
    seen: SessionRecord,
    changes: ChangeLog,
    options: CallOptions,
  ): Promise<boolean> {
    const isLinked = (): boolean => this.#renewals.linkOf(seen.token) !== undefined;
    const record = await this.#writer.touch(seen, (current) => {
      if (isLinked() || !this.#isDue(session, current)) return undefined;
      return this.#toExpiry(session.deadline);
    }, options);
    // A touch cannot distinguish a link from a session. Only sessions that were renewed with a grace need this read.
    const mayBeLinked = session.about.hasGrace || this.#renewals.isSucceeded(seen.token);
    if (record !== undefined && mayBeLinked) {
      const now = await this.#store.find(seen.token, options);
      const link = now && readLink(now);
      if (link !== undefined) this.#renewals.learn(seen.token, link);
    }
    if (record === undefined || isLinked()) return this.#gone(session, seen.token, changes);
    session.touched(record);
    return true;
  }

  /** Called if the record is gone, or a link is in its place. */
  #gone(session: AnySession, key: string, changes: ChangeLog): boolean {
    const successor = this.#renewals.linkOf(key);
    if (successor === undefined) return this.#vanish(session, key);
    session.superseded(successor);
    return checkReadOnly(changes);
  }

  /** Called if another request has ended the session: the changes of this request are dropped. */
  #vanish(session: AnySession, key: string): false {
    // If the client has got a newer cookie, that cookie must stay.
    session.vanished(this.#renewals.isSucceeded(key) ? undefined : { kind: "clear" });
    return false;
  }

  #isDue(session: AnySession, { expiry }: SessionRecord): boolean {
    const { idleTimeout } = this.#settings;
    if (idleTimeout === undefined) return false;
    const isFar = (other: number): boolean =>
      Math.abs(other - expiry.getTime()) >= idleTimeout * TOUCH_AFTER;
    // The deadline is in the data, which is decoded only if it can make a difference.
    if (!isFar(Date.now() + idleTimeout)) return false;
    session.open();
    return session.record !== undefined && isFar(this.#toExpiry(session.deadline).getTime());
  }

  #toExpiry(deadline: Date): Date {
    const { idleTimeout = Infinity } = this.#settings;
    return new Date(Math.min(deadline.getTime(), Date.now() + idleTimeout));
  }

  /** Returns what a session that held `base` holds after the changes. */
  #next(changes: ChangeLog, base: Content): Content {
    const content = changes.applyTo(base);
    const { owners } = this.#settings;
    const owner = owners?.ownerOf(content.values);
    const isSame = (): boolean => owner === owners?.ownerOf(base.values);
    if (changes.grace !== undefined && !isSame()) {
      throw new TypeError(
        "Cannot commit the session: 'grace' must be left out if the session gets another owner: " +
          "call renewToken() without it to sign in",
      );
    }
    if (owner == null || isSame()) return content;
    changes.newOwner = owner;
    return { ...content, about: { ...content.about, ownedAt: owners!.now() } };
  }

  #encode(key: string, content: Content): NextRecord {
    const { encode, owners } = this.#settings;
    return {
      token: key,
      data: encode(content),
      expiry: this.#toExpiry(content.deadline),
      owner: owners?.ownerOf(content.values),
    };
  }
}

/**
 * Checks the commit of a session that can only be read. Returns `true` if there is nothing to write.
 *
 * @throws {RenewedSessionError} If there is a change to write. A new token with a grace is not a change: the session
 *   already has one.
 */
function checkReadOnly(changes: ChangeLog): true {
  if (changes.empty || changes.onlyRenews) return true;
  throw new RenewedSessionError();
}

/** Returns the keys of the sessions of a merge. They are sorted, so that two commits never wait for each other. */
function keysOf({ record }: AnySession, { merged }: ChangeLog): string[] {
  if (merged.length === 0) return [];
  const keys = new Set(merged.map((other) => other.record.token));
  if (record !== undefined) keys.add(record.token);
  return [...keys].sort();
}
