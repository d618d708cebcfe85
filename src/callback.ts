import process from "node:process";
import { isFunction } from "./check.ts";

/** Gets an error, or else `null` and the value. */
export type Callback<T> = (error: unknown, value?: T) => void;

/**
 * Gives a promise's outcome to a callback as well, if there is one: once, and outside the promise's chain, so
 * that what the callback throws is not taken for a failure of the promise.
 *
 * @returns The promise. Where there is a callback, nobody needs to handle its rejection.
 */
export function settle<T>(promise: Promise<T>, callback: Callback<T> | undefined): Promise<T> {
  if (isFunction(callback)) {
    promise.then(
      (value) => process.nextTick(callback!, null, value),
      (error) => process.nextTick(callback!, error),
    );
  }
  return promise;
}
