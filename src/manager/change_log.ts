import type { SessionContent } from "./codec.ts";
import type { SessionRecord } from "../store/store.ts";

/** What stands in the log for a value that was removed. */
const REMOVED = Symbol("removed");

/** Whether two values of a key are the same once they are encoded. */
export type IsSame = (key: string, one: unknown, other: unknown) => boolean;

/** Another session whose values this one has taken over, and which then has to end. */
export interface Merged {
  /** The other session as it was when its values were taken over. */
  record: SessionRecord;
  /** Whether the store has acknowledged these values as part of this session. */
  written: boolean;
  /** Whether this session was destroyed after that: then the other one ends, whatever it holds. */
  dropped: boolean;
  /** What the request has set after that: these keys, or all of them, or the deadline. */
  readonly overridden: { readonly keys: Set<string>; all: boolean; deadline: boolean };
}

/**
 * The log of what was done to a session. It can be carried out on whatever the store holds by then, so
 * that two requests that change different keys of one session both count.
 */
export class Changes {
  /** The session was destroyed; all else in the log came after that. */
  destroyed = false;
  /** All values were removed; those in the log came after that. */
  #cleared = false;
  #values = new Map<string, unknown>();
  #deadline: Date | undefined;
  /** The token that the session has to get in the place of the one it has, if any. */
  token: string | undefined;
  /** The token that a row was made under, or may have been, if the store's reply was lost. */
  firstToken: string | undefined;
  /** The rows that are useless from now on: to be deleted, by their keys, once the session is written. */
  readonly obsolete = new Set<string>();
  /** The sessions that were taken over, in their order. */
  merged: readonly Merged[] = [];
  /** A commit of some of it has failed, so that nobody knows how much of it the store holds. */
  uncertain = false;
  /** The session was told to drop these changes while they were being carried out. */
  discarded = false;

  /** Whether nothing was done except, perhaps, to destroy the session. */
  get empty(): boolean {
    return !this.#cleared && this.#values.size === 0 && this.#deadline === undefined &&
      !this.token && !this.takesOver;
  }

  /** Whether this session has to take over another one's values, even if it has the same already. */
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

  /** Ends the session, and with it the sessions that it has taken over before. */
  destroy(): void {
    this.clear();
    this.#cleared = false;
    this.destroyed = true;
    this.#deadline = this.token = undefined;
    for (const other of this.merged) other.dropped = true;
  }

  /** Takes over the values of another session, and its deadline if that is later than `deadline`. */
  merge(record: SessionRecord, content: SessionContent, deadline: Date): void {
    this.merged = this.merged.filter((other) => other.record.token !== record.token);
    for (const [key, value] of content.values) this.put(key, value);
    if (content.deadline > deadline) this.deadline = content.deadline;
    const overridden = { keys: new Set<string>(), all: false, deadline: false };
    this.merged = [...this.merged, { record, written: false, dropped: false, overridden }];
  }

  /**
   * Takes over what others have made of a merged session meanwhile. What was set after the merge stays.
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
      if (!after.values.has(key)) this.#values.set(key, REMOVED);
      else if (!isUnchanged(key, after.values.get(key), before, isSame)) {
        this.#values.set(key, after.values.get(key));
      }
    }
    if (!other.overridden.deadline && after.deadline > deadline) this.#deadline = after.deadline;
  }

  /** Forgets a session that was taken over, by default all: they have ended, or go on. */
  release(other?: Merged): void {
    this.merged = this.merged.filter((each) => other !== undefined && each !== other);
  }

  /** What a session holds after the changes, if it held `base` before; it shares nothing with `base`. */
  applyTo(base: SessionContent): { deadline: Date; values: Map<string, unknown> } {
    const values = new Map(this.#cleared || this.destroyed ? [] : base.values);
    for (const [key, value] of this.#values) {
      if (value === REMOVED) values.delete(key);
      else values.set(key, value);
    }
    return { deadline: this.#deadline ?? base.deadline, values };
  }

  /** These changes without those that leave a session that holds `base` as it is. */
  without(base: SessionContent, isSame: IsSame): Changes {
    // After a failure, the store may hold something else than `base`.
    if (this.#cleared || this.destroyed || this.uncertain) return this;
    // What is put along with a new token must be what the session then holds, whoever shared the old one.
    if (this.token !== undefined) return this;
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

  /** All is written: nothing is left to do but to end what is obsolete or taken over. */
  reduce(): void {
    this.#cleared = this.destroyed = this.uncertain = false;
    this.#values.clear();
    this.#deadline = this.token = this.firstToken = undefined;
    for (const other of this.merged) other.written = true;
  }

  /** Nothing, except what is left to do because of what was written before. */
  discard(): Changes {
    const rest = new Changes();
    // With these, what may have been written is written over by the next commit.
    rest.firstToken = this.firstToken;
    rest.uncertain = this.uncertain;
    for (const key of this.obsolete) rest.obsolete.add(key);
    rest.merged = this.merged.filter(({ written }) => written);
    return rest;
  }

  /** These changes and then the later ones, as one log. */
  followedBy(later: Changes): Changes {
    const both = this.#copy();
    if (later.destroyed) both.destroy();
    if (later.#cleared) both.clear();
    for (const [key, value] of later.#values) both.put(key, value);
    if (later.#deadline !== undefined) both.deadline = later.#deadline;
    both.token = later.token ?? both.token;
    both.firstToken = later.firstToken ?? both.firstToken;
    const mergedLater = new Set(later.merged.map(({ record }) => record.token));
    const merged = both.merged.filter(({ record }) => !mergedLater.has(record.token));
    both.merged = [...merged, ...later.merged];
    both.uncertain ||= later.uncertain;
    for (const key of later.obsolete) both.obsolete.add(key);
    return both;
  }

  #copy(): Changes {
    const copy = new Changes();
    copy.destroyed = this.destroyed;
    copy.#cleared = this.#cleared;
    copy.#values = new Map(this.#values);
    copy.#deadline = this.#deadline;
    copy.token = this.token;
    copy.firstToken = this.firstToken;
    copy.merged = this.merged;
    copy.uncertain = this.uncertain;
    for (const key of this.obsolete) copy.obsolete.add(key);
    return copy;
  }
}

function isUnchanged(key: string, value: unknown, base: SessionContent, isSame: IsSame): boolean {
  return base.values.has(key) && isSame(key, value, base.values.get(key));
}
