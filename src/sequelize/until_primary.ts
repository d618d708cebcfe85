import { backOff } from "../util/retry.ts";

/** For how many milliseconds statements are sent again while only a standby is reached. */
const PATIENCE_MS = 5000;

/** The waits between two attempts grow up to this one, which is 320 ms at most. */
const LAST_WAIT = 5;
const WAIT_UNIT_MS = 10;

/**
 * Sends again what a standby has refused, on another connection each time, until the primary is reached. After a few
 * seconds without one, the server is taken for read-only: each statement is then sent twice and no more, so that calls
 * fail soon, until one succeeds.
 */
export class UntilPrimary {
  readonly #isRefusal: (error: unknown) => boolean;
  /** When the first statement was refused since one succeeded. */
  #since: number | undefined;

  /** @param isRefusal Whether an error says that a server takes no writes or is a standby. */
  constructor(isRefusal: (error: unknown) => boolean) {
    this.#isRefusal = isRefusal;
  }

  /** @throws The last attempt's error. */
  async send<T>(attempt: () => Promise<T>): Promise<T> {
    let end: number | undefined;
    for (let n = 1;; n++) {
      try {
        const result = await attempt();
        this.#since = undefined;
        return result;
      } catch (error) {
        if (!this.#isRefusal(error)) throw error;
        const now = performance.now();
        end ??= (this.#since ??= now) + PATIENCE_MS;
        const isOver = now >= end;
        if (isOver && n > 1) throw error;
        await backOff(isOver ? LAST_WAIT : Math.min(n, LAST_WAIT), WAIT_UNIT_MS);
      }
    }
  }
}
