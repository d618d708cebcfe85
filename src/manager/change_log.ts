import type { About } from "./about.ts";
import type { SessionContent } from "./codec.ts";
import type { Content } from "./encoding.ts";
import type { SessionRecord } from "../store/store.ts";

/** Stands in the log for a value that was removed. */
const REMOVED = Symbol("removed");

/** Whether two values of a key have the same encoding. */
export type IsSame = (key: string, one: unknown, other: unknown) => boolean;

/** What a session holds, as a copy that can be changed. */
export interface MutableContent {
  about: About;
  deadline: Date;
  readonly values: Map<string, unknown>;
}

/** Another session whose values this one has taken over. It has to end afterwards. */
export interface Merged {
  /** The other session as it was when its values were taken over. */
  record: SessionRecord;
  /** Whether the store has acknowledged these values as part of this session. */
  written: boolean;
  /** Whether this session was destroyed after that. The other one then ends in any case. */
  dropped: boolean;
  /** What the request has set after the merge: values of these keys, all values, the deadline. */
  readonly overridden: { readonly keys: Set<string>; all: boolean; deadline: boolean };
  /** The values that this session itself had before the merge. */
  readonly own: ReadonlyMap<string, unknown>;
  /** The state that the store has acknowledged last. `discard` goes back to it. It is never changed. */
  acknowledged: Merged | undefined;
}

/**
 * The log of the changes to a session. It can be applied to whatever the store holds by then. So if two requests
 * change different keys of one session, both changes count.
 */
export class ChangeLog {
  /** Whether the session was destroyed. Everything else in the log came later. */
  destroyed = false;
  /** Whether all values were removed. The values in the log came later. */
  #cleared = false;
  #values = new Map<string, unknown>();
  #deadline: Date | undefined;
  /** The new token that the session has to get, if any. */
  token: string | undefined;
  /** When the session got the new token, in milliseconds since 1970. */
  #renewedAt = 0;
  /** How long the old token can still read the session, in milliseconds; `undefined`: not at all. */
  grace: number | undefined;
  /** The deadline that came with the new token. */
  #deadlineOfRenewal: Date | undefined;
  /** The owner that a write gave to the session, if the session did not have that owner before. */
  newOwner: string | undefined;
  /** The token of the record that was inserted, or may have been inserted if the store's reply was lost. */
  firstToken: string | undefined;
  /** The keys of useless records. They are deleted once the session is written. */
  readonly obsolete = new Set<string>();
  /** The sessions that were taken over, in order. */
  merged: readonly Merged[] = [];
  /** Whether a commit of this log has failed. It is then unknown how much of it the store holds. */
  uncertain = false;
  /** Whether the changes were discarded while they were being carried out. */
  discarded = false;

  /** Whether the log has no changes, except perhaps that the session was destroyed. */
  get empty(): boolean {
    return !this.#cleared && this.#values.size === 0 && this.#deadline === undefined &&
      !this.token && !this.takesOver;
  }

  /** Whether every change counts, even one that leaves the session as it is. */
  get isWhole(): boolean {
    // After a failure, it is unknown what the store holds. A session with a new token must hold what was put along
    // with the token, even if another client shares the old one.
    return this.#cleared || this.destroyed || this.uncertain || this.token !== undefined;
  }

  /**
   * Whether values of another session still have to be written to this one, even if it already has the same values.
   */
  get takesOver(): boolean {
    return this.merged.some(({ written, dropped }) => !written && !dropped);
  }

  /** The deadline that was set, if any. */
  get deadline(): Date | undefined {
    return this.#deadline;
  }

  set deadline(deadline: Date) {
    this.#deadline = deadline;
    for (const { overridden } of this.merged) overridden.deadline = true;
  }

  /** Whether the only change is a new token with a grace. */
  get onlyRenews(): boolean {
    return this.token !== undefined && this.grace !== undefined && !this.destroyed &&
      !this.#cleared && this.#values.size === 0 && !this.takesOver &&
      this.#deadline === this.#deadlineOfRenewal;
  }

  /**
   * Gives the session a new token and a new deadline.
   *
   * @param now In milliseconds since 1970.
   */
  renew(token: string, now: number, deadline: Date, grace: number | undefined): void {
    this.deadline = this.#deadlineOfRenewal = deadline;
    this.token = token;
    this.#renewedAt = now;
    this.grace = grace;
  }

  put(key: string, value: unknown): void {
    this.#values.set(key, value);
    for (const { overridden } of this.merged) overridden.keys.add(key);
  }

  remove(key: string): void {
    this.put(key, REMOVED);
  }

  clear(): void {
    this.#cleared = true;
    this.#values.clear();
    for (const { overridden } of this.merged) overridden.all = true;
  }

  /** Ends the session, and the sessions that it has taken over before. */
  destroy(): void {
    this.clear();
    this.#cleared = false;
    this.destroyed = true;
    this.#deadline =
      this.token =
      this.grace =
      this.newOwner =
        undefined;
    for (const other of this.merged) other.dropped = true;
  }

  /**
   * Takes over the values of another session, and its deadline if that is later.
   *
   * @param mine What this session holds.
   */
  merge(record: SessionRecord, content: SessionContent, mine: SessionContent): void {
    const earlier = this.merged.find((other) => other.record.token === record.token);
    this.merged = this.merged.filter((other) => other !== earlier);
    const own = new Map(mine.values);
    for (const [key, value] of content.values) this.put(key, value);
    if (content.deadline > mine.deadline) this.deadline = content.deadline;
    const overridden = { keys: new Set<string>(), all: false, deadline: false };
    const { acknowledged } = earlier ?? {};
    const other = { record, written: false, dropped: false, overridden, own, acknowledged };
    this.merged = [...this.merged, other];
  }

