import assert from "node:assert/strict";
import { ConflictError as FromExpress } from "../../src/express/mod.ts";
import { ConflictError as FromManager } from "../../src/manager/mod.ts";
import { toConditional } from "../../src/store/conditional_store.ts";
import { ConflictError } from "../../src/store/conflict_error.ts";
import { MemoryStore } from "../../src/store/memory_store.ts";
import { OptimisticWriter } from "../../src/store/optimistic_writer.ts";
import type { SessionRecord } from "../../src/store/store.ts";
import { bytes, inMs, soon, text } from "../support/databases.ts";
import { gate } from "../support/gate.ts";
import { ALL_CALLS, withCalls } from "../support/stores.ts";

/** Appends to a record's data. */
function append(letter: string): (current: SessionRecord) => SessionRecord {
  return (current) => ({ ...current, data: bytes(text(current.data) + letter) });
}

/** A writer, a record in its store, and the calls of the store; the first `replace` waits for `open`. */
async function waiting(failure?: Error): Promise<{
  readonly writer: OptimisticWriter;
  readonly record: SessionRecord;
  readonly calls: string[];
  readonly open: () => void;
}> {
  const store = new MemoryStore();
  const record = { token: "key", data: bytes(""), expiry: soon() };
  await store.commit(record.token, record.data, record.expiry);
  const { opened, open } = gate();
  const calls: string[] = [];
  const slow = withCalls(store, ALL_CALLS, async (name, make) => {
    if (calls.push(name) > 1) return await make();
    await opened;
    if (failure !== undefined) throw failure;
    return await make();
  });
  return { writer: new OptimisticWriter(toConditional(slow)), record, calls, open };
}

Deno.test("writes of one record that wait for each other meet no conflict", async () => {
  const { writer, record, calls, open } = await waiting();
  const changes = ["a", "b", "c"].map((letter) => writer.change(record, append(letter), {}));
  const touched = writer.touch(record, () => inMs(70_000), {});
  open();
  const changed = await Promise.all(changes);
  assert.deepEqual(changed.map((next) => text(next!.data)), ["a", "ab", "abc"]);
  assert.equal(text((await touched)!.data), "abc");
  assert.deepEqual(calls, ["replace", "replace", "replace", "touch"]);
});

Deno.test("a write after one that has failed starts from what its request has seen", async () => {
  const { writer, record, calls, open } = await waiting(new Error("failed"));
  const [first, second] = ["a", "b"].map((letter) => writer.change(record, append(letter), {}));
  open();
  await assert.rejects(first!, { message: "failed" });
  assert.equal(text((await second)!.data), "b");
  assert.deepEqual(calls, ["replace", "replace"]);
});

Deno.test("a write that is aborted while it waits is not made", async () => {
  const { writer, record, calls, open } = await waiting();
  const controller = new AbortController();
  const first = writer.change(record, append("a"), {});
  const second = writer.change(record, append("b"), { signal: controller.signal });
  const third = writer.change(record, append("c"), {});
  controller.abort(new Error("aborted"));
  await assert.rejects(second, { message: "aborted" });
  assert.deepEqual(calls, ["replace"]);
  open();
  assert.equal(text((await first)!.data), "a");
  assert.equal(text((await third)!.data), "ac");
});

Deno.test("a change of a record that is gone is undefined, and one that is not needed writes nothing", async () => {
  const { writer, record, calls, open } = await waiting();
  open();
  assert.equal(await writer.change(record, () => undefined, {}), record);
  assert.deepEqual(calls, []);
  await writer.delete(record.token, {});
  assert.equal(await writer.change(record, append("a"), {}), undefined);
  assert.deepEqual(calls, ["delete", "replace", "find"]);
});

Deno.test("a conflict that does not end is a ConflictError, which both entry points export", async () => {
  const store = new MemoryStore();
  const record = { token: "key", data: bytes("a"), expiry: soon() };
  await store.commit(record.token, record.data, record.expiry);
  store.replace = () => Promise.resolve(false);
  const change = new OptimisticWriter(toConditional(store)).change(record, append("b"), {});
  await assert.rejects(change, (error: Error) => {
    assert.ok(error instanceof ConflictError);
    assert.equal(error.name, "ConflictError");
    return true;
  });
  assert.deepEqual([FromExpress, FromManager], [ConflictError, ConflictError]);
});
