import assert from "node:assert/strict";
import process from "node:process";
import { Batcher, type BatcherOptions } from "../../src/batching/batcher.ts";
import type { Fault } from "../../src/batching/delivery.ts";

interface Operation {
  readonly key: string;
  readonly value?: number;
  readonly kind?: string | undefined;
  readonly weight?: number;
  /** Whether it needs a result of its own, so that no other operation supersedes it. */
  readonly asks?: boolean;
}

const FAULTS: Record<string, Fault> = { down: "system", "timed out": "either" };

/** Makes a batcher whose batches stay in flight until the test settles them. */
function setUp(options: Partial<BatcherOptions<Operation, number>> = {}): {
  batcher: Batcher<Operation, number>;
  /** The batches that were sent. */
  sent: Operation[][];
  /** Settles the oldest batch in flight, or the one that was sent as the `nth`. */
  settle: (error?: unknown, nth?: number) => Promise<void>;
} {
  const sent: Operation[][] = [];
  const pending = new Map<number, (error?: unknown) => void>();
  const batcher = new Batcher<Operation, number>({
    lanes: 1,
    minShare: 1000,
    maxOperations: 100,
    maxWeight: 100,
    queueLimit: 1e6,
    keyOf: ({ key }) => key,
    kindOf: (operation) => "kind" in operation ? operation.kind : "any",
    weightOf: ({ weight = 0 }) => weight,
    supersedes: (later, earlier) => !later.asks && !earlier.asks,
    send: (operations) => {
      sent.push([...operations]);
      return new Promise((resolve, reject) => {
        const results = operations.map(({ value = 0 }) => value);
        const end = (error: unknown): void =>
          error === undefined ? resolve(results) : reject(error);
        pending.set(sent.length - 1, end);
      });
    },
    stuckAfter: 1e6,
    maxInFlight: 4,
    faultOf: (error) => FAULTS[String(error)] ?? "operation",
    counters: { calls: 0, refused: 0 },
    ...options,
  });
  const settle = async (error?: unknown, nth = [...pending.keys()][0]!): Promise<void> => {
    pending.get(nth)!(error);
    pending.delete(nth);
    await tick();
  };
  return { batcher, sent, settle };
}

/** Waits until everything that is due has happened. */
function tick(ms = 0): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function keys(sent: Operation[][]): string[] {
  return sent.map((batch) => batch.map(({ key }) => key).join(""));
}

Deno.test("Batcher.add() sends an operation at once if a lane is free", async () => {
  const { batcher, sent, settle } = setUp();
  const result = batcher.add({ key: "a", value: 7 });
  await Promise.resolve();
  assert.deepEqual(keys(sent), ["a"]);
  await settle();
  assert.equal(await result, 7);
});

Deno.test("Batcher.add() gathers the operations of one tick", async () => {
  const { batcher, sent, settle } = setUp({ lanes: 2 });
  const results = ["a", "b", "c"].map((key, value) => batcher.add({ key, value }));
  await tick();
  await settle();
  assert.deepEqual(keys(sent), ["abc"]);
  assert.deepEqual(await Promise.all(results), [0, 1, 2]);
});

Deno.test("Batcher.add() gathers the operations that arrive while all lanes are busy", async () => {
  const { batcher, sent, settle } = setUp({ lanes: 2 });
  const results: Promise<number>[] = [];
  for (const key of "abcde") {
    results.push(batcher.add({ key, value: results.length }));
    await tick();
  }
  assert.deepEqual(keys(sent), ["a", "b"]);
  await settle();
  assert.deepEqual(keys(sent), ["a", "b", "cde"]);
  await settle();
  await settle();
  assert.deepEqual(await Promise.all(results), [0, 1, 2, 3, 4]);
});

