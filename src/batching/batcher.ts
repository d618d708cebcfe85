// Natural batching: an operation that finds a free lane goes out at once; operations that arrive while all
// lanes are busy wait, and leave together as soon as one is free. The batches grow with the load by
// themselves: nothing waits for a batch to fill, and at rest there is no added latency.

import { abortable } from "../util/abortable.ts";
import { CallQueue, type CallQueueOptions, type QueuedCall, type Taken } from "./call_queue.ts";
import { deliver, type DeliveryOptions } from "./delivery.ts";
import { QueueFullError } from "./queue_full_error.ts";

/** What a {@linkcode Batcher} has to know of its operations. */
export interface BatcherOptions<Operation, Result>
  extends DeliveryOptions<Operation, Result>, CallQueueOptions<Operation> {
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
  /** The most calls that wait at a time, because they cannot be sent at once; those beyond it are refused. */
  readonly queueLimit: number;
}

/** Sends operations in batches that form while others are in flight. */
export class Batcher<Operation, Result> {
  readonly #options: BatcherOptions<Operation, Result>;
  readonly #queue: CallQueue<Operation, Result>;
  /** The calls beyond the limit that the next dispatch either sends or refuses. */
  #surplus: QueuedCall<Operation, Result>[] = [];
  /** When each batch in flight has left, the oldest first. */
  readonly #departures = new Set<{ readonly at: number }>();
  #isDispatchDue = false;
  /** Dispatches once a batch counts as stuck, if a call waits for that. */
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: BatcherOptions<Operation, Result>) {
    this.#options = options;
    this.#queue = new CallQueue(options);
  }

  /**
   * Sends an operation at once, or as soon as a lane is free.
   *
   * @param signal Rejects the call; an operation that is still waiting is then never sent.
   * @throws {QueueFullError} If it cannot be sent at once and too many calls are waiting already.
   */
  add(operation: Operation, signal?: AbortSignal): Promise<Result> {
    const { queueLimit } = this.#options;
    const isSurplus = this.#queue.size >= queueLimit;
    if (isSurplus && this.#freeLanes(performance.now()) <= 0) {
      return Promise.reject(new QueueFullError(queueLimit));
    }
    let call!: QueuedCall<Operation, Result>;
    const promise = new Promise<Result>((resolve, reject) => {
      call = {
        operation,
        resolve,
        reject,
        isWithdrawn: false,
        run: undefined,
        previous: undefined,
        next: undefined,
      };
    });
    this.#queue.push(call);
    // Calls of the same tick share the batches that are about to leave: these decide whether it waits.
    if (isSurplus) this.#surplus.push(call);
    this.#dispatchSoon();
    if (signal === undefined) return promise;
    return abortable(promise, signal, () => {
      call.isWithdrawn = true;
      this.#queue.remove(call);
    });
  }

  /**
   * Defers to a microtask so that callers resumed together share a batch: those that one batch has answered
   * call again in the same run of microtasks, and the first of them must not leave alone.
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
      // So that the database works on one batch while the answers to another are read.
      const share = Math.max(minShare, Math.ceil(this.#queue.keyCount / freeLanes));
      const batch = this.#queue.take(Math.min(share, maxOperations));
      if (batch.length === 0) return;
      this.#depart(batch, now);
    }
  }

  /** Refuses the newest of the calls that still wait beyond the limit. */
  #refuseSurplus(): void {
    const { queueLimit } = this.#options;
    const surplus = this.#surplus;
    this.#surplus = [];
    for (let i = surplus.length - 1; i >= 0 && this.#queue.size > queueLimit; i--) {
      const call = surplus[i]!;
      if (this.#queue.remove(call)) call.reject(new QueueFullError(queueLimit));
    }
  }

  #freeLanes(now: number): number {
    const { lanes, maxInFlight } = this.#options;
    let stuck = 0;
    for (const departure of this.#departures) {
      if (this.#untilStuck(departure, now) > 0) break;
      stuck++;
    }
    return Math.min(lanes + stuck, maxInFlight) - this.#departures.size;
  }

  /**
   * Sets a timer only while a call waits: with one call at a time it would be a tenth of the call.
   *
   * @param now The moment at which no lane was free: a batch that is stuck since sets no timer off.
   */
  #dispatchOnceStuck(now: number): void {
    for (const departure of this.#departures) {
      const wait = this.#untilStuck(departure, now);
      if (wait <= 0) continue;
      this.#timer = setTimeout(() => this.#dispatch(), Math.ceil(wait));
      return;
    }
  }

  /** After how many milliseconds a batch counts as stuck; 0 or less if it does already. */
  #untilStuck({ at }: { readonly at: number }, now: number): number {
    return at + this.#options.stuckAfter - now;
  }

  #depart(batch: readonly Taken<Operation, Result>[], now: number): void {
    const departure = { at: now };
    this.#departures.add(departure);
    deliver(batch, this.#options).finally(() => {
      this.#departures.delete(departure);
      this.#queue.release(batch);
      this.#dispatch();
    });
  }
}
