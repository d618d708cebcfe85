// Sends a batch, and gives each call that waits for it an outcome of its own.

/** What an error is about: the operation that met it, the system as a whole, or either. */
export type Fault = "operation" | "system" | "either";

/** How operations are sent, and what their errors mean. */
export interface DeliveryOptions<Operation, Result> {
  /** Carries out operations; answers with their results in their order. */
  send(operations: readonly Operation[]): Promise<readonly Result[]>;
  /** What an error is about, and so whether the operations can be tried one by one. */
  faultOf(error: unknown): Fault;
}

/** Somebody who waits for the outcome of an operation. */
export interface Call<Operation, Result> {
  readonly operation: Operation;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
  /** Whether the caller has given up. */
  isWithdrawn: boolean;
}

/** An operation on its way, and the calls that it answers: its own and those that it supersedes. */
export interface Departure<Operation, Result> {
  readonly operation: Operation;
  readonly calls: readonly Call<Operation, Result>[];
}

/**
 * Sends operations as one batch. Where that fails and the system is not at fault, sends them one by one,
 * so that an operation that fails takes along neither its neighbours nor those that it superseded.
 *
 * @returns A promise that resolves once all calls are settled. It never rejects.
 */
export async function deliver<Operation, Result>(
  batch: readonly Departure<Operation, Result>[],
  options: DeliveryOptions<Operation, Result>,
): Promise<void> {
  try {
    const results = await options.send(batch.map(({ operation }) => operation));
    batch.forEach(({ calls }, i) => calls.forEach((call) => call.resolve(results[i]!)));
  } catch (error) {
    const fault = options.faultOf(error);
    const parts = fault === "operation" ? batch.flatMap(separate) : batch;
    if (fault === "system" || parts.length === 1) rejectAll(batch, error);
    else await deliverOneByOne(parts, options);
  }
}

async function deliverOneByOne<Operation, Result>(
  parts: readonly Departure<Operation, Result>[],
  { send, faultOf }: DeliveryOptions<Operation, Result>,
): Promise<void> {
  let lastFault: Fault = "operation";
  for (const [i, part] of parts.entries()) {
    // The last one that has not been aborted by now: it stands for those before it.
    const call = part.calls.findLast(({ isWithdrawn }) => !isWithdrawn);
    if (call === undefined) continue;
    try {
      const [result] = await send([call.operation]);
      part.calls.forEach((call) => call.resolve(result!));
      lastFault = "operation";
    } catch (error) {
      const fault = faultOf(error);
      // Two operations in a row that could be at fault: it is the system rather.
      const isSystem = fault === "system" || (fault === "either" && lastFault === "either");
      if (isSystem) return rejectAll(parts.slice(i), error);
      rejectAll([part], error);
      lastFault = fault;
    }
  }
}

/**
 * The operations that a departure stands for, each with its calls; calls with the very same operation
 * stay together.
 */
function separate<Operation, Result>(
  { calls }: Departure<Operation, Result>,
): Departure<Operation, Result>[] {
  const byOperation = new Map<Operation, Call<Operation, Result>[]>();
  for (const call of calls) {
    const same = byOperation.get(call.operation);
    if (same === undefined) byOperation.set(call.operation, [call]);
    else same.push(call);
  }
  return Array.from(byOperation, ([operation, calls]) => ({ operation, calls }));
}

function rejectAll<Operation, Result>(
  departures: readonly Departure<Operation, Result>[],
  error: unknown,
): void {
  for (const { calls } of departures) calls.forEach((call) => call.reject(error));
}