// The database then works on one batch while the results of another are read.
Deno.test("Batcher.add() divides many calls among the free lanes", async () => {
  const { batcher, sent, settle } = setUp({ lanes: 2, minShare: 3, maxOperations: 4 });
  const add = (keys: string): Promise<number>[] => [...keys].map((key) => batcher.add({ key }));
  const calls = [...add("abcde")];
  await tick();
  assert.deepEqual(keys(sent), ["abc", "de"]);
  await settle();
  await settle();
  calls.push(...add("fg"));
  await tick();
  await settle();
  calls.push(...add("hijklmnop"));
  await tick();
  assert.deepEqual(keys(sent).slice(2), ["fg", "hijk", "lmno"]);
  for (const _ of ["hijk", "lmno", "p"]) await settle();
  await Promise.all(calls);
});

// Otherwise the first of them would be sent alone, and the others would wait for it.
Deno.test("Batcher.add() gathers the next calls of the callers of one batch", async () => {
  const { batcher, sent, settle } = setUp();
  const callers = [..."abc"].map(async (key) => {
    for (let i = 0; i < 3; i++) await batcher.add({ key });
  });
  for (let i = 0; i < 3; i++) {
    await tick();
    await settle();
  }
  await Promise.all(callers);
  assert.deepEqual(keys(sent), ["abc", "abc", "abc"]);
});

Deno.test("Batcher.add() never has two operations of one key in flight", async () => {
  const { batcher, sent, settle } = setUp({ lanes: 3 });
  const calls: Promise<number>[] = [];
  for (const key of "aab") {
    calls.push(batcher.add({ key, asks: true }));
    await tick();
  }
  assert.deepEqual(keys(sent), ["a", "b"]);
  await settle();
  assert.deepEqual(keys(sent), ["a", "b", "a"]);
  await settle();
  await settle();
  await Promise.all(calls);
});

Deno.test("Batcher.add() sends the last of a key's waiting operations for all of them", async () => {
  const { batcher, sent, settle } = setUp();
  const first = batcher.add({ key: "x" });
  await tick();
  const results = [1, 2, 3].map((value) => batcher.add({ key: "a", value }));
  await settle();
  assert.deepEqual(sent[1], [{ key: "a", value: 3 }]);
  await settle();
  assert.deepEqual(await Promise.all(results), [3, 3, 3]);
  await first;
});

Deno.test("Batcher.add() keeps the order around an operation that needs its own result", async () => {
  const { batcher, sent, settle } = setUp();
  const first = batcher.add({ key: "x" });
  await tick();
  const calls = [
    batcher.add({ key: "a", value: 1 }),
    batcher.add({ key: "a", value: 2 }),
    batcher.add({ key: "a", value: 3, asks: true }),
    batcher.add({ key: "a", value: 4 }),
  ];
  for (const _ of ["x", 2, 3, 4]) await settle();
  assert.deepEqual(sent.flat().map(({ value }) => value), [undefined, 2, 3, 4]);
  assert.deepEqual(await Promise.all(calls), [2, 2, 3, 4]);
  await first;
});

Deno.test("Batcher.add() batches operations of one kind, and sends those without a kind alone", async () => {
  const { batcher, sent, settle } = setUp();
  const operations = [
    { key: "a", kind: "write" },
    { key: "b", kind: undefined },
    { key: "c", kind: "write" },
    { key: "d", kind: undefined },
  ];
  const calls = operations.map((operation) => batcher.add(operation));
  await tick();
  for (const _ of ["ac", "b", "d"]) await settle();
  assert.deepEqual(keys(sent), ["ac", "b", "d"]);
  await Promise.all(calls);
});

Deno.test("Batcher.add() limits a batch in operations and in weight", async () => {
  const { batcher, sent, settle } = setUp({ maxOperations: 3 });
  const weights = { a: 40, b: 60, c: 1, d: 500, e: 1, f: 1, g: 1, h: 1 };
  const calls = Object.entries(weights).map(([key, weight]) => batcher.add({ key, weight }));
  await tick();
  for (const _ of ["ab", "c", "d", "efg", "h"]) await settle();
  assert.deepEqual(keys(sent), ["ab", "c", "d", "efg", "h"]);
  await Promise.all(calls);
});

