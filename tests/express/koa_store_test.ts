// KoaStore behind koa-session, over HTTP.

import Koa from "koa";
import session, { type CreateSessionOptions } from "koa-session";
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { KoaStore } from "../../src/express/koa.ts";
import { MemoryStore, type SessionStore } from "../../src/manager/mod.ts";
import { gate } from "../support/gate.ts";
import { listen } from "../support/node_server.ts";
import { ALL_CALLS, recording, withCalls } from "../support/stores.ts";
import { fetchFrom, Visitor } from "../support/visitor.ts";

type Values = Record<string, number>;

/** Serves a Koa app with koa-session for the length of a test. */
async function withApp(
  store: SessionStore,
  options: CreateSessionOptions,
  test: (visitor: Visitor, hold: (opened: Promise<void> | undefined) => void) => Promise<void>,
): Promise<void> {
  const app = new Koa({ keys: ["keyboard cat"] });
  let opened: Promise<void> | undefined;
  app.silent = true;
  app.use(session({ store: new KoaStore(store), ...options }, app as never) as never);
  app.use(async (ctx) => {
    const values = (ctx as unknown as { session: Values | null }).session!;
    const [, action, key = "count"] = ctx.path.split("/");
    const isHeld = action === "slow";
    if (action === "put" || isHeld) values[key] = (values[key] ?? 0) + 1;
    ctx.body = String(values[key]);
    if (isHeld) await opened;
    if (action === "destroy") (ctx as unknown as { session: null }).session = null;
    if (action === "throw") {
      values[key] = 13;
      throw new Error("the page throws");
    }
  });
  const { port, close } = await listen(createServer(app.callback()));
  try {
    const hold = (promise: Promise<void> | undefined): void => void (opened = promise);
    await test(new Visitor(fetchFrom(`http://127.0.0.1:${port}`)), hold);
  } finally {
    await close();
  }
}

for (const maxAge of [3_600_000, undefined]) {
  Deno.test(`koa-session keeps sessions in the store (maxAge ${maxAge})`, async () => {
    const store = new MemoryStore();
    await withApp(store, { ...(maxAge && { maxAge }) }, async (visitor) => {
      assert.equal(await visitor.text("/get"), "undefined");
      assert.equal((await store.all()).size, 0);
      assert.equal(await visitor.text("/put"), "1");
      assert.equal(await visitor.text("/put"), "2");
      assert.equal(await visitor.text("/get"), "2");
      for await (const { expiry, data } of store.entries()) {
        const left = expiry.getTime() - Date.now();
        assert.ok(Math.abs(left - (maxAge ?? 86_400_000)) < 5000, `${left}`);
        assert.doesNotMatch(new TextDecoder().decode(data), /_expire|_maxAge/);
      }
      await visitor.text("/destroy");
      assert.equal((await store.all()).size, 0);
      assert.equal(await visitor.text("/get"), "undefined");
    });
  });
}

Deno.test("parallel requests of koa-session lose nothing", async () => {
  await withApp(new MemoryStore(), {}, async (visitor, hold) => {
    await visitor.text("/put");
    const { opened, open } = gate();
    hold(opened);
    const keys = [..."abcdefgh"];
    const slow = keys.map((key) => visitor.clone().text(`/slow/${key}`));
    await new Promise((resolve) => setTimeout(resolve, 50));
    open();
    await Promise.all(slow);
    for (const key of ["count", ...keys]) assert.equal(await visitor.text(`/get/${key}`), "1");
  });
});

Deno.test("a slow request of koa-session does not bring a destroyed session back", async () => {
  const store = new MemoryStore();
  await withApp(store, {}, async (visitor, hold) => {
    await visitor.text("/put");
    const { opened, open } = gate();
    hold(opened);
    const slow = visitor.clone().text("/slow");
    await new Promise((resolve) => setTimeout(resolve, 50));
    await visitor.clone().text("/destroy");
    open();
    await slow;
    assert.equal((await store.all()).size, 0);
  });
});

Deno.test("with 'rolling', a request of koa-session that changes nothing is a touch, now and then", async () => {
  const { store, calls } = recording(new MemoryStore());
  await withApp(store, { rolling: true }, async (visitor) => {
    await visitor.text("/put");
    calls.length = 0;
    for (let i = 0; i < 5; i++) assert.equal(await visitor.text("/get"), "1");
    assert.deepEqual(calls, Array(5).fill("find"));
  });
});

Deno.test("a store that is down logs nobody out of koa-session", async () => {
  let isDown = false;
  const store = withCalls(new MemoryStore(), ALL_CALLS, async (_, make) => {
    if (isDown) throw new Error("down");
    return await make();
  });
  await withApp(store, {}, async (visitor) => {
    await visitor.text("/put");
    isDown = true;
    const response = await visitor.fetch("/get");
    assert.deepEqual([response.status, response.headers.getSetCookie()], [500, []]);
    await response.text();
    isDown = false;
    assert.equal(await visitor.text("/get"), "1");
  });
});

Deno.test("the store's methods work by themselves, and check their arguments", async () => {
  const { get, set, destroy } = new KoaStore(new MemoryStore());
  await set("key", { userId: 7, _session: true }, "session");
  assert.deepEqual(await get("key"), { userId: 7, _session: true });
  await set("key", { userId: 8, _expire: Date.now() + 60_000, _maxAge: 60_000 }, 70_000);
  const { _expire, ...rest } = (await get("key"))!;
  assert.deepEqual(rest, { userId: 8, _maxAge: 60_000 });
  assert.ok((_expire as number) > Date.now());
  await set("key", { userId: 9, _expire: Date.now() - 1 }, 70_000);
  assert.equal(await get("key"), undefined);
  await destroy("key");
  await destroy("");
  assert.equal(await get(""), undefined);
  await assert.rejects(set("", {}), { name: "RangeError" });
  await assert.rejects(set("key", null as never), { name: "TypeError" });
  await assert.rejects(set("key", { cookie: 1 }), /'session.cookie' must be undefined/);
  assert.throws(() => new KoaStore({} as MemoryStore), {
    message: /^Cannot create the Koa store: 'store' must be/,
  });
  assert.throws(() => new KoaStore(new MemoryStore(), { ttl: 1 } as never), {
    message: /^Cannot create the Koa store: there is no option 'ttl'/,
  });
});
