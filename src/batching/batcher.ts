// Natural batching: an operation that finds a free lane is sent at once; operations that arrive while all
// lanes are busy wait, and are sent together as soon as a lane is free. So batches grow with the load:
// no operation waits for a batch to fill up, and an idle batcher adds no latency.

import { abortable } from "../util/abortable.ts";
import { CallQueue, type CallQueueOptions, type QueuedCall } from "./call_queue.ts";
import { type BatchEntry, deliver, type DeliveryOptions } from "./delivery.ts";
import { QueueFullError } from "./queue_full_error.ts";

/** What a {@linkcode Batcher}, or several that share the counters, count. */
export interface BatchCounters {
  /** The calls that were sent, each counted once. */
  calls: number;
  /** The calls that were refused. */
  refused: number;
}

/** How a {@linkcode Batcher} forms and sends its batches. */
export interface BatcherOptions<Operation, Result>
  extends DeliveryOptions<Operation, Result>, CallQueueOptions<Operation> {
  /** The most batches in flight at a time, without those that are stuck. */
  readonly lanes: number;
  /** The most batches in flight at a time, including those that are stuck. */
  readonly maxInFlight: number;
  /** The milliseconds after which a batch in flight counts as stuck and another may be sent beside it. */
  readonly stuckAfter: number;
  /** The fewest operations in a batch when the waiting operations are divided among free lanes. */
  readonly minShare: number;
  /** The most operations in one batch. */
  readonly maxOperations: number;
  /** The most calls that may wait; further calls are refused unless they can be sent at once. */
  readonly queueLimit: number;
  /** The counters that it increments. */
  readonly counters: BatchCounters;
}

/** Sends operations in batches that form while others are in flight. */
export class Batcher<Operation, Result> {
  readonly #options: BatcherOptions<Operation, Result>;
  readonly #queue: CallQueue<Operation, Result>;
  /** The calls beyond the limit, which the next dispatch either sends or refuses. */
  #surplus: QueuedCall<Operation, Result>[] = [];
  /** The batches in flight, the oldest first. */
  readonly #inFlight = new Set<{ readonly sentAt: number }>();
  #isDispatchDue = false;
  /** Dispatches when a batch begins to count as stuck; set only while a call waits for that. */
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: BatcherOptions<Operation, Result>) {
    this.#options = options;
    this.#queue = new CallQueue(options);
  }

  /** The number of calls that wait. */
  get waiting(): number {
    return this.#queue.size;
  }

  /**
   * Sends an operation at once, or as soon as a lane is free.
   *
   * @param signal Rejects the call when it aborts; an operation that still waits is then never sent.
   * @param onSettled Called once the operation is no longer waiting or in flight, even if the call was aborted.
   * @returns The operation's result.
   * @throws {QueueFullError} If it cannot be sent at once and `queueLimit` calls are already waiting.
   */
  add(operation: Operation, signal?: AbortSignal, onSettled?: () => void): Promise<Result> {
    const { queueLimit } = this.#options;
    const isSurplus = this.#queue.size >= queueLimit;
    if (isSurplus && this.#freeLanes(performance.now()) <= 0) {
      onSettled?.();
      return Promise.reject(this.#refusal());
    }
    let call!: QueuedCall<Operation, Result>;
    const promise = new Promise<Result>((resolve, reject) => {
      call = {
        operation,
        resolve,
        reject,
        isAborted: false,
        run: undefined,
        previous: undefined,
        next: undefined,
      };
    });
    if (onSettled) promise.then(onSettled, onSettled);
    this.#queue.push(call);
    // Whether it has to wait depends on the batches that the next dispatch forms.
    if (isSurplus) this.#surplus.push(call);
    this.#dispatchSoon();
    if (signal === undefined) return promise;
    return abortable(promise, signal, () => {
      call.isAborted = true;
      if (this.#queue.remove(call)) call.reject(signal.reason);
    });
  }

  /**
   * Defers to a microtask so that callers resumed together share a batch: callers whose batch has just
   * settled often call again in the same run of microtasks.
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
    if (this.#queue.size > 0) this.#sendWaiting();
    if (this.#surplus.length > 0) this.#refuseSurplus();
  }

  #sendWaiting(): void {
    const { maxOperations, minShare } = this.#options;
    const now = performance.now();
    while (this.#queue.size > 0) {
      const freeLanes = this.#freeLanes(now);
      if (freeLanes <= 0) return this.#dispatchOnceStuck(now);
      // Several batches, so that the database works on one while the results of another are read.
      const share = Math.max(minShare, Math.ceil(this.#queue.keyCount / freeLanes));
      const waiting = this.#queue.size;
      const batch = this.#queue.take(Math.min(share, maxOperations));
      if (batch.length === 0) return;
      this.#send(batch, waiting - this.#queue.size, now);
    }
  }

  /** Refuses the calls that still wait beyond the limit, the newest first. */
  #refuseSurplus(): void {
    const { queueLimit } = this.#options;
    const surplus = this.#surplus;
    this.#surplus = [];
    for (let i = surplus.length - 1; i >= 0 && this.#queue.size > queueLimit; i--) {
      const call = surplus[i]!;
      if (this.#queue.remove(call)) call.reject(this.#refusal());
    }
  }

  #refusal(): QueueFullError {
    this.#options.counters.refused++;
    return new QueueFullError(this.#options.queueLimit);
  }

  #freeLanes(now: number): number {
    const { lanes, maxInFlight } = this.#options;
    let stuck = 0;
    for (const { sentAt } of this.#inFlight) {
      if (this.#untilStuck(sentAt, now) > 0) break;
      stuck++;
    }
    return Math.min(lanes + stuck, maxInFlight) - this.#inFlight.size;
  }

  /**
   * Sets a timer for the next batch that begins to count as stuck. It is set only while a call waits: if there is one
   * call at a time, a timer would take a tenth of the call's time.
   *
   * @param now The moment at which no lane was free: batches that were stuck by then need no timer.
   */
  #dispatchOnceStuck(now: number): void {
    for (const { sentAt } of this.#inFlight) {
      const wait = this.#untilStuck(sentAt, now);
      if (wait <= 0) continue;
      this.#timer = setTimeout(() => this.#dispatch(), Math.ceil(wait));
      return;
    }
  }

  /** Returns after how many milliseconds a batch counts as stuck; 0 or less if it is already stuck. */
  #untilStuck(sentAt: number, now: number): number {
    return sentAt + this.#options.stuckAfter - now;
  }

  #send(batch: readonly BatchEntry<Operation, Result>[], calls: number, sentAt: number): void {
    const sent = { sentAt };
    this.#inFlight.add(sent);
    this.#options.counters.calls += calls;
    deliver(batch, calls, this.#options).finally(() => {
      this.#inFlight.delete(sent);
      this.#queue.release(batch);
      this.#dispatch();
    });
  }
}
