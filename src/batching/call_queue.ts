// The calls that wait to be sent. The time to add, remove or take a call does not depend on how many there are.

import type { BatchEntry, Call } from "./delivery.ts";
import { type Linked, LinkedList } from "../util/linked_list.ts";

/** What a {@linkcode CallQueue} needs to know about its operations. */
export interface CallQueueOptions<Operation> {
  /** The most weight in one batch; an operation that weighs more is sent alone. */
  readonly maxWeight: number;
  /** Returns how much an operation weighs. */
  weightOf(operation: Operation): number;
  /** Returns an operation's key: operations of one key keep their order and are never in flight twice. */
  keyOf(operation: Operation): string;
  /** Returns an operation's kind: those of one kind can share a batch, those without one are sent alone. */
  kindOf(operation: Operation): string | undefined;
  /**
   * Whether `later` can be sent instead of `earlier`, the operation before it of the same key, because it
   * overwrites the effect of `earlier` or has the same result. It must be transitive.
   */
  supersedes(later: Operation, earlier: Operation): boolean;
}

/** A call that can wait in a {@linkcode CallQueue}. */
export interface QueuedCall<Operation, Result>
  extends Call<Operation, Result>, Linked<QueuedCall<Operation, Result>> {
  /** The run that it waits in; `undefined` if it does not wait. */
  run: Run<Operation, Result> | undefined;
}

/** Successive calls of one key that need one operation only: the last call's supersedes the others. */
class Run<Operation, Result> extends LinkedList<QueuedCall<Operation, Result>>
  implements Linked<Run<Operation, Result>> {
  previous: Run<Operation, Result> | undefined;
  next: Run<Operation, Result> | undefined;
}

/** The waiting calls of one key, as runs that are sent one after another. */
class Key<Operation, Result> extends LinkedList<Run<Operation, Result>>
  implements Linked<Key<Operation, Result>> {
  previous: Key<Operation, Result> | undefined;
  next: Key<Operation, Result> | undefined;
  isInFlight = false;
}

/** Holds the waiting calls: those of each key in their order, while the keys take turns. */
export class CallQueue<Operation, Result> {
  /** The number of waiting calls. */
  size = 0;
  readonly #options: CallQueueOptions<Operation>;
  /** The keys with calls that wait or are in flight. */
  readonly #keys = new Map<string, Key<Operation, Result>>();
  /** The keys with calls that wait, in the order of their turns. */
  readonly #turns = new LinkedList<Key<Operation, Result>>();

  constructor(options: CallQueueOptions<Operation>) {
    this.#options = options;
  }

  /** The number of keys with calls that wait. */
  get keyCount(): number {
    return this.#turns.size;
  }

  /** Adds a call behind those of its key. */
  push(call: QueuedCall<Operation, Result>): void {
    const { keyOf, supersedes } = this.#options;
    const name = keyOf(call.operation);
    let key = this.#keys.get(name);
    if (key === undefined) this.#keys.set(name, key = new Key());
    if (key.size === 0) this.#turns.push(key);
    let run = key.last;
    if (run === undefined || !supersedes(call.operation, run.last!.operation)) {
      key.push(run = new Run());
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
    const name = this.#options.keyOf(call.operation);
    const key = this.#keys.get(name)!;
    key.remove(run);
    if (key.size > 0) return true;
    this.#turns.remove(key);
    if (!key.isInFlight) this.#keys.delete(name);
    return true;
  }

  /**
   * Takes a batch out of the queue. Its keys are in flight until `release` is called with the batch.
   *
   * @param maxOperations The most operations in the batch.
   * @returns The batch; empty if the keys of all waiting calls are in flight.
   */
  take(maxOperations: number): BatchEntry<Operation, Result>[] {
    const { kindOf, weightOf, maxWeight } = this.#options;
    const batch: BatchEntry<Operation, Result>[] = [];
    let kind: string | undefined;
    let weight = 0;
    let next: Key<Operation, Result> | undefined;
    for (let key = this.#turns.first; key !== undefined; key = next) {
      next = key.next;
      if (key.isInFlight) continue;
      const { operation } = key.first!.last!;
      const [nextKind, nextWeight] = [kindOf(operation), weightOf(operation)];
      if (batch.length > 0) {
        if (nextKind !== kind) continue;
        if (weight + nextWeight > maxWeight) break;
      }
      batch.push({ operation, calls: this.#takeRun(key) });
      kind = nextKind;
      weight += nextWeight;
      if (kind === undefined || batch.length === maxOperations) break;
    }
    return batch;
  }

  /** Lets the keys of a batch take turns again. */
  release(batch: readonly BatchEntry<Operation, Result>[]): void {
    for (const { operation } of batch) {
      const name = this.#options.keyOf(operation);
      const key = this.#keys.get(name)!;
      key.isInFlight = false;
      if (key.size === 0) this.#keys.delete(name);
    }
  }

  /** Takes out the calls of a key's first run; the key's other runs wait behind all other keys. */
  #takeRun(key: Key<Operation, Result>): QueuedCall<Operation, Result>[] {
    const run = key.first!;
    key.isInFlight = true;
    key.remove(run);
    this.#turns.remove(key);
    if (key.size > 0) this.#turns.push(key);
    this.size -= run.size;
    const calls: QueuedCall<Operation, Result>[] = [];
    for (let call = run.first; call !== undefined; call = call.next) {
      call.run = undefined;
      calls.push(call);
    }
    return calls;
  }
}
