// The calls that wait to be sent. Adding, withdrawing and taking one costs the same however many there are.

import type { Call, Departure } from "./delivery.ts";
import { type Linked, LinkedList } from "../util/linked_list.ts";

/** What a {@linkcode CallQueue} has to know of its operations. */
export interface CallQueueOptions<Operation> {
  /** The most weight in one batch; an operation that weighs more travels alone. */
  readonly maxWeight: number;
  weightOf(operation: Operation): number;
  /** Operations of one key keep their order and are never in flight twice. */
  keyOf(operation: Operation): string;
  /** Operations of one kind can share a batch; those of kind `undefined` travel alone. */
  kindOf(operation: Operation): string | undefined;
  /**
   * Whether `later` can stand for `earlier`, the one before it of the same key: because it overwrites
   * what that does, or because both have the same answer. Of three in a row, the last then can stand for
   * the first as well.
   */
  supersedes(later: Operation, earlier: Operation): boolean;
}

/** A call that can wait in a {@linkcode CallQueue}. */
export interface QueuedCall<Operation, Result>
  extends Call<Operation, Result>, Linked<QueuedCall<Operation, Result>> {
  /** The calls that it waits with; `undefined` if it does not wait. */
  run: Run<Operation, Result> | undefined;
}

/** An operation that was taken out of a {@linkcode CallQueue}, and the key that it keeps busy. */
export interface Taken<Operation, Result> extends Departure<Operation, Result> {
  readonly key: Key<Operation, Result>;
}

/** Calls of one key in their order, for all of which the operation of the last one stands. */
class Run<Operation, Result> extends LinkedList<QueuedCall<Operation, Result>>
  implements Linked<Run<Operation, Result>> {
  previous: Run<Operation, Result> | undefined;
  next: Run<Operation, Result> | undefined;
  readonly key: Key<Operation, Result>;

  constructor(key: Key<Operation, Result>) {
    super();
    this.key = key;
  }

  toArray(): QueuedCall<Operation, Result>[] {
    const calls: QueuedCall<Operation, Result>[] = [];
    for (let call = this.first; call !== undefined; call = call.next) calls.push(call);
    return calls;
  }
}

/** A key, and its waiting calls as runs, each of which takes a batch of its own. */
class Key<Operation, Result> extends LinkedList<Run<Operation, Result>>
  implements Linked<Key<Operation, Result>> {
  previous: Key<Operation, Result> | undefined;
  next: Key<Operation, Result> | undefined;
  readonly name: string;
  isInFlight = false;

  constructor(name: string) {
    super();
    this.name = name;
  }
}

/** Holds the calls that wait: those of each key in their order. The keys take turns. */
export class CallQueue<Operation, Result> {
  /** How many calls wait. */
  size = 0;
  readonly #options: CallQueueOptions<Operation>;
  /** The keys that have calls waiting or in flight. */
  readonly #keys = new Map<string, Key<Operation, Result>>();
  /** The keys that have calls waiting, in the order in which they take turns. */
  readonly #turns = new LinkedList<Key<Operation, Result>>();

  constructor(options: CallQueueOptions<Operation>) {
    this.#options = options;
  }

  /** How many keys have calls waiting. */
  get keyCount(): number {
    return this.#turns.size;
  }

  /** Adds a call at the end of those of its key. */
  push(call: QueuedCall<Operation, Result>): void {
    const { keyOf, supersedes } = this.#options;
    const name = keyOf(call.operation);
    let key = this.#keys.get(name);
    if (key === undefined) this.#keys.set(name, key = new Key(name));
    if (key.size === 0) this.#turns.push(key);
    let run = key.last;
    if (run === undefined || !supersedes(call.operation, run.last!.operation)) {
      key.push(run = new Run(key));
    }
    run.push(call);
    call.run = run;
    this.size++;
  }

  /**
   * Removes a call.
   *
   * @returns Whether it was waiting.
   */
  remove(call: QueuedCall<Operation, Result>): boolean {
    const { run } = call;
    if (run === undefined) return false;
    call.run = undefined;
    run.remove(call);
    this.size--;
    if (run.size > 0) return true;
    const { key } = run;
    key.remove(run);
    if (key.size > 0) return true;
    this.#turns.remove(key);
    if (!key.isInFlight) this.#keys.delete(key.name);
    return true;
  }

  /**
   * Takes a batch out of the queue. Its keys are busy until they are released.
   *
   * @param maxOperations The most operations in it.
   * @returns The batch; empty if all that waits is of keys that are busy.
   */
  take(maxOperations: number): Taken<Operation, Result>[] {
    const { kindOf, weightOf, maxWeight } = this.#options;
    const batch: Taken<Operation, Result>[] = [];
    let kind: string | undefined;
    let weight = 0;
    let next: Key<Operation, Result> | undefined;
    for (let key = this.#turns.first; key !== undefined; key = next) {
      next = key.next;
      if (key.isInFlight) continue;
      const run = key.first!;
      const { operation } = run.last!;
      const [nextKind, nextWeight] = [kindOf(operation), weightOf(operation)];
      if (batch.length > 0) {
        if (nextKind !== kind) continue;
        if (weight + nextWeight > maxWeight) break;
      }
      batch.push(this.#depart(key, run));
      kind = nextKind;
      weight += nextWeight;
      if (kind === undefined || batch.length === maxOperations) break;
    }
    return batch;
  }

  /** Lets the keys of a batch take turns again. */
  release(batch: readonly Taken<Operation, Result>[]): void {
    for (const { key } of batch) {
      key.isInFlight = false;
      if (key.size === 0) this.#keys.delete(key.name);
    }
  }

  /** Takes a key's first run out, and lets all other keys go before what it has left. */
  #depart(
    key: Key<Operation, Result>,
    run: Run<Operation, Result>,
  ): Taken<Operation, Result> {
    const calls = run.toArray();
    for (const call of calls) call.run = undefined;
    this.size -= calls.length;
    key.isInFlight = true;
    key.remove(run);
    this.#turns.remove(key);
    if (key.size > 0) this.#turns.push(key);
    return { key, operation: calls.at(-1)!.operation, calls };
  }
}
