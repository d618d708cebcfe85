import type { Changes } from "./change_log.ts";
import type { SessionContent } from "./codec.ts";
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
      const { abandoned } = session;
      if (abandoned && (changes.destroyed || changes.token)) changes.obsolete.add(abandoned);
      try {
        await this.#carryOut(session, changes, options);
        changes.reduce();
        for (const key of changes.obsolete) await this.#rows.delete(key, options);
      } catch (error) {
        session.restoreChanges(changes);
        throw error;
      }
      return undefined;
    }, options.signal);
  }

  async #carryOut(session: AnySession, changes: Changes, options: CallOptions): Promise<void> {
    if (changes.destroyed) {
      const key = session.record?.token;
      // What was done after the end begins another session.
      if (key !== undefined) await this.#rows.destroy(key, !changes.empty, options);
      session.deleted();
    }
    const { record } = session;
    if (record === undefined) await this.#insert(session, changes, options);
    else if (!changes.empty) await this.#update(session, record, changes, options);
    else if (this.#isDue(session, record)) await this.#touch(session, record, options);
  }

  async #insert(session: AnySession, changes: Changes, options: CallOptions): Promise<void> {
    const content = changes.applyTo({ deadline: session.deadline, values: new Map() });
    // A visitor of whom there is nothing to keep costs no row.
    if (content.values.size === 0) return;
    // Kept in the log, so that to try again after a lost reply makes no second row.
    const token = changes.firstToken ??= changes.token ?? generateToken();
    const record = this.#encode(this.#settings.toKey(token), content);
    await this.#rows.insert(record, options);
    session.committed(record, content, token);
  }

  /** Writes the changes over what the row holds by then; under the new token, if it gets one. */
  async #update(
    session: AnySession,
    seen: SessionRecord,
    changes: Changes,
    options: CallOptions,
  ): Promise<void> {
    const { token } = changes;
    const key = token === undefined ? seen.token : this.#settings.toKey(token);
    let content!: SessionContent;
    const make = ({ data }: SessionRecord): SessionRecord => {
      content = changes.applyTo(this.#settings.decode(data));
      return this.#encode(key, content);
    };
    const written = token === undefined
      ? await this.#rows.change(seen, make, options)
      : await this.#rows.move(seen, make, options);
    if (written === undefined) return this.#vanish(session, seen.token);
    session.committed(written.record, content, token);
    if (written.failure === undefined) return;
    // The client gets the new token, since the old one may be worthless; if not, it is to be so.
    changes.reduce();
    changes.obsolete.add(seen.token);
    throw written.failure;
  }

  async #touch(session: AnySession, seen: SessionRecord, options: CallOptions): Promise<void> {
    const record = await this.#rows.touch(seen, (current) => {
      return this.#isDue(session, current) ? this.#toExpiry(session.deadline) : undefined;
    }, options);
    if (record === undefined) this.#vanish(session, seen.token);
    else session.touched(record);
  }

  /** The row has gone while the request ran, and what the request did to the session goes with it. */
  #vanish(session: AnySession, key: string): void {
    // The client's newer cookie, if it has got one, must stay.
    session.vanished(this.#rows.isSucceeded(key) ? undefined : { kind: "clear" });
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