Deno.test("Batcher.add() lets the key of an operation in flight wait for its turn", async () => {
  const { batcher, sent, settle } = setUp({ kindOf: () => undefined });
  const calls = ["a", "a", "a", "b", "c"].map((key) => batcher.add({ key, asks: true }));
  await tick();
  for (const _ of calls) await settle();
  assert.deepEqual(keys(sent), ["a", "b", "c", "a", "a"]);
  await Promise.all(calls);
});

Deno.test("Batcher.add() sends other keys while a batch is stuck", async () => {
  const { batcher, sent, settle } = setUp({ lanes: 2 });
  const stuck = batcher.add({ key: "s" });
  await tick();
  const others = [batcher.add({ key: "a" })];
  await tick();
  others.push(...[..."bc"].map((key) => batcher.add({ key })));
  const behind = batcher.add({ key: "s" });
  await settle(undefined, 1);
  await settle(undefined, 2);
  await Promise.all(others);
  assert.deepEqual(keys(sent), ["s", "a", "bc"]);
  await settle();
  await settle();
  assert.deepEqual(keys(sent), ["s", "a", "bc", "s"]);
  await Promise.all([stuck, behind]);
});

Deno.test("Batcher.add() settles each operation of a failed batch on its own", async () => {
  const { batcher, sent, settle } = setUp();
  const first = batcher.add({ key: "x" });
  await tick();
  const results = Promise.allSettled(
    ["a", "b", "c"].map((key, value) => batcher.add({ key, value })),
  );
  await settle();
  await settle("refused");
  await settle();
  await settle("refused, and it was b");
  await settle();
  assert.deepEqual(keys(sent), ["x", "abc", "a", "b", "c"]);
  assert.deepEqual(await results, [
    { status: "fulfilled", value: 0 },
    { status: "rejected", reason: "refused, and it was b" },
    { status: "fulfilled", value: 2 },
  ]);
  await first;
});

Deno.test("Batcher.add() fails the whole batch at once on a systemic error", async () => {
  const { batcher, sent, settle } = setUp();
  const first = batcher.add({ key: "x" });
  await tick();
  const results = Promise.allSettled(["a", "b"].map((key) => batcher.add({ key })));
  await settle();
  await settle("down");
  assert.deepEqual(keys(sent), ["x", "ab"]);
  assert.deepEqual((await results).map(({ status }) => status), ["rejected", "rejected"]);
  // Later batches are sent as before.
  const next = batcher.add({ key: "c", value: 3 });
  await tick();
  await settle();
  assert.equal(await next, 3);
  await first;
});

Deno.test("Batcher.add() stops sending one by one when the connection is lost", async () => {
  const { batcher, sent, settle } = setUp();
  const first = batcher.add({ key: "x" });
  await tick();
  const results = Promise.allSettled(["a", "b", "c"].map((key) => batcher.add({ key })));
  await settle();
  await settle("refused");
  await settle();
  await settle("down");
  assert.deepEqual(keys(sent), ["x", "abc", "a", "b"]);
  const statuses = (await results).map(({ status }) => status);
  assert.deepEqual(statuses, ["fulfilled", "rejected", "rejected"]);
  await first;
});

// A statement that times out may have met one locked row, or a database that does not respond.
Deno.test("Batcher.add() stops sending one by one after two timeouts in a row", async () => {
  const { batcher, sent, settle } = setUp();
  const first = batcher.add({ key: "x" });
  await tick();
  const results = Promise.allSettled([..."abcdef"].map((key) => batcher.add({ key })));
  await settle();
  for (const error of ["timed out", undefined, "timed out", undefined, "timed out"]) {
    await settle(error);
  }
  await settle("timed out");
  assert.deepEqual(keys(sent), ["x", "abcdef", "a", "b", "c", "d", "e"]);
  const fulfilled = (await results).map(({ status }) => status === "fulfilled");
  assert.deepEqual(fulfilled, [true, false, true, false, false, false]);
  await first;
});

