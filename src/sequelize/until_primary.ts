import { backOff } from "../util/retry.ts";

/** For how many milliseconds statements are sent again while only a standby is reached. */
const PATIENCE_MS = 5000;

/** The waits between two attempts grow up to the one after this attempt, which is 320 ms at most. */
const LAST_WAIT = 5;
const WAIT_UNIT_MS = 10;

/**
 * Sends statements again that a standby has refused, on another connection each time, until the primary is reached.
 * If it is not reached for a few seconds, the server is considered read-only: until a statement succeeds, each one is
 * then sent only twice, so that calls fail soon.
 */
export class UntilPrimary {
  readonly #isRefusal: (error: unknown) => boolean;
  /** When the first statement since the last success was refused. */
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
