// EncryptedStore where it is used: under a SessionManager and under an ExpressStore.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import express from "express";
import { DecryptionError, EncryptedStore } from "../../src/encryption/mod.ts";
import { ExpressStore } from "../../src/express/express_store.ts";
import { MemoryStore } from "../../src/store/memory_store.ts";
import { SessionManager } from "../../src/manager/session_manager.ts";
import type { FullSessionStore } from "../../src/store/store.ts";
import { hashToken } from "../../src/store/token.ts";
import { databases, inMs, testOn, text, withStore } from "../support/databases.ts";
import { whileExpressServes, whileFastifyServes } from "../support/express_apps.ts";
import { ALL_CALLS, MINIMAL, withCalls } from "../support/stores.ts";
import { fetchFrom, Visitor } from "../support/visitor.ts";

interface Values {
  userId: number;
  count: number;
}

const [key, older] = [randomBytes(32), randomBytes(32)];

function encrypted(store: FullSessionStore, ...keys: Uint8Array[]): EncryptedStore {
  return new EncryptedStore(store, { keys });
}

/** Serves a counter, with what it has reported. */
function counter(store: FullSessionStore): {
  readonly sessions: SessionManager<Values>;
  readonly errors: unknown[];
  visit(token?: string): Visitor;
} {
  const errors: unknown[] = [];
  const onError = (error: unknown): void => void errors.push(error);
  const sessions = new SessionManager<Values>({ store, onError, idleTimeout: 3_600_000 });
  const handler = sessions.loadAndSave((request, session) => {
    if (request.method === "POST") session.put("count", (session.get("count") ?? 0) + 1);
    return new Response(String(session.get("count")));
  });
  const visit = (token?: string): Visitor => new Visitor(handler, token ? { session: token } : {});
  return { sessions, errors, visit };
}

async function post(visitor: Visitor): Promise<string> {
  return await (await visitor.fetch("/", { method: "POST" })).text();
}

testOn(
  databases,
  "sessions are encrypted under a SessionManager, and lose no update",
  (database) =>
    withStore(database, async ({ store: rows }) => {
      const store = encrypted(rows, key, older);
      const begin = new SessionManager<Values>({ store: encrypted(rows, older) });
      const session = await begin.load(undefined);
      session.put("userId", 7);
      await begin.commit(session);
      // Each of a manager of its own, as in processes of their own, where nothing but the store is shared.
      const keys = Array.from({ length: 10 }, (_, i) => `value${i}`);
      await Promise.all(keys.map(async (name) => {
        const sessions = new SessionManager<Record<string, number>>({ store });
        const mine = await sessions.load(session.token);
        mine.put(name, 1);
        await sessions.commit(mine);
      }));
      const last = await new SessionManager({ store: encrypted(rows, key) }).load(session.token);
      assert.deepEqual(last.keys(), ["userId", ...keys]);
      const [data] = (await rows.all()).values();
      assert.doesNotMatch(text(data)!, /userId|deadline/);
    }),
);

Deno.test("a session keeps its values under a new token, and a destroyed one stays destroyed", async () => {
  const rows = new MemoryStore();
  const sessions = new SessionManager<Values>({ store: encrypted(rows, key, older) });
  const session = await sessions.load(undefined);
  session.put("userId", 7);
  await sessions.commit(session);
  const before = session.token;
  session.renewToken();
  await sessions.commit(session);
  assert.notEqual(session.token, before);
  assert.equal((await sessions.load(session.token)).get("userId"), 7);
  assert.equal((await sessions.load(before)).get("userId"), undefined);
  const slow = await sessions.load(session.token);
  session.destroy();
  await sessions.commit(session);
  slow.put("count", 1);
  await sessions.commit(slow);
  assert.equal((await rows.all()).size, 0);
});

Deno.test("a visitor keeps the session while the key is changed in two steps", async () => {
  const rows = new MemoryStore();
  const visitor = counter(encrypted(rows, older)).visit();
  assert.equal(await post(visitor), "1");
  const token = visitor.cookies.get("session");
  const steps = [[older], [older, key], [key, older], [key]];
  let count = 1;
  for (const [i, keys] of steps.entries()) {
    // Two processes, the slower of which has the keys of the step before.
    for (const processKeys of [keys, steps[Math.max(i - 1, 0)]!, keys]) {
      const { visit, errors } = counter(encrypted(rows, ...processKeys));
      assert.equal(await post(visit(token)), String(++count));
      assert.deepEqual(errors, []);
    }
  }
});

Deno.test("a table that has sessions goes over while plaintext is allowed", async () => {
  const rows = new MemoryStore();
  const visitor = counter(rows).visit();
  assert.equal(await post(visitor), "1");
  const during = new EncryptedStore(rows, { keys: [key], allowPlaintext: true });
  assert.equal(await post(counter(during).visit(visitor.cookies.get("session"))), "2");
  const after = encrypted(rows, key);
  assert.equal(await post(counter(after).visit(visitor.cookies.get("session"))), "3");
});

