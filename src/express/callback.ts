import process from "node:process";
import { isFunction } from "../util/check.ts";

/** Called with an error, or with `null` and the value. */
// deno-lint-ignore no-explicit-any -- as applications type it
export type Callback<T> = (error: any, value?: T) => void;

/**
 * Also passes a promise's outcome to a callback, if there is one. The callback is called once and outside of the
 * promise's chain, so an error that it throws does not count as a failure of the promise.
 *
 * @returns The promise. Its rejection may stay unhandled: `req.session.destroy()` of express-session passes no
 *   callback and drops the promise, and a database that is down must not end the process.
 */
export function settle<T>(promise: Promise<T>, callback: Callback<T> | undefined): Promise<T> {
  if (!isFunction(callback)) {
    promise.catch(() => {});
    return promise;
  }
  promise.then(
    (value) => process.nextTick(callback, null, value),
    // A middleware would treat a failure without an error as success.
    (error) => process.nextTick(callback, error || new Error("The store failed without an error")),
  );
  return promise;
}
