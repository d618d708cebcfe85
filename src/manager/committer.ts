import { Buffer } from "node:buffer";
import type { ChangeLog, IsSame, Merged } from "./change_log.ts";
import type { SessionContent } from "./codec.ts";
import { isActive } from "./encoding.ts";
import { Renewals } from "./renewals.ts";
import type { TrackedSession } from "./tracked_session.ts";
import type { ConditionalStore } from "../store/conditional_store.ts";
import { OptimisticWriter } from "../store/optimistic_writer.ts";
import type { CallOptions, SessionRecord } from "../store/store.ts";
import { generateToken } from "../store/token.ts";
import { KeyedQueue } from "../util/keyed_queue.ts";

/** How sessions are committed. */
export interface CommitterSettings {
  /** How long a session lasts without being used, in milliseconds; `undefined`: no limit. */
  readonly idleTimeout: number | undefined;
  /** Returns the key in the store of a client's token. */
  toKey(token: string): string;
  encode(content: SessionContent): Uint8Array;
  decode(data: Uint8Array): SessionContent;
  readonly isSame: IsSame;
}

/** What does not depend on the type of a session's values. */
type AnySession = Pick<
  TrackedSession<object>,
  | "record"
  | "key"
  | "abandoned"
  | "deadline"
  | "open"
  | "takeChanges"
  | "finished"
  | "restoreChanges"
  | "committed"
  | "touched"
  | "deleted"
  | "vanished"
>;

/** The expiry of a session that is only used is moved once this part of the idle timeout has passed. */
const TOUCH_AFTER = 0.1;

/** Carries out in the store what was done to sessions. */
export class Committer {
  readonly #writer: OptimisticWriter;
  readonly #renewals: Renewals;
  readonly #settings: CommitterSettings;
  /** The commits of one request's session are queued, because each goes on from the one before. */
  readonly #commits = new KeyedQueue<AnySession>();
  /** The commits that take over sessions are queued as well, by the sessions' keys. */
  readonly #merges = new KeyedQueue<string>();

  constructor(store: ConditionalStore, settings: CommitterSettings) {
    this.#writer = new OptimisticWriter(store);
    this.#renewals = new Renewals(store, this.#writer);
    this.#settings = settings;
  }

  /**
   * Commits a session: writes what was changed, deletes what was destroyed, or moves the expiry.
   *
   * @throws The store's error if it fails; what was not carried out then stays in the session, to be
   *   committed again.
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

  /** Runs a task while no other one takes over any of the sessions: two may take over each other. */
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

  /** Carries the changes out. If the session is gone, the sessions that it was to take over go on. */
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
    await this.#renewals.end(other.record, async (current) => {
      const [before, after] = [decode(other.record.data), decode(current.data)];
      if (current.token === session.record?.token || !isActive(after)) return false;
      changes.mergeAgain(other, current, { before, after, deadline: session.deadline, isSame });
      if (changes.takesOver) await this.#write(session, changes, options);
      return changes.merged.includes(other);
    }, options);
    changes.release(other);
  }

  /** Returns `false` if the session is gone. */
  async #carryOut(session: AnySession, changes: ChangeLog, options: CallOptions): Promise<boolean> {
    if (changes.destroyed) {
      const { key } = session;
      // What was done after `destroy` begins another session.
      if (key !== undefined) await this.#renewals.destroy(key, !changes.empty, options);
      session.deleted();
    }
    const { record } = session;
    if (record === undefined) return await this.#insert(session, changes, options);
    if (!changes.empty) return await this.#update(session, record, changes, options);
    return !this.#isDue(session, record) || await this.#touch(session, record, options);
  }

  async #insert(session: AnySession, changes: ChangeLog, options: CallOptions): Promise<boolean> {
    const content = changes.applyTo({ deadline: session.deadline, values: new Map() });
    // Empty sessions are not stored.
    if (content.values.size === 0) return true;
    // Kept in the log, so that another attempt after a lost reply inserts no second record.
    const token = changes.firstToken ??= changes.token ?? generateToken();
    const record = this.#encode(this.#settings.toKey(token), content);
    await this.#writer.insert(record, options);
    session.committed(record, content, token);
    return true;
  }

  /** Writes the changes over what the record holds by then; under the new token, if there is one. */
  async #update(
    session: AnySession,
    seen: SessionRecord,
    changes: ChangeLog,
    options: CallOptions,
  ): Promise<boolean> {
    const { token, takesOver } = changes;
    const key = token === undefined ? seen.token : this.#settings.toKey(token);
    let content!: SessionContent;
    const make = ({ data }: SessionRecord): SessionRecord => {
      content = changes.applyTo(this.#settings.decode(data));
      const record = this.#encode(key, content);
      if (!takesOver || Buffer.compare(record.data, data) !== 0) return record;
      // Two sessions may take over each other. Each must see that the other one has, or both would end: so
      // this record has to change, even if it has all the values already.
      content = { ...content, deadline: new Date(content.deadline.getTime() - 1) };
      return this.#encode(key, content);
    };
    if (token === undefined) {
      const record = await this.#writer.change(seen, make, options);
      if (record === undefined) return this.#vanish(session, seen.token);
      session.committed(record, content);
      return true;
    }
    const renewed = await this.#renewals.renew(seen, make, options);
    if (renewed === undefined) return this.#vanish(session, seen.token);
    session.committed(renewed.record, content, token);
    if (renewed.failure === undefined) return true;
    // The client gets the new token. If the old record has survived, the next commit deletes it.
    changes.reduce();
    changes.obsolete.add(seen.token);
    throw renewed.failure;
  }

  async #touch(session: AnySession, seen: SessionRecord, options: CallOptions): Promise<boolean> {
    const record = await this.#writer.touch(seen, (current) => {
      return this.#isDue(session, current) ? this.#toExpiry(session.deadline) : undefined;
    }, options);
    if (record === undefined) return this.#vanish(session, seen.token);
    session.touched(record);
    return true;
  }

  /** Called if others have ended the session meanwhile: what this request did to it is dropped. */
  #vanish(session: AnySession, key: string): false {
    // If the client has got a newer cookie, that one must stay.
    session.vanished(key, this.#renewals.isSucceeded(key) ? undefined : { kind: "clear" });
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

  #encode(key: string, content: SessionContent): SessionRecord {
    const data = this.#settings.encode(content);
    return { token: key, data, expiry: this.#toExpiry(content.deadline) };
  }
}

/** The keys of the sessions of a merge; sorted, so that two commits never wait for each other. */
function keysOf({ record }: AnySession, { merged }: ChangeLog): string[] {
  if (merged.length === 0) return [];
  const keys = new Set(merged.map((other) => other.record.token));
  if (record !== undefined) keys.add(record.token);
  return [...keys].sort();
}