Deno.test("a session that cannot be decrypted is reported once and kept, and its visitor gets a new one", async () => {
  const rows = new MemoryStore();
  const first = counter(encrypted(rows, older)).visit();
  await post(first);
  const token = first.cookies.get("session")!;
  const row = (await rows.find(hashToken(token)))!.data;

  const { visit, errors } = counter(encrypted(rows, key));
  const visitor = visit(token);
  const response = await visitor.fetch();
  assert.equal(response.status, 200);
  assert.equal(await response.text(), "undefined");
  assert.equal(errors.length, 1);
  assert.equal(String(errors[0]).includes(token), false);
  // Neither the row nor the cookie is given up: the key may come back.
  assert.equal(visitor.cookies.get("session"), token);
  assert.deepEqual((await rows.find(hashToken(token)))!.data, row);

  assert.equal(await post(visitor), "1");
  assert.notEqual(visitor.cookies.get("session"), token);
  assert.equal(await visitor.text(), "1");
  assert.deepEqual((await rows.find(hashToken(token)))!.data, row);
  assert.equal(await counter(encrypted(rows, older)).visit(token).text(), "1");
});

for (const calls of [ALL_CALLS, MINIMAL]) {
  const kind = calls === MINIMAL ? "minimal" : "full";
  Deno.test(`a session that cannot be decrypted can be replaced and ended, on a ${kind} store`, async () => {
    for (const first of ["destroy", "merge", "merged", "renewToken", "nothing"] as const) {
      const rows = new MemoryStore();
      const visitor = counter(encrypted(rows, older)).visit();
      await post(visitor);
      const token = visitor.cookies.get("session")!;
      const lost = hashToken(token);
      const errors: unknown[] = [];
      const sessions = new SessionManager<Values>({
        store: withCalls(encrypted(rows, key), calls),
        onError: (error) => void errors.push(error),
        idleTimeout: 60_000,
      });
      const session = await sessions.load(token);
      const other = await sessions.load(undefined);
      other.put("userId", 7);
      await sessions.commit(other);
      if (first === "destroy" || first === "renewToken") session[first]();
      else if (first === "merge") assert.ok(await session.merge(other.token!));
      else if (first === "merged") {
        // As what cannot be decoded, it is an error of the merge: its values would be lost.
        await assert.rejects(other.merge(token), DecryptionError);
      }
      await sessions.commit(session);
      // It stays where nobody asked for its end.
      const ends = first === "destroy" || first === "renewToken";
      assert.equal((await rows.all()).has(lost), !ends, first);
      assert.equal(errors.length, first === "destroy" ? 0 : 1, first);
      assert.ok(errors.every((error) => error instanceof DecryptionError));
    }
  });
}

Deno.test("a user is signed out everywhere although other sessions cannot be decrypted", async () => {
  const rows = new MemoryStore();
  const write = async (store: FullSessionStore, userId: number): Promise<void> => {
    const sessions = new SessionManager<Values>({ store });
    const session = await sessions.load(undefined);
    session.put("userId", userId);
    await sessions.commit(session);
  };
  for (const userId of [7, 8, 7, 8, 7]) await write(encrypted(rows, key), userId);
  for (const userId of [7, 8]) await write(encrypted(rows, older), userId);
  const store = encrypted(rows, key);
  for await (const record of store.entries()) {
    let isTheirs = false;
    try {
      isTheirs = text(record.data)!.includes('"userId",7');
    } catch (error) {
      assert.ok(error instanceof DecryptionError);
      isTheirs = true; // whose it is cannot be told
    }
    if (isTheirs) await store.delete(record.token);
  }
  assert.equal((await rows.all()).size, 2);
  assert.equal((await store.all()).size, 2);
});

testOn(
  databases,
  "a manager finds and ends a user's sessions over encrypted ones",
  (database) =>
    withStore(database, async ({ store: rows }) => {
      const errors: unknown[] = [];
      const open = (...keys: Uint8Array[]): SessionManager<Values> =>
        new SessionManager<Values>({
          store: encrypted(rows, ...keys),
          owner: ({ userId }) => userId,
          maxPerOwner: 3,
          onError: (error) => void errors.push(error),
        });
      const signIn = async (sessions: SessionManager<Values>): Promise<string> => {
        const session = await sessions.load(undefined);
        session.put("userId", 7);
        await sessions.commit(session);
        return session.id;
      };
      const sessions = open(key, older);
      for (let i = 0; i < 4; i++) await signIn(i % 2 === 0 ? open(older) : sessions);
      const ids: string[] = [];
      for await (const session of sessions.ofOwner(7)) {
        assert.equal(session.get("userId"), 7);
        ids.push(session.id);
      }
      assert.equal(ids.length, 3);
      assert.equal(await sessions.destroyById(7, ids[0]!), true);
      // Without the older key, one of them cannot be decrypted. It ends nevertheless.
      assert.equal(await open(key).destroyOwned(7), 2);
      assert.equal((await rows.all()).size, 0);
      assert.deepEqual(errors, []);
    }, { owners: true }),
);