// Without the operation, those that it superseded would have succeeded.
Deno.test("Batcher.add() sends the operations that a refused one superseded", async () => {
  const { batcher, sent, settle } = setUp();
  const first = batcher.add({ key: "x" });
  await tick();
  const results = Promise.allSettled([1, 2].map((value) => batcher.add({ key: "a", value })));
  await settle();
  await settle("refused");
  await settle();
  await settle("refused");
  assert.deepEqual(sent.slice(1).flat().map(({ value }) => value), [2, 1, 2]);
  assert.deepEqual(await results, [
    { status: "fulfilled", value: 1 },
    { status: "rejected", reason: "refused" },
  ]);
  await first;
});

Deno.test("Batcher.add() does not take the timeouts of one key for a systemic failure", async () => {
  const { batcher, sent, settle } = setUp();
  const first = batcher.add({ key: "x" });
  await tick();
  const results = Promise.allSettled([..."aabc"].map((key) => batcher.add({ key })));
  await settle();
  await settle("timed out");
  await settle("timed out");
  await settle();
  await settle();
  assert.deepEqual(keys(sent), ["x", "abc", "a", "b", "c"]);
  const statuses = (await results).map(({ status }) => status);
  assert.deepEqual(statuses, ["rejected", "rejected", "fulfilled", "fulfilled"]);
  await first;
});

Deno.test("Batcher.add() sends other batches beside stuck ones, up to maxInFlight", async () => {
  const { batcher, sent, settle } = setUp({ lanes: 1, stuckAfter: 5, maxInFlight: 3 });
  const calls: Promise<number>[] = [];
  for (const key of "abcd") {
    calls.push(batcher.add({ key }));
    await tick(20);
  }
  assert.deepEqual(keys(sent), ["a", "b", "c"]);
  await settle(undefined, 1);
  assert.deepEqual(keys(sent), ["a", "b", "c", "d"]);
  for (const _ of ["a", "c", "d"]) await settle();
  await Promise.all(calls);
  // Then there is one lane, as before.
  const after = batcher.add({ key: "e" });
  await Promise.resolve();
  const behind = batcher.add({ key: "f" });
  await Promise.resolve();
  assert.deepEqual(keys(sent).slice(4), ["e"]);
  await settle();
  await settle();
  await Promise.all([after, behind]);
});

Deno.test("Batcher.add() sends waiting calls as soon as the batch in flight counts as stuck", async () => {
  const { batcher, sent, settle } = setUp({ lanes: 1, stuckAfter: 20, maxInFlight: 2 });
  const first = batcher.add({ key: "a" });
  await tick();
  const second = batcher.add({ key: "b" });
  await tick();
  assert.deepEqual(keys(sent), ["a"]);
  await tick(40);
  assert.deepEqual(keys(sent), ["a", "b"]);
  await settle();
  await settle();
  await Promise.all([first, second]);
});

Deno.test("Batcher.add() sends waiting calls if the batch in flight gets stuck at that very moment", async () => {
  const { now } = performance;
  const { batcher, sent, settle } = setUp({ lanes: 1, stuckAfter: 1000, maxInFlight: 2 });
  try {
    performance.now = () => 0;
    const first = batcher.add({ key: "a" });
    await tick();
    // A clock that passes that moment between two readings.
    const readings = [999.9];
    performance.now = () => readings.shift() ?? 1000.1;
    const second = batcher.add({ key: "b" });
    for (let i = 0; i < 200 && sent.length < 2; i++) await tick(5);
    assert.deepEqual(keys(sent), ["a", "b"]);
    await settle();
    await settle();
    await Promise.all([first, second]);
  } finally {
    performance.now = now;
  }
});

