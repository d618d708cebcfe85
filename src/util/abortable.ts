/** The callbacks of one signal, and the listener that calls them. */
interface Aborts {
  readonly all: Set<() => void>;
  readonly listener: () => void;
}

/**
 * The callbacks by signal. Each signal gets one listener only: with many listeners, it would search all of them
 * whenever one is added or removed.
 */
const abortsOf = new WeakMap<AbortSignal, Aborts>();

/**
 * Settles as `promise` does, or rejects with `signal.reason` as soon as `signal` aborts.
 *
 * @param onAbort Called if the signal aborts first, to withdraw what has not begun.
 */
export function abortable<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
  onAbort?: () => void,
): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => {
      onAbort?.();
      reject(signal.reason);
    };
    if (signal.aborted) abort();
    else listen(signal, abort);
    promise.then(resolve, reject).finally(() => unlisten(signal, abort));
  });
}

function listen(signal: AbortSignal, abort: () => void): void {
  const aborts = abortsOf.get(signal);
  if (aborts !== undefined) {
    aborts.all.add(abort);
    return;
  }
  const all = new Set([abort]);
  const listener = (): void => {
    abortsOf.delete(signal);
    for (const each of all) each();
  };
  abortsOf.set(signal, { all, listener });
  signal.addEventListener("abort", listener, { once: true });
}

function unlisten(signal: AbortSignal, abort: () => void): void {
  const aborts = abortsOf.get(signal);
  if (!aborts?.all.delete(abort) || aborts.all.size > 0) return;
  abortsOf.delete(signal);
  signal.removeEventListener("abort", aborts.listener);
}