testOn(
  databases,
  "sessions are encrypted under an ExpressStore",
  (database) =>
    withStore(database, async ({ store: rows }) => {
      const store = new ExpressStore(encrypted(rows, key, older));
      const cookie = { originalMaxAge: 60_000, expires: inMs(60_000) };
      await store.set("an-id", { cookie, userId: 7 });
      const session = await store.get("an-id");
      assert.equal(session?.userId, 7);
      const [data] = (await rows.all()).values();
      assert.doesNotMatch(text(data)!, /userId|cookie/);
      // Two requests that loaded the same session, and changed different values of it.
      const [one, another] = [await store.get("an-id"), await store.get("an-id")];
      one!.a = 1;
      another!.b = 2;
      await Promise.all([store.set("an-id", one!), store.set("an-id", another!)]);
      const { userId, a, b } = (await store.get("an-id"))!;
      assert.deepEqual({ userId, a, b }, { userId: 7, a: 1, b: 2 });
      await store.touch("an-id", { ...session!, cookie: { ...cookie, expires: inMs(120_000) } });
      assert.equal(await store.length(), 1);
      assert.equal((await store.all()).length, 1);
      await store.destroy("an-id");
      assert.equal(await store.get("an-id"), undefined);
    }),
);

Deno.test("an ExpressStore counts and clears the sessions that cannot be decrypted", async () => {
  const rows = new MemoryStore();
  const cookie = { originalMaxAge: null, expires: null };
  await new ExpressStore(encrypted(rows, older)).set("lost", { cookie });
  const store = new ExpressStore(encrypted(rows, key));
  await store.set("good", { cookie });
  assert.equal(await store.length(), 2);
  await store.destroy("lost");
  await new ExpressStore(encrypted(rows, older)).set("lost", { cookie });
  await store.clear();
  assert.equal((await rows.all()).size, 0);
});

Deno.test("an ExpressStore finds and ends a user's sessions over encrypted ones", async () => {
  const rows = new MemoryStore();
  const errors: unknown[] = [];
  const options = {
    owner: ({ userId }: { userId?: number }) => userId,
    onError: (error: unknown) => void errors.push(error),
  };
  const cookie = { originalMaxAge: null, expires: null };
  const lost = new ExpressStore(encrypted(rows, older), options);
  const store = new ExpressStore(encrypted(rows, key), options);
  await lost.set("lost", { cookie, userId: 7 });
  await store.set("good", { cookie, userId: 7 });
  assert.deepEqual((await store.ofOwner(7)).map(({ userId }) => userId), [7]);
  assert.equal((await store.all()).length, 1);
  assert.equal(errors.length, 2);
  assert.ok(errors.every((error) => error instanceof DecryptionError));
  assert.equal(await store.destroyOwned(7), 2);
});

type Serve = typeof whileFastifyServes;
const middlewares: Readonly<Record<string, Serve>> = {
  "express-session": (options, test) => whileExpressServes(express, options, test),
  "@fastify/session": whileFastifyServes,
};
for (const [name, serve] of Object.entries(middlewares)) {
  Deno.test(`${name}: a visitor whose session cannot be decrypted begins anew, and it is kept`, async () => {
    const rows = new MemoryStore();
    const errors: unknown[] = [];
    const open = (secret: Uint8Array): ExpressStore =>
      new ExpressStore(encrypted(rows, secret), { onError: (error) => void errors.push(error) });
    const jar = new Map<string, string>();
    await serve({ store: open(older) }, async (address) => {
      const visitor = new Visitor(fetchFrom(address));
      assert.equal(await visitor.text("/put/cart/apple"), '{"cart":"apple"}');
      for (const cookie of visitor.cookies) jar.set(...cookie);
    });
    const [lost] = await rows.all();
    await serve({ store: open(key) }, async (address) => {
      const visitor = new Visitor(fetchFrom(address), Object.fromEntries(jar));
      assert.equal(await visitor.text("/"), "{}");
      assert.equal(errors.length, 1);
      assert.ok(errors[0] instanceof DecryptionError);
      assert.equal(await visitor.text("/put/cart/pear"), '{"cart":"pear"}');
      assert.equal(await visitor.text("/"), '{"cart":"pear"}');
      assert.notDeepEqual([...visitor.cookies], [...jar]);
    });
    const all = await rows.all();
    assert.equal(all.size, 2);
    assert.deepEqual(all.get(lost![0]), lost![1]);
  });
}