// A timer would keep the process alive.
Deno.test("Batcher.add() leaves no timer behind when no call waits", async () => {
  const { setTimeout, clearTimeout } = globalThis;
  const timers = new Set<unknown>();
  let started = 0;
  globalThis.setTimeout = ((callback: () => void, ms: number) => {
    const timer = setTimeout(callback, ms);
    if (ms > 1000) timers.add(timer), started++;
    return timer;
  }) as typeof setTimeout;
  globalThis.clearTimeout = (timer) => {
    timers.delete(timer);
    clearTimeout(timer);
  };
  try {
    const { batcher, settle } = setUp({ lanes: 1, stuckAfter: 60_000, maxInFlight: 2 });
    const first = batcher.add({ key: "a" });
    await tick();
    const second = batcher.add({ key: "b" });
    await tick();
    assert.deepEqual([started, timers.size], [1, 1]);
    await settle();
    await settle();
    await Promise.all([first, second]);
    assert.equal(timers.size, 0);
  } finally {
    Object.assign(globalThis, { setTimeout, clearTimeout });
    for (const timer of timers) clearTimeout(timer as number);
  }
});

Deno.test("Batcher.add() never sends a call that was aborted while it waited", async () => {
  const { batcher, sent, settle } = setUp();
  const controller = new AbortController();
  const first = batcher.add({ key: "x" });
  await tick();
  const kept = batcher.add({ key: "a", value: 1 });
  const aborted = batcher.add({ key: "a", value: 2 }, controller.signal);
  const alone = batcher.add({ key: "b" }, controller.signal);
  const rejected = [aborted, alone].map((call) =>
    assert.rejects(call, (error) => error === "reason")
  );
  controller.abort("reason");
  await Promise.all(rejected);
  await settle();
  await settle();
  assert.deepEqual(sent, [[{ key: "x" }], [{ key: "a", value: 1 }]]);
  assert.equal(await kept, 1);
  await first;
});

Deno.test("Batcher.add() never sends a call that was superseded and then aborted", async () => {
  const { batcher, sent, settle } = setUp();
  const controller = new AbortController();
  const first = batcher.add({ key: "x" });
  await tick();
  const aborted = assert.rejects(batcher.add({ key: "a", value: 1 }, controller.signal));
  const results = Promise.allSettled([
    batcher.add({ key: "a", value: 2 }),
    batcher.add({ key: "b", value: 3 }),
  ]);
  await settle();
  controller.abort();
  await aborted;
  await settle("refused");
  await settle();
  await settle();
  assert.deepEqual(sent.slice(1).map((batch) => batch.map(({ value }) => value)), [[2, 3], [2], [
    3,
  ]]);
  assert.deepEqual((await results).map(({ status }) => status), ["fulfilled", "fulfilled"]);
  await first;
});

Deno.test("Batcher.add() never sends a call that was aborted while others are sent one by one", async () => {
  const { batcher, sent, settle } = setUp();
  const controller = new AbortController();
  const first = batcher.add({ key: "x" });
  await tick();
  const others = [batcher.add({ key: "b", value: 1 })];
  const superseded = assert.rejects(batcher.add({ key: "a", value: 2 }, controller.signal));
  others.push(batcher.add({ key: "a", value: 3 }));
  const alone = assert.rejects(batcher.add({ key: "c", value: 4 }, controller.signal));
  await settle();
  await settle("refused");
  controller.abort();
  await Promise.all([superseded, alone]);
  await settle();
  await settle();
  assert.deepEqual(sent.slice(1).map((batch) => batch.map(({ value }) => value)), [
    [1, 3, 4],
    [1],
    [3],
  ]);
  assert.deepEqual(await Promise.all(others), [1, 3]);
  await first;
});

// The database may have carried out the batch: a retry must not write what no caller wants any more.
Deno.test("Batcher.add() retries the operation that an aborted one superseded", async () => {
  const { batcher, sent, settle } = setUp();
  const controller = new AbortController();
  const first = batcher.add({ key: "x" });
  await tick();
  const kept = [batcher.add({ key: "a", value: 1 }), batcher.add({ key: "b", value: 3 })];
  const aborted = assert.rejects(batcher.add({ key: "a", value: 2 }, controller.signal));
  await settle();
  controller.abort();
  await aborted;
  await settle("timed out");
  await settle();
  await settle();
  assert.deepEqual(sent.slice(1).map((batch) => batch.map(({ value }) => value)), [[2, 3], [1], [
    3,
  ]]);
  assert.deepEqual(await Promise.all(kept), [1, 3]);
  await first;
});

