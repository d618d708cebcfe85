import assert from "node:assert/strict";
import { once } from "node:events";
import { CleanupLoop } from "../../src/sequelize/cleanup_loop.ts";

/** Resolves once a loop has stopped because the signal aborted. */
async function stoppedBy(signal: AbortSignal, loop: CleanupLoop): Promise<void> {
  if (!signal.aborted) await once(signal, "abort");
  await loop.stop();
}

/** A cleanup whose clock the test winds: it sleeps until told to wake up. */
function setUp(deleteExpired: () => Promise<number>, onError = (_: unknown): void => {}): {
  stop: () => void;
  /** Lets the interval pass. */
  wake: () => Promise<void>;
  /** The delays that were slept, in milliseconds. */
  delays: number[];
  stopped: Promise<void>;
} {
  const controller = new AbortController();
  const delays: number[] = [];
  let wakeUp: () => void = () => {};
  const sleep = (ms: number, signal: AbortSignal): Promise<void> => {
    delays.push(ms);
    return new Promise((resolve, reject) => {
      wakeUp = resolve;
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
  };
  const { signal } = controller;
  const stopped = stoppedBy(
    signal,
    new CleanupLoop(deleteExpired, { interval: 1000, signal, onError, sleep }),
  );
  const wake = async (): Promise<void> => {
    wakeUp();
    await new Promise((resolve) => setTimeout(resolve));
  };
  return { stop: () => controller.abort(), wake, delays, stopped };
}

Deno.test("CleanupLoop runs after each interval until it is stopped", async () => {
  let runs = 0;
  const { wake, stop, stopped } = setUp(() => Promise.resolve(runs++));
  assert.equal(runs, 0);
  await wake();
  await wake();
  assert.equal(runs, 2);
  stop();
  await stopped;
  await wake();
  assert.equal(runs, 2);
});

// Instances that all sweep at the same moment load the database, and deadlock.
Deno.test("CleanupLoop spreads its intervals by a fifth either way", async () => {
  const { wake, stop, stopped, delays } = setUp(() => Promise.resolve(0));
  for (let i = 0; i < 200; i++) await wake();
  stop();
  await stopped;
  assert.ok(delays.every((ms) => ms >= 800 && ms <= 1200));
  assert.ok(Math.min(...delays) < 900 && Math.max(...delays) > 1100);
});

Deno.test("CleanupLoop never overlaps itself", async () => {
  let running = 0;
  let finish: (deleted: number) => void = () => {};
  const { wake, stop, stopped } = setUp(() => {
    running++;
    return new Promise<number>((resolve) => finish = resolve).finally(() => running--);
  });
  await wake();
  await wake();
  assert.equal(running, 1);
  stop();
  finish(0);
  await stopped;
});

// A stop that does not wait lets the process close the pool under a delete.
Deno.test("CleanupLoop has stopped once the delete under way has ended", async () => {
  let finish: (deleted: number) => void = () => {};
  const { wake, stop, stopped } = setUp(() => new Promise<number>((resolve) => finish = resolve));
  await wake();
  let ended = false;
  stopped.then(() => ended = true);
  stop();
  await wake();
  assert.equal(ended, false);
  finish(0);
  await stopped;
});

Deno.test("CleanupLoop reports each failure, and goes on", async () => {
  const errors: unknown[] = [];
  const { wake, stop, stopped } = setUp(() => Promise.reject("down"), (e) => errors.push(e));
  await wake();
  await wake();
  assert.deepEqual(errors, ["down", "down"]);
  stop();
  await stopped;
});

Deno.test("CleanupLoop goes on if the error handler throws", async () => {
  let runs = 0;
  const consoleError = console.error;
  const printed: unknown[] = [];
  console.error = (line: unknown) => printed.push(line);
  try {
    const { wake, stop, stopped } = setUp(() => Promise.reject(++runs), (run) => {
      // The second time as an async function fails.
      if (run === 2) return Promise.reject("handler");
      throw "handler";
    });
    await wake();
    await wake();
    stop();
    await stopped;
  } finally {
    console.error = consoleError;
  }
  assert.equal(runs, 2);
  assert.deepEqual(printed, ["handler", "handler"]);
});

// Or a handler that stops the cleanup, and waits for that, waits for ever.
Deno.test("CleanupLoop stops while the error handler is at work", async () => {
  const { wake, stop, stopped } = setUp(() => Promise.reject("down"), async () => {
    stop();
    await stopped;
    ended.push("handler");
  });
  const ended: string[] = [];
  await wake();
  await stopped;
  assert.deepEqual(ended, ["handler"]);
});

Deno.test("CleanupLoop waits for the error handler before it runs again", async () => {
  let runs = 0;
  let finish: () => void = () => {};
  const { wake, stop, stopped } = setUp(
    () => Promise.reject(++runs),
    () => new Promise<void>((resolve) => finish = resolve),
  );
  await wake();
  await wake();
  assert.equal(runs, 1);
  finish();
  await wake();
  await wake();
  assert.equal(runs, 2);
  stop();
  await stopped;
});

/** A store that counts its cleanups. */
function counting(): { runs: number; deleteExpired: () => Promise<number> } {
  const store = { runs: 0, deleteExpired: () => Promise.resolve(store.runs++) };
  return store;
}

Deno.test("CleanupLoop never runs if the signal was aborted before", async () => {
  const store = counting();
  const signal = AbortSignal.abort();
  const options = { interval: 1, signal, onError: assert.ifError };
  await stoppedBy(signal, new CleanupLoop(store.deleteExpired, options));
  assert.equal(store.runs, 0);
});

// A delay over 2^31-1 ms would fire at once, again and again.
Deno.test("CleanupLoop waits if the interval is longer than a timer can", async () => {
  const controller = new AbortController();
  const store = counting();
  const { signal } = controller;
  const options = { interval: 1e12, signal, onError: assert.ifError };
  const stopped = stoppedBy(signal, new CleanupLoop(store.deleteExpired, options));
  await new Promise((resolve) => setTimeout(resolve, 20));
  controller.abort();
  await stopped;
  assert.equal(store.runs, 0);
});
