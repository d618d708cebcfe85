// When something did not work: the gaps between the moments at which it did.

import { Socket } from "node:net";
import pg from "pg";
import { Tally } from "./tally.ts";

/** Shorter gaps are those of a busy machine. */
const LEAST_MS = 300;

/** A time without success, by `performance.now()`. */
export interface Gap {
  readonly from: number;
  readonly to: number;
}

/** Collects the gaps between successes. */
export class Gaps {
  readonly all: Gap[] = [];
  #last = performance.now();

  /** Notes a success, or the end of the observation. */
  note(): void {
    const now = performance.now();
    if (now - this.#last >= LEAST_MS) this.all.push({ from: this.#last, to: now });
    this.#last = now;
  }

  /** The longest gap, in milliseconds. */
  get longest(): number {
    return Math.max(0, ...this.all.map(({ from, to }) => to - from));
  }
}

/** Returns for how many milliseconds, at most, the store's writes went on failing after the cluster's did not. */
export function delayAfter(cluster: readonly Gap[], store: readonly Gap[]): number {
  const delays = store.map(({ from, to }) => {
    const ends = cluster.filter((gap) => gap.from < to).map((gap) => gap.to);
    return to - Math.max(from, ...ends);
  });
  return Math.max(0, ...delays);
}

/** A tally that notes when writes were acknowledged. */
export class TimedTally extends Tally {
  readonly gaps: Gaps = new Gaps();

  override acknowledge(token: string, state: string | undefined): void {
    super.acknowledge(token, state);
    this.gaps.note();
  }
}

const ATTEMPT_MS = 1000;

/** Writes one row over a connection of its own; gives up after a second. */
async function writeOnce(port: number): Promise<void> {
  const socket = new Socket();
  const client = new pg.Client({
    host: "127.0.0.1",
    port,
    user: "postgres",
    database: "test",
    stream: () => socket,
    connectionTimeoutMillis: ATTEMPT_MS,
    query_timeout: ATTEMPT_MS,
  });
  client.on("error", () => {});
  try {
    await client.connect();
    await client.query("INSERT INTO attempts DEFAULT VALUES");
  } finally {
    // A frozen server would never say goodbye.
    socket.destroy();
  }
}

/**
 * Tries ten times a second whether a new connection of the bare driver can write.
 *
 * @param ports The proxy's, or those of all members.
 */
export async function watchCluster(ports: readonly number[], stop: AbortSignal): Promise<Gaps> {
  const gaps = new Gaps();
  const attempts = new Set<Promise<void>>();
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const attempt = Promise.any(ports.map(writeOnce)).then(() => gaps.note(), () => {})
        .finally(() => attempts.delete(attempt));
      attempts.add(attempt);
    }, 100);
    stop.addEventListener("abort", () => {
      clearInterval(timer);
      resolve();
    });
  });
  await Promise.all(attempts);
  gaps.note();
  return gaps;
}
