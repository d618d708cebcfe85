// Sends a batch, and settles each of its calls with an outcome of its own.

/** What caused an error: the operation, the system as a whole, or possibly either. */
export type Fault = "operation" | "system" | "either";

/** How operations are sent, and what their errors mean. */
export interface DeliveryOptions<Operation, Result> {
  /**
   * Carries out operations; resolves to their results in the same order.
   *
   * @param calls How many calls they settle.
   */
  send(operations: readonly Operation[], calls: number): Promise<readonly Result[]>;
  /** Returns what caused an error of `send`, and so whether to try the operations one by one. */
  faultOf(error: unknown): Fault;
}

/** A caller that waits for the outcome of an operation. */
export interface Call<Operation, Result> {
  readonly operation: Operation;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
  /** Whether the caller has aborted the call. */
  isAborted: boolean;
}

/** An operation of a batch, and the calls that it settles: its own and those that it supersedes. */
export interface BatchEntry<Operation, Result> {
  readonly operation: Operation;
  readonly calls: readonly Call<Operation, Result>[];
}

/**
 * Sends operations as one batch. If the batch fails and the system is not the cause, sends them one by one,
 * so that a failing operation fails neither the others nor those that it supersedes.
 *
 * @param calls How many calls the batch has.
 * @returns A promise that resolves once all calls are settled. It never rejects.
 */
export async function deliver<Operation, Result>(
  batch: readonly BatchEntry<Operation, Result>[],
  calls: number,
  options: DeliveryOptions<Operation, Result>,
): Promise<void> {
  try {
    const results = await options.send(batch.map(({ operation }) => operation), calls);
    batch.forEach(({ calls }, i) => calls.forEach((call) => call.resolve(results[i]!)));
  } catch (error) {
    const fault = options.faultOf(error);
    const entries = fault === "operation" ? batch.flatMap(separate) : batch;
    if (fault === "system" || entries.length === 1) rejectAll(batch, error);
    else await deliverOneByOne(entries, options);
  }
}

async function deliverOneByOne<Operation, Result>(
  entries: readonly BatchEntry<Operation, Result>[],
  { send, faultOf }: DeliveryOptions<Operation, Result>,
): Promise<void> {
  let lastFault: Fault = "operation";
  for (const [i, { calls }] of entries.entries()) {
    // The last call that was not aborted in the meantime. Its operation supersedes those before it.
    const last = calls.findLast(({ isAborted }) => !isAborted);
    if (last === undefined) {
      calls.forEach((call) => call.reject(undefined));
      continue;
    }
    try {
      const [result] = await send([last.operation], calls.length);
      calls.forEach((call) => call.resolve(result!));
      lastFault = "operation";
    } catch (error) {
      const fault = faultOf(error);
      // If either may be the cause twice in a row, it is probably the system.
      const isSystem = fault === "system" || (fault === "either" && lastFault === "either");
      if (isSystem) return rejectAll(entries.slice(i), error);
      calls.forEach((call) => call.reject(error));
      lastFault = fault;
    }
  }
}

/** Returns an entry for each operation of an entry's calls; calls with the same object share an entry. */
function separate<Operation, Result>(
  { calls }: BatchEntry<Operation, Result>,
): BatchEntry<Operation, Result>[] {
  const byOperation = new Map<Operation, Call<Operation, Result>[]>();
  for (const call of calls) {
    const same = byOperation.get(call.operation);
    if (same === undefined) byOperation.set(call.operation, [call]);
    else same.push(call);
  }
  return Array.from(byOperation, ([operation, calls]) => ({ operation, calls }));
}

function rejectAll<Operation, Result>(
  entries: readonly BatchEntry<Operation, Result>[],
  error: unknown,
): void {
  for (const { calls } of entries) calls.forEach((call) => call.reject(error));
}
