import assert from "node:assert/strict";
import { KeyedQueue } from "../../src/util/keyed_queue.ts";

/** A task that waits until `end` or `fail` is called. */
function task<T>(): {
  readonly run: () => Promise<T>;
  readonly end: (value: T) => void;
  readonly fail: (error: Error) => void;
  readonly runs: () => number;
} {
  let runs = 0;
  const { promise, resolve: end, reject: fail } = Promise.withResolvers<T>();
  const run = (): Promise<T> => {
    runs++;
    return promise;
  };
  return { run, end, fail, runs: () => runs };
}

function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

Deno.test("a KeyedQueue runs the tasks of one key one after another", async () => {
  const queue = new KeyedQueue<string>();
  const [one, two, three, other] = [task<number>(), task<number>(), task<number>(), task<number>()];
  const results = [one, two, three].map(({ run }) => queue.run("key", run));
  const apart = queue.run("another key", other.run);
  await settle();
  assert.deepEqual([one, two, three, other].map(({ runs }) => runs()), [1, 0, 0, 1]);
  one.end(1);
  await settle();
  assert.deepEqual([one, two, three].map(({ runs }) => runs()), [1, 1, 0]);
  two.end(2);
  three.end(3);
  other.end(9);
  assert.deepEqual(await Promise.all([...results, apart]), [1, 2, 3, 9]);
  const late = task<number>();
  late.end(4);
  assert.equal(await queue.run("key", late.run), 4);
});

Deno.test("a task that fails does not hold up the next one", async () => {
  const queue = new KeyedQueue<string>();
  const [one, two] = [task<number>(), task<number>()];
  const first = queue.run("key", one.run);
  const second = queue.run("key", two.run);
  one.fail(new Error("failed"));
  two.end(2);
  await assert.rejects(first, { message: "failed" });
  assert.equal(await second, 2);
});

Deno.test("a task that is aborted while it waits is never run, and those behind it wait on", async () => {
  const queue = new KeyedQueue<string>();
  const controller = new AbortController();
  const [one, two, three] = [task<number>(), task<number>(), task<number>()];
  const first = queue.run("key", one.run);
  const second = queue.run("key", two.run, controller.signal);
  const third = queue.run("key", three.run);
  controller.abort(new Error("aborted"));
  await assert.rejects(second, { message: "aborted" });
  await settle();
  assert.equal(three.runs(), 0);
  one.end(1);
  three.end(3);
  assert.deepEqual(await Promise.all([first, third]), [1, 3]);
  assert.equal(two.runs(), 0);
});

Deno.test("a task whose signal has aborted is not run, even if no other one is before it", async () => {
  const { run, runs } = task<number>();
  const signal = AbortSignal.abort(new Error("aborted"));
  await assert.rejects(new KeyedQueue<string>().run("key", run, signal), { message: "aborted" });
  assert.equal(runs(), 0);
});

Deno.test("a task that has begun is not ended by its signal", async () => {
  const queue = new KeyedQueue<string>();
  const controller = new AbortController();
  const one = task<number>();
  const first = queue.run("key", one.run, controller.signal);
  await settle();
  controller.abort(new Error("aborted"));
  one.end(1);
  assert.equal(await first, 1);
});