Deno.test("Batcher.add() rejects a call in flight as soon as it is aborted, and lets its batch finish", async () => {
  const { batcher, sent, settle } = setUp();
  const controller = new AbortController();
  const call = batcher.add({ key: "a" }, controller.signal);
  await tick();
  const rejected = assert.rejects(call, (error) => error === "reason");
  controller.abort("reason");
  await rejected;
  const next = batcher.add({ key: "a", value: 2 });
  await tick();
  assert.deepEqual(keys(sent), ["a"]);
  await settle("even if it fails");
  await settle();
  assert.equal(await next, 2);
});

Deno.test("Batcher.add() says when an operation is neither waiting nor in flight any more", async () => {
  const { batcher, settle } = setUp({ queueLimit: 3 });
  const settled: string[] = [];
  const controller = new AbortController();
  const add = (key: string, signal?: AbortSignal): Promise<unknown> =>
    batcher.add({ key }, signal, () => settled.push(key)).catch(() => {});
  const calls = [add("in flight", controller.signal)];
  await tick();
  calls.push(add("withdrawn", controller.signal), add("sent"), add("failed"));
  calls.push(add("refused"));
  await tick();
  assert.deepEqual(settled, ["refused"]);
  controller.abort();
  await tick();
  assert.deepEqual(settled, ["refused", "withdrawn"]);
  await settle();
  assert.deepEqual(settled, ["refused", "withdrawn", "in flight"]);
  await settle("refused");
  await settle();
  await settle("refused");
  await Promise.all(calls);
  assert.deepEqual(settled, ["refused", "withdrawn", "in flight", "sent", "failed"]);
});

Deno.test("Batcher.add() says so of an operation that is dropped while others are sent one by one", async () => {
  const { batcher, settle } = setUp();
  const controller = new AbortController();
  let isSettled = false;
  const first = batcher.add({ key: "a" });
  const second = batcher.add({ key: "b" }, controller.signal, () => isSettled = true);
  const rejected = assert.rejects(second);
  await tick();
  await settle("refused");
  controller.abort();
  await rejected;
  assert.equal(isSettled, false);
  await settle();
  assert.equal(isSettled, true);
  await first;
});

// Otherwise the calls that wait for a database that does not respond would fill the memory.
Deno.test("Batcher.add() refuses calls while queueLimit calls are waiting", async () => {
  const { batcher, sent, settle } = setUp({ queueLimit: 2 });
  const controller = new AbortController();
  const calls = [batcher.add({ key: "x" })];
  await tick();
  calls.push(batcher.add({ key: "a" }));
  const withdrawn = assert.rejects(batcher.add({ key: "a" }, controller.signal));
  const refuse = (): Promise<void> =>
    assert.rejects(batcher.add({ key: "b" }), {
      name: "QueueFullError",
      message: /^Cannot queue the call: 2 calls are already waiting/,
    });
  await refuse();
  controller.abort();
  await withdrawn;
  calls.push(batcher.add({ key: "c" }));
  await refuse();
  await settle();
  calls.push(batcher.add({ key: "d" }), batcher.add({ key: "d" }));
  await refuse();
  await settle();
  await settle();
  await Promise.all(calls);
  assert.deepEqual(keys(sent), ["x", "ac", "d"]);
});

