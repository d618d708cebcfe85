// Measures contenders in turns, so that noise on the machine affects all of them equally.

import process from "node:process";
import { startLoopDelay } from "./loop_delay.ts";

/** What one contender did in one round. */
export interface Sample {
  readonly perSecond: number;
  /** CPU time of this process per call. The database's CPU time is not included. */
  readonly cpuMicroseconds: number;
  /** The 99th percentile of the event loop's delay, in milliseconds. */
  readonly loopMilliseconds: number;
}

/** How many callers make calls at the same time, for how long, and how often. */
export interface Load {
  readonly callers: number;
  readonly milliseconds: number;
  readonly rounds: number;
  /** The maximum number of calls in one round. */
  readonly maxCalls: number;
}

/** One contender's call, and how to undo the changes of a round. */
export interface Entry {
  call(): Promise<unknown>;
  restore?(): Promise<void>;
}

/** Runs callers that each make their next call as soon as the previous one has resolved. */
export async function measure(
  call: () => Promise<unknown>,
  { callers, milliseconds, maxCalls }: Load,
): Promise<Sample> {
  let started = 0;
  const stopLoopDelay = startLoopDelay();
  const cpu = process.cpuUsage();
  const start = performance.now();
  const end = start + milliseconds;
  try {
    await Promise.all(Array.from({ length: callers }, async () => {
      while (performance.now() < end && started < maxCalls) {
        started++;
        if (await call() === false) {
          throw new Error("Cannot measure the contender: a call has not found an existing row");
        }
      }
    }));
  } catch (error) {
    stopLoopDelay();
    throw error;
  }
  const { user, system } = process.cpuUsage(cpu);
  return {
    perSecond: started / (performance.now() - start) * 1000,
    cpuMicroseconds: (user + system) / started,
    loopMilliseconds: stopLoopDelay(),
  };
}

/**
 * Measures contenders in turns, round by round. The first round is a warm-up: its samples are discarded.
 *
 * @returns The samples of each contender, one per round.
 */
export async function compare(entries: readonly Entry[], load: Load): Promise<Sample[][]> {
  const samples: Sample[][] = entries.map(() => []);
  for (let round = 0; round <= load.rounds; round++) {
    for (const [i, { call, restore }] of entries.entries()) {
      const sample = await measure(call, load);
      await restore?.();
      if (round > 0) samples[i]!.push(sample);
    }
  }
  return samples;
}

/** Returns the median of some numbers. */
export function median(numbers: readonly number[]): number {
  return percentile(numbers, 0.5);
}

/** Returns a percentile of some numbers; `share` is from 0 to 1. */
export function percentile(numbers: readonly number[], share: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}
