import assert from "node:assert/strict";
import { Turns } from "../../src/util/turns.ts";

/** A task that waits until it is told to end. */
function task<T>(): {
  readonly run: (left: T | undefined) => Promise<T | undefined>;
  readonly end: (value?: T) => void;
  readonly fail: (error: Error) => void;
  readonly got: () => readonly (T | undefined)[];
} {
  const got: (T | undefined)[] = [];
  let end!: (value?: T) => void, fail!: (error: Error) => void;
  const ended = new Promise<T | undefined>((resolve, reject) => {
    end = resolve;
    fail = reject;
  });
  const run = (left: T | undefined): Promise<T | undefined> => {
    got.push(left);
    return ended;
  };
  return { run, end, fail, got: () => got };
}

function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

Deno.test("Turns run one after another, and hand on what they leave", async () => {
  const turns = new Turns<string, number>();
  const [one, two, three, other] = [task<number>(), task<number>(), task<number>(), task<number>()];
  const taken = [one, two, three].map(({ run }) => turns.take("key", run));
  const apart = turns.take("another key", other.run);
  await settle();
  assert.deepEqual([one, two, three, other].map(({ got }) => got().length), [1, 0, 0, 1]);
  one.end(1);
  await settle();
  assert.deepEqual([one, two, three].map(({ got }) => got().length), [1, 1, 0]);
  two.end(2);
  three.end();
  other.end(9);
  assert.deepEqual(await Promise.all([...taken, apart]), [1, 2, undefined, 9]);
  assert.deepEqual([one, two, three].map(({ got }) => got()), [[undefined], [1], [2]]);
  // Nobody is waiting any more: what was left is forgotten.
  const late = task<number>();
  late.end();
  await turns.take("key", late.run);
  assert.deepEqual(late.got(), [undefined]);
});

Deno.test("a turn that fails hands on nothing, and holds nobody up", async () => {
  const turns = new Turns<string, number>();
  const [one, two] = [task<number>(), task<number>()];
  const first = turns.take("key", one.run);
  const second = turns.take("key", two.run);
  one.fail(new Error("failed"));
  two.end(2);
  await assert.rejects(first, { message: "failed" });
  assert.equal(await second, 2);
  assert.deepEqual(two.got(), [undefined]);
});

Deno.test("a turn that is aborted while it waits is never run, and those behind it wait on", async () => {
  const turns = new Turns<string, number>();
  const controller = new AbortController();
  const [one, two, three] = [task<number>(), task<number>(), task<number>()];
  const first = turns.take("key", one.run);
  const second = turns.take("key", two.run, controller.signal);
  const third = turns.take("key", three.run);
  controller.abort(new Error("aborted"));
  await assert.rejects(second, { message: "aborted" });
  await settle();
  assert.deepEqual(three.got(), []);
  one.end(1);
  three.end(3);
  assert.deepEqual(await Promise.all([first, third]), [1, 3]);
  assert.deepEqual(two.got(), []);
});

Deno.test("a turn whose signal has aborted is not run, though nobody is before it", async () => {
  const { run, got } = task<number>();
  const signal = AbortSignal.abort(new Error("aborted"));
  await assert.rejects(new Turns<string, number>().take("key", run, signal), {
    message: "aborted",
  });
  assert.deepEqual(got(), []);
});

Deno.test("a turn under way is not cut short by its signal", async () => {
  const turns = new Turns<string, number>();
  const controller = new AbortController();
  const one = task<number>();
  const first = turns.take("key", one.run, controller.signal);
  await settle();
  controller.abort(new Error("aborted"));
  one.end(1);
  assert.equal(await first, 1);
});
