// A promise of a store in the place of a store.

import assert from "node:assert/strict";
import { Sequelize } from "sequelize";
import { SequelizeStore } from "../../mod.ts";
import { KoaStore } from "../../src/express/koa.ts";
import { ExpressStore } from "../../src/express/mod.ts";
import { MemoryStore, SessionManager, type StoreSource } from "../../src/manager/mod.ts";
import { resolveStore } from "../../src/store/resolve_store.ts";
import { bytes, soon } from "../support/databases.ts";
import { gate } from "../support/gate.ts";
import { MINIMAL, withCalls } from "../support/stores.ts";
import { silently, Visitor } from "../support/visitor.ts";

interface Values {
  count: number;
}

/** What a store is given to, each with a call that asks the store, and the action that its errors name. */
const TAKERS: [string, (store: StoreSource) => () => Promise<unknown>][] = [
  ["create the session manager", (store) => {
    const sessions = new SessionManager({ store });
    return () => sessions.load("t".repeat(43));
  }],
  ["create the Express store", (store) => {
    const express = new ExpressStore(store);
    return () => express.get("id");
  }],
  ["create the Koa store", (store) => {
    const koa = new KoaStore(store);
    return () => koa.get("id");
  }],
];

for (const [action, take] of TAKERS) {
  Deno.test(`To ${action}: calls wait for a promise of a store`, async () => {
    const { opened, open } = gate();
    const call = take(opened.then(() => new MemoryStore()));
    let isDone = false;
    const calls = Promise.all([call(), call()]).finally(() => isDone = true);
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(isDone, false);
    open();
    await calls;
    await call();
  });

  Deno.test(`To ${action}: what a promise resolves to is checked`, async () => {
    for (
      const [value, received] of [[undefined, "undefined"], [{ find: isNaN }, "object"]] as const
    ) {
      const call = take(Promise.resolve(value) as unknown as Promise<MemoryStore>);
      for (const _ of [1, 2]) {
        await assert.rejects(call(), {
          name: "TypeError",
          message:
            `Cannot ${action}: 'store' must be a store with find, commit and delete: received ${received}`,
        });
      }
    }
  });

  Deno.test(`To ${action}: if the promise rejects, each call does, and nothing else`, async () => {
    const failure = new Error("the database is down");
    const call = take(Promise.reject(failure));
    await new Promise((resolve) => setTimeout(resolve, 10));
    await assert.rejects(call(), failure);
    await assert.rejects(call(), failure);
  });

  Deno.test(`To ${action}: what is neither a store nor a promise is refused at once`, () => {
    for (const value of [null, 7, {}]) {
      assert.throws(() => take(value as unknown as MemoryStore), {
        name: "TypeError",
        message: new RegExp(
          `^Cannot ${action}: 'store' must be a store with find, commit and delete`,
        ),
      });
    }
  });
}

Deno.test("SequelizeStore.open() needs no await", async () => {
  const sequelize = new Sequelize({ dialect: "sqlite", storage: ":memory:", logging: false });
  const store = SequelizeStore.open(sequelize, { cleanupInterval: 0 });
  const sessions = new SessionManager<Values>({ store });
  const visitor = new Visitor(sessions.loadAndSave((_request, session) => {
    session.put("count", (session.get("count") ?? 0) + 1);
    return new Response(String(session.get("count")));
  }));
  assert.equal(await visitor.text(), "1");
  assert.equal(await visitor.text(), "2");
  const all: (number | undefined)[] = [];
  for await (const session of sessions.iterate()) all.push(session.get("count"));
  assert.deepEqual(all, [2]);
  const express = new ExpressStore(store);
  assert.equal(await express.length().catch((error) => error.name), 1);
  await (await store).stopCleanup();
  await sequelize.close();
});

Deno.test("a promise of a store without replace and touch works, too, but for iterate()", async () => {
  const store = Promise.resolve(withCalls(new MemoryStore(), MINIMAL));
  const sessions = new SessionManager<Values>({ store });
  const session = await sessions.load(undefined);
  session.put("count", 1);
  await sessions.commit(session);
  session.put("count", 2);
  await sessions.commit(session);
  assert.equal((await sessions.load(session.token)).get("count"), 2);
  await assert.rejects(sessions.iterate().next(), {
    name: "TypeError",
    message: "Cannot walk the sessions: 'store.entries' must be a function: received undefined",
  });
});

Deno.test("a signal rejects a call that waits for the store", async () => {
  const sessions = new SessionManager({ store: new Promise<MemoryStore>(() => {}) });
  const controller = new AbortController();
  const call = sessions.load("t".repeat(43), { signal: controller.signal });
  controller.abort(new Error("gone"));
  await assert.rejects(call, { message: "gone" });
});

Deno.test("a store that cannot be opened is a 500, and a visitor without a cookie needs none", async () => {
  const sessions = new SessionManager<Values>({ store: Promise.reject(new Error("no database")) });
  const handler = sessions.loadAndSave((_request, session) =>
    new Response(`${session.get("count")}`)
  );
  assert.equal(await new Visitor(handler).text(), "undefined");
  const logged = await silently(async () => {
    const visitor = new Visitor(handler, { session: "t".repeat(43) });
    assert.equal((await visitor.fetch()).status, 500);
  });
  assert.match(String(logged), /no database/);
});

Deno.test("a promise of a store passes on what is about owners", async () => {
  const { opened, open } = gate();
  const store = resolveStore("test", opened.then(() => new MemoryStore()));
  const committed = store.commit("token", bytes("data"), soon(), { owner: "user" });
  open();
  await committed;
  assert.equal((await store.entriesOf!("user").next()).value.owner, "user");
  assert.equal(await store.deleteOwned!("user", { except: ["token"] }), 0);
  assert.equal(await store.deleteOwned!("user"), 1);
  const minimal = resolveStore("test", Promise.resolve(withCalls(new MemoryStore(), MINIMAL)));
  await assert.rejects(minimal.entriesOf!("user").next(), {
    message: "Cannot walk the sessions: 'store.entriesOf' must be a function: received undefined",
  });
  await assert.rejects(minimal.deleteOwned!("user"), TypeError);
});