Deno.test("a Batcher counts each call that is sent once, and tells send() how many there are", async () => {
  const counters = { calls: 0, refused: 0 };
  const told: number[] = [];
  let fail = false;
  const { batcher } = setUp({
    counters,
    queueLimit: 3,
    send: async (operations, calls) => {
      told.push(calls);
      await tick();
      if (fail && operations.length > 1) throw "timed out";
      return operations.map(() => 0);
    },
  });
  const add = (key: string, signal?: AbortSignal): Promise<number> => batcher.add({ key }, signal);
  const controller = new AbortController();
  const calls = [add("x")];
  await Promise.resolve();
  calls.push(add("a"), add("a"));
  const aborted = add("b", controller.signal);
  assert.equal(batcher.waiting, 3);
  await assert.rejects(add("c"), { name: "QueueFullError" });
  controller.abort();
  await assert.rejects(aborted);
  assert.equal(batcher.waiting, 2);
  await Promise.all(calls);
  assert.deepEqual(told, [1, 2]);
  assert.deepEqual(counters, { calls: 3, refused: 1 });
  // Those that go beyond the limit, and are refused once the others have left.
  await Promise.allSettled(
    Array.from({ length: 6 }, (_, i) => batcher.add({ key: "y", value: i, asks: true })),
  );
  assert.deepEqual(counters, { calls: 7, refused: 3 });
  told.length = 0;
  fail = true;
  await Promise.all([add("a"), add("b"), add("b")]);
  assert.deepEqual(told, [3, 1, 2], "one by one, and not counted again");
  assert.deepEqual(counters, { calls: 10, refused: 3 });
});

Deno.test("Batcher.add() accepts any number of calls that can be sent at once", async () => {
  const { batcher, sent, settle } = setUp({
    lanes: 2,
    minShare: 3,
    maxOperations: 3,
    queueLimit: 1,
  });
  const add = (keys: string): Promise<number>[] => [...keys].map((key) => batcher.add({ key }));
  const calls = add("abcadefg");
  const refused = add("h").map((call) => assert.rejects(call, { name: "QueueFullError" }));
  await Promise.all(refused);
  assert.deepEqual(keys(sent), ["abc", "def"]);
  // The waiting call keeps out no calls that can be sent.
  await settle();
  assert.deepEqual(keys(sent), ["abc", "def", "g"]);
  await settle();
  calls.push(...add("ijk"));
  await tick();
  assert.deepEqual(keys(sent).slice(3), ["ijk"]);
  await settle();
  await settle();
  await Promise.all(calls);
});

Deno.test("Batcher.add() lets the calls of a key in flight wait up to the limit, and sends others beside them", async () => {
  const { batcher, sent, settle } = setUp({ lanes: 2, queueLimit: 2 });
  const add = (keys: string): Promise<number>[] => [...keys].map((key) => batcher.add({ key }));
  const calls = add("a");
  await tick();
  calls.push(...add("aa"));
  await assert.rejects(batcher.add({ key: "a" }), { name: "QueueFullError" });
  calls.push(...add("bc"));
  await tick();
  assert.deepEqual(keys(sent), ["a", "bc"]);
  await assert.rejects(batcher.add({ key: "d" }), { name: "QueueFullError" });
  for (const _ of ["a", "bc", "a"]) await settle();
  await Promise.all(calls);
});

Deno.test("Batcher.add() does not count a call beyond the limit that is aborted in the same tick", async () => {
  const { batcher, sent, settle } = setUp({ lanes: 1, maxOperations: 1, queueLimit: 1 });
  const controller = new AbortController();
  const calls = [batcher.add({ key: "a" }), batcher.add({ key: "b" })];
  const aborted = assert.rejects(batcher.add({ key: "c" }, controller.signal), /reason/);
  const refused = assert.rejects(batcher.add({ key: "d" }), { name: "QueueFullError" });
  controller.abort(new Error("reason"));
  await Promise.all([aborted, refused]);
  await settle();
  await settle();
  await Promise.all(calls);
  assert.deepEqual(keys(sent), ["a", "b"]);
});

