import { Buffer } from "node:buffer";
import type { Changes, IsSame, Merged } from "./change_log.ts";
import { isActive, type SessionContent } from "./codec.ts";
import type { SessionRows } from "../store/optimistic_writer.ts";
import type { SessionState } from "./session_state.ts";
import type { CallOptions, SessionRecord } from "../store/store.ts";
import { generateToken } from "../store/token.ts";
import { Turns } from "../util/turns.ts";

/** How a session is written. */
export interface SaverSettings {
  /** How long a session lasts without being used, in milliseconds; `undefined`: no limit. */
  readonly idleTimeout: number | undefined;
  /** The key in the store of a client's token. */
  toKey(token: string): string;
  encode(content: SessionContent): Uint8Array;
  decode(data: Uint8Array): SessionContent;
  readonly isSame: IsSame;
}

/** What of a session does not depend on the type of its values. */
type AnySession = Pick<
  SessionState<object>,
  | "record"
  | "abandoned"
  | "deadline"
  | "takeChanges"
  | "restoreChanges"
  | "committed"
  | "touched"
  | "deleted"
  | "vanished"
>;

/** An unused session's expiry is moved only once this part of the idle timeout has passed. */
const TOUCH_AFTER = 0.1;

/** Carries out in the store what was done to sessions. */
export class SessionSaver {
  readonly #rows: SessionRows;
  readonly #settings: SaverSettings;
  /** The commits of one request's session take turns, because each goes on from the one before. */
  readonly #turns = new Turns<AnySession, never>();
  /** The commits that take over sessions take turns as well, by the sessions' keys. */
  readonly #merges = new Turns<string, never>();

  constructor(rows: SessionRows, settings: SaverSettings) {
    this.#rows = rows;
    this.#settings = settings;
  }

  /**
   * Commits a session: writes what was changed, deletes what was destroyed, or moves the expiry.
   *
   * @throws What the store says when it fails; what was not carried out then stays in the session, to be
   *   committed again.
   */
  async save(session: AnySession, options: CallOptions): Promise<void> {
    await this.#turns.take(session, async () => {
      const changes = session.takeChanges();
      const endsAbandoned = changes.destroyed || changes.token !== undefined;
      const commit = async (): Promise<void> => {
        await this.#write(session, changes, options);
        if (session.abandoned && endsAbandoned) changes.obsolete.add(session.abandoned);
        for (const key of changes.obsolete) await this.#rows.delete(key, options);
        for (const other of changes.merged) await this.#end(other, session, changes, options);
      };
      try {
        await this.#inMergeOrder(keysOf(session, changes), commit, options);
      } catch (error) {
        session.restoreChanges(changes);
        throw error;
      }
      return undefined;
    }, options.signal);
  }

  /** Runs a task while no other one takes over any of the sessions; two may want to take over each other. */
  async #inMergeOrder(
    [key, ...others]: readonly string[],
    task: () => Promise<void>,
    options: CallOptions,
  ): Promise<void> {
    if (key === undefined) return await task();
    await this.#merges.take(key, async () => {
      await this.#inMergeOrder(others, task, options);
      return undefined;
    }, options.signal);
  }

  /** Carries the changes out. If the session is gone, the sessions that it was to take over go on. */
  async #write(session: AnySession, changes: Changes, options: CallOptions): Promise<void> {
    if (!await this.#carryOut(session, changes, options)) changes.release();
    changes.reduce();
  }

  /** Ends a session whose values were taken over, once all of them are written. */
  async #end(
    other: Merged,
    session: AnySession,
    changes: Changes,
    options: CallOptions,
  ): Promise<void> {
    const { decode, isSame } = this.#settings;
    if (!changes.merged.includes(other)) return;
    await this.#rows.end(other.record, async (current) => {
      const [before, after] = [decode(other.record.data), decode(current.data)];
      if (current.token === session.record?.token || !isActive(after)) return false;
      changes.mergeAgain(other, current, { before, after, deadline: session.deadline, isSame });
      if (changes.takesOver) await this.#write(session, changes, options);
      return changes.merged.includes(other);
    }, options);
    changes.release(other);
  }

  /** Gives `false` if the session is gone. */
  async #carryOut(session: AnySession, changes: Changes, options: CallOptions): Promise<boolean> {
    if (changes.destroyed) {
      const key = session.record?.token;
      // What was done after the end begins another session.
      if (key !== undefined) await this.#rows.destroy(key, !changes.empty, options);
      session.deleted();
    }
    const { record } = session;
    if (record === undefined) return await this.#insert(session, changes, options);
    if (!changes.empty) return await this.#update(session, record, changes, options);
    return !this.#isDue(session, record) || await this.#touch(session, record, options);
  }

  async #insert(session: AnySession, changes: Changes, options: CallOptions): Promise<boolean> {
    const content = changes.applyTo({ deadline: session.deadline, values: new Map() });
    // Empty sessions are not stored.
    if (content.values.size === 0) return true;
    // Kept in the log, so that to try again after a lost reply makes no second row.
    const token = changes.firstToken ??= changes.token ?? generateToken();
    const record = this.#encode(this.#settings.toKey(token), content);
    await this.#rows.insert(record, options);
    session.committed(record, content, token);
    return true;
  }

  /** Writes the changes over what the row holds by then; under the new token, if it gets one. */
  async #update(
    session: AnySession,
    seen: SessionRecord,
    changes: Changes,
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
      // this row has to change, even if it has all the values already.
      content = { ...content, deadline: new Date(content.deadline.getTime() - 1) };
      return this.#encode(key, content);
    };
    const written = token === undefined
      ? await this.#rows.change(seen, make, options)
      : await this.#rows.move(seen, make, options);
    if (written === undefined) return this.#vanish(session, seen.token);
    session.committed(written.record, content, token);
    if (written.failure === undefined) return true;
    // The client gets the new token. The old row, if it has survived, is deleted by the next commit.
    changes.reduce();
    changes.obsolete.add(seen.token);
    throw written.failure;
  }

  async #touch(session: AnySession, seen: SessionRecord, options: CallOptions): Promise<boolean> {
    const record = await this.#rows.touch(seen, (current) => {
      return this.#isDue(session, current) ? this.#toExpiry(session.deadline) : undefined;
    }, options);
    if (record === undefined) return this.#vanish(session, seen.token);
    session.touched(record);
    return true;
  }

  /** The row has gone while the request ran, and what the request did to the session goes with it. */
  #vanish(session: AnySession, key: string): false {
    // The client's newer cookie, if it has got one, must stay.
    session.vanished(this.#rows.isSucceeded(key) ? undefined : { kind: "clear" });
    return false;
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

/** The keys of the sessions that a merge is about; sorted, so that two commits cannot wait for each other. */
function keysOf({ record }: AnySession, { merged }: Changes): string[] {
  if (merged.length === 0) return [];
  const keys = new Set(merged.map((other) => other.record.token));
  if (record !== undefined) keys.add(record.token);
  return [...keys].sort();
}
