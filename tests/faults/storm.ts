// Many callers that write, read, change and end their own sessions until a signal stops them.

import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import type { FullSessionStore } from "../../src/store/store.ts";
import { bytes, inMs, text } from "../support/databases.ts";
import { until } from "./process.ts";
import type { Counts, State, Tally } from "./tally.ts";

/** The options of a storm. */
export interface StormOptions {
  readonly callers: number;
  /** The beginning of the tokens, so that several storms can share a table. */
  readonly name?: string;
  /** Ends the storm. */
  readonly stop: AbortSignal;
  /** After how many milliseconds a call is aborted; by default never. */
  readonly patience?: number;
  /** Called with the duration of each call that succeeded, in milliseconds. */
  readonly onAnswer?: (ms: number) => void;
}

/** The sessions of one caller. */
const SESSIONS = 4;

/** Runs callers on a store, each with its own sessions, until the signal. */
export async function storm(
  store: FullSessionStore,
  tally: Tally,
  options: StormOptions,
): Promise<void> {
  await Promise.all(Array.from({ length: options.callers }, async (_, caller) => {
    for (let turn = 0; !options.stop.aborted; turn++) {
      const token = `${options.name ?? ""}caller${caller}-${turn % SESSIONS}`;
      const start = performance.now();
      try {
        await makeCall(store, tally, { token, turn, patience: options.patience });
        options.onAnswer?.(performance.now() - start);
      } catch {
        // So that a server that refuses all connections is not called thousands of times a second.
        await setTimeout(10);
      }
    }
  }));
}

interface Turn {
  readonly token: string;
  readonly turn: number;
  readonly patience: number | undefined;
}

/** Makes one call; its kind changes from turn to turn. */
async function makeCall(store: FullSessionStore, tally: Tally, turn: Turn): Promise<void> {
  const { token } = turn;
  const options = { signal: turn.patience ? AbortSignal.timeout(turn.patience) : undefined };
  const next = `turn ${turn.turn}`;
  const attempt = async <T>(states: State[], call: Promise<T>): Promise<T> => {
    try {
      return await call;
    } catch (error) {
      tally.fail(token, ...states);
      throw error;
    }
  };
  switch (Math.floor(turn.turn / SESSIONS) % 7) {
    case 5:
      await attempt([undefined], store.delete(token, options));
      return tally.acknowledge(token, undefined);
    case 2:
    case 6:
      return judge(tally, token, await attempt([], store.touch(token, soon(), options)));
    case 3:
      return await replace(store, tally, { ...turn, next, attempt, options });
    case 1:
    case 4: {
      const found = await attempt([], store.find(token, options));
      tally.answered();
      return tally.saw(token, text(found?.data));
    }
    default:
      await attempt([next], store.commit(token, bytes(next), soon(), options));
      return tally.acknowledge(token, next);
  }
}

/** Replaces the session's data if it is known for certain. */
async function replace(
  store: FullSessionStore,
  tally: Tally,
  { token, next, attempt, options }: Turn & {
    readonly next: string;
    readonly attempt: <T>(states: State[], call: Promise<T>) => Promise<T>;
    readonly options: { readonly signal: AbortSignal | undefined };
  },
): Promise<void> {
  const [current, ...others] = tally.of(token);
  if (current === undefined || others.length > 0) return;
  const call = store.replace(token, bytes(current), bytes(next), soon(), options);
  const done = await attempt([next], call);
  if (done) tally.acknowledge(token, next);
  else judge(tally, token, false);
}

function judge(tally: Tally, token: string, isThere: boolean): void {
  tally.answered();
  if (isThere) tally.wasToldPresent(token);
  else tally.wasToldMissing(token);
}

/** Long enough for any test. */
function soon(): Date {
  return inMs(3_600_000);
}

/** Reads all sessions once the store works again, and compares them with what was acknowledged. */
export async function readBack(store: FullSessionStore, tally: Tally): Promise<Counts> {
  // The pool may still hold lost connections.
  await until(async () => {
    await store.all();
    return true;
  });
  for (const token of tally.tokens) {
    let found;
    await until(async () => {
      found = await store.find(token);
      return true;
    });
    tally.saw(token, text((found as { data: Uint8Array } | undefined)?.data));
  }
  const { counts } = tally;
  assert.ok(counts.acknowledged > 0);
  return counts;
}

/** Does the same, and asserts that nothing is lost or wrong. */
export async function settle(store: FullSessionStore, tally: Tally): Promise<Counts> {
  const { acknowledged, failed, ...wrong } = await readBack(store, tally);
  assert.deepEqual(wrong, { lost: 0, revived: 0, falselyMissing: 0 });
  return { acknowledged, failed, ...wrong };
}