  /**
   * Takes over what other requests have changed in a merged session, except what was set here after the merge.
   *
   * @param deadline This session's own deadline.
   */
  mergeAgain(
    other: Merged,
    record: SessionRecord,
    { before, after, deadline, isSame }: {
      readonly before: SessionContent;
      readonly after: SessionContent;
      readonly deadline: Date;
      readonly isSame: IsSame;
    },
  ): void {
    const { keys, all } = other.overridden;
    other.record = record;
    other.written = false;
    if (all) return;
    for (const key of new Set([...before.values.keys(), ...after.values.keys()])) {
      if (keys.has(key)) continue;
      if (!after.values.has(key)) {
        // As if the other session had never had it.
        this.#values.set(key, other.own.has(key) ? other.own.get(key) : REMOVED);
      } else if (!isUnchanged(key, after.values.get(key), before, isSame)) {
        this.#values.set(key, after.values.get(key));
      }
    }
    if (!other.overridden.deadline && after.deadline > deadline) this.#deadline = after.deadline;
  }

  /** Forgets a session that was taken over, by default all of them. */
  release(other?: Merged): void {
    this.merged = this.merged.filter((each) => other !== undefined && each !== other);
  }

  /** Returns what a session that held `base` holds after the changes. It is a copy that shares the values. */
  applyTo(base: Content): MutableContent {
    const values = new Map(this.#cleared || this.destroyed ? [] : base.values);
    for (const [key, value] of this.#values) {
      if (value === REMOVED) values.delete(key);
      else values.set(key, value);
    }
    const renewed = this.token === undefined ? {} : {
      renewedAt: this.#renewedAt,
      ...(this.grace !== undefined && { hasGrace: true as const }),
    };
    return {
      about: { ...base.about, ...renewed },
      deadline: this.#deadline ?? base.deadline,
      values,
    };
  }

  /** Returns these changes without the ones that do not change a session that holds `base`. */
  without(base: SessionContent, isSame: IsSame): ChangeLog {
    if (this.isWhole) return this;
    const rest = this.#copy();
    for (const [key, value] of this.#values) {
      const isUseless = value === REMOVED
        ? !base.values.has(key)
        : isUnchanged(key, value, base, isSame);
      if (isUseless) rest.#values.delete(key);
    }
    if (this.#deadline?.getTime() === base.deadline.getTime()) rest.#deadline = undefined;
    return rest;
  }

  /** Called once the store is known to hold the result of this log, whatever earlier attempts have written. */
  confirm(): void {
    this.uncertain = false;
    this.firstToken = undefined;
  }

  /** Forgets what has been carried out. What remains is to end the sessions that are obsolete or were taken over. */
  reduce(): void {
    this.#cleared = this.destroyed = false;
    this.#values.clear();
    this.#deadline = this.token = this.grace = undefined;
    for (const other of this.merged) {
      other.written = true;
      other.acknowledged = copyOf(other);
    }
  }

  /** Returns a log without the changes. It keeps what has to be done because of earlier writes. */
  discard(): ChangeLog {
    const rest = new ChangeLog();
    // With these two, the next commit overwrites what may have been written.
    rest.firstToken = this.firstToken;
    rest.uncertain = this.uncertain;
    rest.newOwner = this.newOwner;
    for (const key of this.obsolete) rest.obsolete.add(key);
    rest.merged = this.merged.flatMap(({ acknowledged }) =>
      acknowledged === undefined ? [] : [{ ...copyOf(acknowledged), acknowledged }]
    );
    return rest;
  }

  /** Returns these changes, followed by the later ones, as one log. */
  followedBy(later: ChangeLog): ChangeLog {
    const both = this.#copy();
    if (later.destroyed) both.destroy();
    if (later.#cleared) both.clear();
    for (const [key, value] of later.#values) both.put(key, value);
    if (later.#deadline !== undefined) both.deadline = later.#deadline;
    if (later.token !== undefined) {
      both.token = later.token;
      both.#renewedAt = later.#renewedAt;
      both.grace = later.grace;
      both.#deadlineOfRenewal = later.#deadlineOfRenewal;
    }
    both.newOwner = later.newOwner ?? both.newOwner;
    both.firstToken = later.firstToken ?? both.firstToken;
    const mergedBefore = new Map(both.merged.map((other) => [other.record.token, other]));
    const mergedLater = later.merged.map((other): Merged => {
      const { record, acknowledged = mergedBefore.get(record.token)?.acknowledged } = other;
      mergedBefore.delete(record.token);
      return { ...copyOf(other), acknowledged };
    });
    both.merged = [...mergedBefore.values(), ...mergedLater];
    both.uncertain ||= later.uncertain;
    for (const key of later.obsolete) both.obsolete.add(key);
    return both;
  }

  #copy(): ChangeLog {
    const copy = new ChangeLog();
    copy.destroyed = this.destroyed;
    copy.#cleared = this.#cleared;
    copy.#values = new Map(this.#values);
    copy.#deadline = this.#deadline;
    copy.token = this.token;
    copy.#renewedAt = this.#renewedAt;
    copy.grace = this.grace;
    copy.#deadlineOfRenewal = this.#deadlineOfRenewal;
    copy.newOwner = this.newOwner;
    copy.firstToken = this.firstToken;
    copy.merged = this.merged.map(copyOf);
    copy.uncertain = this.uncertain;
    for (const key of this.obsolete) copy.obsolete.add(key);
    return copy;
  }
}

function copyOf(other: Merged): Merged {
  const { overridden } = other;
  return { ...other, overridden: { ...overridden, keys: new Set(overridden.keys) } };
}

function isUnchanged(key: string, value: unknown, base: SessionContent, isSame: IsSame): boolean {
  return base.values.has(key) && isSame(key, value, base.values.get(key));
}