/** A signal, and how many listeners it has and has had in total. */
function counting(signal: AbortSignal): { listeners: number; added: number } {
  const counts = { listeners: 0, added: 0 };
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>): void => {
    counts.listeners++;
    counts.added++;
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>): void => {
    counts.listeners--;
    remove(...args);
  };
  return counts;
}

Deno.test("Batcher.add() removes its listener from the signal", async () => {
  const { batcher, settle } = setUp();
  const { signal } = new AbortController();
  const counts = counting(signal);
  for (let i = 0; i < 2; i++) {
    const call = batcher.add({ key: "a" }, signal);
    assert.equal(counts.listeners, 1);
    await tick();
    await settle();
    await call;
    assert.equal(counts.listeners, 0);
  }
});

// A signal searches all its listeners whenever one is added.
Deno.test("Batcher.add() adds one listener to a signal that many calls share", async () => {
  const { batcher, sent, settle } = setUp();
  const controller = new AbortController();
  const counts = counting(controller.signal);
  const add = (value: number): Promise<number> =>
    batcher.add({ key: `${value}`, value }, controller.signal);
  const answered = Array.from({ length: 50 }, (_, value) => add(value));
  await tick();
  const waiting = Array.from({ length: 1000 }, (_, value) => add(value));
  const rejected = Promise.all(waiting.map((call) => assert.rejects(call, /reason/)));
  await settle();
  await Promise.all(answered);
  assert.deepEqual(counts, { listeners: 1, added: 1 });
  controller.abort(new Error("reason"));
  await rejected;
  await settle();
  assert.equal(sent.length, 2);
});

// A test runner's sandbox or a polyfill may have signals of another class.
Deno.test("Batcher.add() needs only the state and the listeners of a signal", async () => {
  const { batcher, settle } = setUp();
  const { signal, ...controller } = foreignController();
  const call = batcher.add({ key: "a" }, signal);
  await tick();
  await settle();
  await call;
  const waiting = [batcher.add({ key: "b" }, signal), batcher.add({ key: "c" }, signal)];
  const rejected = waiting.map((call) => assert.rejects(call, (error) => error === "reason"));
  controller.abort("reason");
  await Promise.all(rejected);
  await assert.rejects(batcher.add({ key: "d" }, signal), (error) => error === "reason");
});

function foreignController(): { signal: AbortSignal; abort: (reason: unknown) => void } {
  const listeners = new Set<() => void>();
  const signal = {
    aborted: false,
    reason: undefined as unknown,
    addEventListener: (_: string, listener: () => void) => void listeners.add(listener),
    removeEventListener: (_: string, listener: () => void) => void listeners.delete(listener),
  };
  const abort = (reason: unknown): void => {
    Object.assign(signal, { aborted: true, reason });
    for (const listener of listeners) listener();
  };
  return { signal: signal as unknown as AbortSignal, abort };
}

Deno.test("Batcher.add() accepts a hundred thousand calls for one key", async () => {
  const { batcher, sent, settle } = setUp();
  const calls = Array.from({ length: 100_000 }, (_, value) => batcher.add({ key: "a", value }));
  await tick();
  await settle();
  assert.equal((await Promise.all(calls)).at(-1), 99_999);
  assert.equal(sent.length, 1);
});

/** The processor time of this process in milliseconds, which does not pass while other processes run. */
async function processorTime(run: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

// 16 times as many calls take 16 times the time, or 256 times if each is taken from the front of an array.
Deno.test("Batcher.add() sends many calls for one key one by one in linear time", async () => {
  const run = async (length: number): Promise<void> => {
    const { batcher } = setUp({ send: (batch) => Promise.resolve(batch.map(() => 0)) });
    const add = (): Promise<number> => batcher.add({ key: "a", asks: true });
    await Promise.all(Array.from({ length }, add));
  };
  await run(5000);
  const five = await processorTime(async () => {
    for (let i = 0; i < 5; i++) await run(5000);
  });
  const many = await processorTime(() => run(80_000));
  assert.ok(many < 40 * five / 5, `${many} ms, and five times 5000 ${five} ms`);
});
