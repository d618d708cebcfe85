// Natural batching: an operation that finds a free lane goes out at once; operations that arrive while all
// lanes are busy wait, and leave together as soon as one is free. The batches grow with the load by
// themselves: nothing waits for a batch to fill, and at rest there is no added latency.

import { abortable } from "./abortable.ts";
import { type Call, deliver, type DeliveryOptions, type Departure } from "./delivery.ts";
import { QueueFullError } from "./queue_full_error.ts";

/** What a {@linkcode Batcher} has to know of its operations. */
export interface BatcherOptions<Operation, Result> extends DeliveryOptions<Operation, Result> {
  /** The most batches in flight at a time, as long as none of them is stuck. */
  readonly lanes: number;
  /** The most batches in flight at a time, those that are stuck among them. */
  readonly maxInFlight: number;
  /** After how many milliseconds a batch counts as stuck and makes room for another. */
  readonly stuckAfter: number;
  /** How many operations make a batch at least, before what waits is shared among several free lanes. */
  readonly minShare: number;
  /** The most operations in one batch. */
  readonly maxOperations: number;
  /** The most weight in one batch; an operation that weighs more travels alone. */
  readonly maxWeight: number;
  /** The most calls that wait at a time; those beyond it are refused. */
  readonly queueLimit: number;
  weightOf(operation: Operation): number;
  /** Operations of one key keep their order and are never in flight twice. */
  keyOf(operation: Operation): string;
  /** Operations of one kind can share a batch; those of kind `undefined` travel alone. */
  kindOf(operation: Operation): string | undefined;
  /**
   * Whether `later` can stand for `earlier`, the one before it of the same key: because it overwrites
   * what that does, or because both have the same answer.
   */
  supersedes(later: Operation, earlier: Operation): boolean;
}

/** Sends operations in batches that form while others are in flight. */
export class Batcher<Operation, Result> {
  readonly #options: BatcherOptions<Operation, Result>;
  /** The waiting calls of each key in their order; the keys in the order in which they take turns. */
  readonly #waiting = new Map<string, Call<Operation, Result>[]>();
  #callsWaiting = 0;
  readonly #keysInFlight = new Set<string>();
  /** When each batch in flight has left. */
  readonly #departures = new Set<{ readonly at: number }>();
  #isDispatchDue = false;
  /** Dispatches once a batch counts as stuck, where somebody waits for that. */
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: BatcherOptions<Operation, Result>) {
    this.#options = options;
  }

  /**
   * Sends an operation at once, or as soon as a lane is free.
   *
   * @param signal Rejects the call; an operation that is still waiting is then never sent.
   * @throws {QueueFullError} Where too many calls are waiting already.
   */
  add(operation: Operation, signal?: AbortSignal): Promise<Result> {
    const { queueLimit } = this.#options;
    if (this.#callsWaiting >= queueLimit) return Promise.reject(new QueueFullError(queueLimit));
    const key = this.#options.keyOf(operation);
    let withdraw: (() => void) | undefined;
    const promise = new Promise<Result>((resolve, reject) => {
      const call = { operation, resolve, reject, isWithdrawn: false };
      const calls = this.#waiting.get(key);
      if (calls === undefined) this.#waiting.set(key, [call]);
      else calls.push(call);
      this.#callsWaiting++;
      withdraw = () => this.#withdraw(key, call);
    });
    this.#dispatchSoon();
    return abortable(promise, signal, withdraw);
  }

  #withdraw(key: string, call: Call<Operation, Result>): void {
    call.isWithdrawn = true;
    const calls = this.#waiting.get(key) ?? [];
    const index = calls.indexOf(call);
    if (index < 0) return;
    calls.splice(index, 1);
    this.#callsWaiting--;
    if (calls.length === 0) this.#waiting.delete(key);
  }

  /**
   * Dispatches once those have called who are about to: the callers that one batch has answered call again
   * in the same run of microtasks, and the first of them must not leave alone.
   */
  #dispatchSoon(): void {
    if (this.#isDispatchDue) return;
    this.#isDispatchDue = true;
    queueMicrotask(() => {
      this.#isDispatchDue = false;
      this.#dispatch();
    });
  }

  #dispatch(): void {
    clearTimeout(this.#timer);
    while (this.#waiting.size > 0) {
      const { maxOperations, minShare } = this.#options;
      const freeLanes = this.#freeLanes();
      if (freeLanes <= 0) return this.#dispatchOnceStuck();
      // So that the database works on one batch while the answers to another are read.
      const share = Math.max(minShare, Math.ceil(this.#waiting.size / freeLanes));
      const batch = this.#takeBatch(Math.min(share, maxOperations));
      if (batch.length === 0) return;
      this.#depart(batch);
    }
  }

  #freeLanes(): number {
    const { lanes, maxInFlight, stuckAfter } = this.#options;
    const latest = performance.now() - stuckAfter;
    const stuck = [...this.#departures].filter(({ at }) => at <= latest).length;
    return Math.min(lanes + stuck, maxInFlight) - this.#departures.size;
  }

  /** A timer only while somebody waits: with one call at a time it would be a tenth of the call. */
  #dispatchOnceStuck(): void {
    const now = performance.now();
    const waits = [...this.#departures].map(({ at }) => at + this.#options.stuckAfter - now);
    const next = Math.min(...waits.filter((wait) => wait > 0));
    if (next < Infinity) this.#timer = setTimeout(() => this.#dispatch(), Math.ceil(next));
  }

  #depart(batch: readonly Departure<Operation, Result>[]): void {
    const departure = { at: performance.now() };
    this.#departures.add(departure);
    deliver(batch, this.#options).finally(() => {
      this.#departures.delete(departure);
      for (const { key } of batch) this.#keysInFlight.delete(key);
      this.#dispatch();
    });
  }

  #takeBatch(maxOperations: number): Departure<Operation, Result>[] {
    const { kindOf, weightOf, maxWeight } = this.#options;
    const batch: Departure<Operation, Result>[] = [];
    let kind: string | undefined;
    let weight = 0;
    for (const [key, calls] of this.#waiting) {
      if (this.#keysInFlight.has(key)) continue;
      const { operation, length } = this.#firstRun(calls);
      const [nextKind, nextWeight] = [kindOf(operation), weightOf(operation)];
      if (batch.length > 0) {
        if (nextKind !== kind) continue;
        if (weight + nextWeight > maxWeight) break;
      }
      batch.push({ key, operation, calls: calls.splice(0, length) });
      this.#callsWaiting -= length;
      kind = nextKind;
      weight += nextWeight;
      if (kind === undefined || batch.length === maxOperations) break;
    }
    for (const { key } of batch) this.#startTurn(key);
    return batch;
  }

  /** The operation that stands for a key's first calls, and for how many of them. */
  #firstRun(
    calls: readonly Call<Operation, Result>[],
  ): { operation: Operation; length: number } {
    let operation = calls[0]!.operation;
    let length = 1;
    for (; length < calls.length; length++) {
      const later = calls[length]!.operation;
      if (!this.#options.supersedes(later, operation)) break;
      operation = later;
    }
    return { operation, length };
  }

  /** Marks a key as in flight, and lets all others go before what it has left. */
  #startTurn(key: string): void {
    this.#keysInFlight.add(key);
    const calls = this.#waiting.get(key) ?? [];
    this.#waiting.delete(key);
    if (calls.length > 0) this.#waiting.set(key, calls);
  }
}
