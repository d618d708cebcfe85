// What discard() drops, beside commits and merges that are under way, and after commits that have failed.

import assert from "node:assert/strict";
import { MemoryStore, type Session, SessionManager } from "../../src/manager/mod.ts";
import { soon } from "../support/databases.ts";
import { gate } from "../support/gate.ts";
import { ALL_CALLS, type Call, withCalls } from "../support/stores.ts";

type Values = Record<string, unknown>;

/** A store whose nth call from `arm` on fails, before or after it is carried out. */
function failing(): {
  inner: MemoryStore;
  store: ReturnType<typeof withCalls>;
  arm(n: number, when: "before" | "after"): void;
  hold: { until: Promise<void> | undefined };
} {
  const inner = new MemoryStore();
  let left = Infinity, at: "before" | "after" = "before";
  const hold = { until: undefined as Promise<void> | undefined };
  const store = withCalls(inner, ALL_CALLS, async (_, make) => {
    const fails = --left === 0;
    if (hold.until) await hold.until;
    if (fails && at === "before") throw new Error("down before");
    const reply = await make();
    if (fails) throw new Error("down after");
    return reply;
  });
  return { inner, store, hold, arm: (n, when) => void (left = n, at = when) };
}

// deno-lint-ignore explicit-function-return-type -- a bag of helpers
async function scene(values: Values = { a: 0, b: 0 }) {
  const at = failing();
  const sessions = new SessionManager<Values>({ store: at.store, onError: () => {} });
  const make = async (values: Values): Promise<Session<Values>> => {
    const session = await sessions.load(undefined);
    for (const [key, value] of Object.entries(values)) session.put(key, value);
    await sessions.commit(session);
    return await sessions.load(session.token);
  };
  const session = await make(values);
  const valuesOf = async (token: string | undefined): Promise<Values> => {
    const found = await sessions.load(token);
    return Object.fromEntries(found.keys().map((key) => [key, found.get(key)]));
  };
  return { ...at, sessions, make, session, valuesOf };
}

Deno.test("a session that is read between discard() and the failure of a commit shows the stored values", async () => {
  const { sessions, session, arm } = await scene();
  session.put("a", 1);
  arm(1, "before");
  const commit = sessions.commit(session);
  session.discard();
  assert.equal(session.get("a"), 1, "the commit goes on");
  await assert.rejects(commit);
  assert.deepEqual([session.status, session.get("a")], ["unmodified", 0]);
});

Deno.test("a value can be removed after a discarded removal has failed", async () => {
  const { sessions, session, arm, valuesOf } = await scene();
  session.remove("a");
  arm(1, "before");
  const commit = sessions.commit(session);
  session.discard();
  session.has("a");
  await assert.rejects(commit);
  session.remove("a");
  await sessions.commit(session);
  assert.deepEqual(await valuesOf(session.token), { b: 0 });
});

Deno.test("a session is there after a discarded destroy() has failed", async () => {
  const { sessions, session, arm } = await scene();
  session.destroy();
  arm(1, "before");
  const commit = sessions.commit(session);
  session.discard();
  session.get("a");
  await assert.rejects(commit);
  assert.deepEqual([session.status, session.keys()], ["unmodified", ["a", "b"]]);
});

Deno.test("a value that a failed commit may have written can be removed after discard()", async () => {
  for (const act of ["remove", "pop", "clear"] as const) {
    const { sessions, session, arm, valuesOf } = await scene({});
    session.put("n", 1);
    await sessions.commit(session);
    session.remove("n");
    await sessions.commit(session);
    session.put("n", 1);
    arm(1, "after");
    await assert.rejects(sessions.commit(session));
    session.discard();
    if (act === "clear") session.clear();
    else session[act]("n");
    await sessions.commit(session);
    assert.deepEqual(await valuesOf(session.token), {}, act);
  }
});

Deno.test("a commit of nothing does not forget that a failed one may have written a value", async () => {
  const { sessions, session, arm, valuesOf } = await scene();
  session.put("a", 1);
  arm(1, "after");
  await assert.rejects(sessions.commit(session));
  session.discard();
  await sessions.commit(session);
  session.put("a", 0);
  await sessions.commit(session);
  assert.deepEqual(await valuesOf(session.token), { a: 0, b: 0 });
});

Deno.test("a commit of nothing does not forget that a failed one may have inserted a record", async () => {
  const { inner, sessions, arm } = await scene();
  const session = await sessions.load(undefined);
  session.put("n", 1);
  arm(1, "after");
  await assert.rejects(sessions.commit(session));
  session.discard();
  await sessions.commit(session);
  session.put("n", 1);
  await sessions.commit(session);
  assert.equal((await inner.all()).size, 2);
});

for (const act of ["put", "clear", "destroy", "deadline"] as const) {
  Deno.test(`a discarded ${act} keeps nothing out of a merge of which the other session has not ended yet`, async () => {
    const { sessions, session, make, arm, valuesOf } = await scene();
    const cart = await make({ items: ["x"] });
    await session.merge(cart.token!);
    arm(2, "before");
    await assert.rejects(sessions.commit(session)); // written, but the cart has not ended
    if (act === "put") session.put("items", ["mine"]);
    else if (act === "deadline") session.deadline = soon();
    else session[act]();
    session.discard();
    cart.put("items", ["x", "y"]);
    cart.deadline = new Date("2099-01-01T00:00:00Z");
    await sessions.commit(cart); // acknowledged
    await sessions.commit(session);
    assert.deepEqual(await valuesOf(cart.token), {}, "the cart has ended");
    assert.deepEqual((await valuesOf(session.token)).items, ["x", "y"]);
    assert.deepEqual(session.deadline, new Date("2099-01-01T00:00:00Z"));
  });
}

Deno.test("discard() also drops a merge that has not found the other session yet", async () => {
  const inner = new MemoryStore();
  const { opened, open } = gate();
  let wait = false;
  const store = withCalls(inner, ALL_CALLS, async <T>(name: Call, make: () => Promise<T>) => {
    if (wait && name === "find") await opened;
    return await make();
  });
  const sessions = new SessionManager<Values>({ store });
  const cart = await sessions.load(undefined);
  cart.put("items", ["x"]);
  await sessions.commit(cart);
  const session = await sessions.load(undefined);
  wait = true;
  const merge = session.merge(cart.token!);
  session.discard();
  open();
  assert.equal(await merge, false);
  await sessions.commit(session);
  assert.equal((await sessions.load(cart.token)).has("items"), true);
});

Deno.test("destroy() also drops a merge that has not found the other session yet", async () => {
  const { sessions, session, make } = await scene();
  const cart = await make({ items: ["x"] });
  const merge = session.merge(cart.token!);
  session.destroy();
  assert.equal(await merge, false);
  await sessions.commit(session);
  assert.equal(session.status, "destroyed");
});
