// Takes turns between contenders, so that a noisy machine disturbs all of them alike.

import process from "node:process";

/** What one contender did in one round. */
export interface Sample {
  readonly perSecond: number;
  /** Of the processor, in this process, per operation: the database's own is not among them. */
  readonly cpuMicroseconds: number;
}

/** How long, how often and by how many at a time. */
export interface Load {
  readonly callers: number;
  readonly milliseconds: number;
  readonly rounds: number;
  /** The most operations in one round. */
  readonly most: number;
}

/** One contender's call, and what sets right what its round has changed. */
export interface Entry {
  call(): Promise<unknown>;
  restore?(): Promise<void>;
}

/** Runs callers that each call again as soon as they have their answer. */
export async function measure(
  call: () => Promise<unknown>,
  { callers, milliseconds, most }: Load,
): Promise<Sample> {
  let started = 0;
  const cpu = process.cpuUsage();
  const start = performance.now();
  const end = start + milliseconds;
  await Promise.all(Array.from({ length: callers }, async () => {
    while (performance.now() < end && started < most) {
      started++;
      if (await call() === false) throw new Error("A call has not met the row that is there");
    }
  }));
  const { user, system } = process.cpuUsage(cpu);
  return {
    perSecond: started / (performance.now() - start) * 1000,
    cpuMicroseconds: (user + system) / started,
  };
}

/**
 * Measures contenders in turns, round by round. The first round warms up and is thrown away.
 *
 * @returns The samples of each contender, one a round.
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

/** The middle one of some numbers. */
export function median(numbers: readonly number[]): number {
  return percentile(numbers, 0.5);
}

/** The number that a share of all of them does not exceed. */
export function percentile(numbers: readonly number[], share: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}
