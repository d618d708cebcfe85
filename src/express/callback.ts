import process from "node:process";
import { isFunction } from "../util/check.ts";

/** Gets an error, or else `null` and the value. */
// deno-lint-ignore no-explicit-any -- as applications type it
export type Callback<T> = (error: any, value?: T) => void;

/**
 * Gives a promise's outcome to a callback as well, if there is one: once, and outside the promise's chain, so
 * that what the callback throws is not taken for a failure of the promise.
 *
 * @returns The promise. Nobody needs to handle its rejection: `req.session.destroy()` of express-session
 *   passes no callback on and drops the promise, and a database that is down must not end the process.
 */
export function settle<T>(promise: Promise<T>, callback: Callback<T> | undefined): Promise<T> {
  if (!isFunction(callback)) {
    promise.catch(() => {});
    return promise;
  }
  promise.then(
    (value) => process.nextTick(callback!, null, value),
    (error) => process.nextTick(callback!, error),
  );
  return promise;
}
