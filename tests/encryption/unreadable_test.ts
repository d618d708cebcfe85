// Sessions whose key is lost, under managers and middlewares: what ends them, lists them and passes them over.

import fc from "fast-check";
import Koa from "koa";
import koaSession from "koa-session";
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { DecryptionError, EncryptedStore } from "../../src/encryption/mod.ts";
import { ExpressStore, type ExpressStoreOptions } from "../../src/express/mod.ts";
import { KoaStore } from "../../src/express/koa.ts";
import { jsonCodec, MemoryStore, type Session, SessionManager } from "../../src/manager/mod.ts";
import type { FullSessionStore, OwnedSessionStore } from "../../src/store/store.ts";
import { hashToken } from "../../src/store/token.ts";
import { bytes, databases, inMs, soon, testOn, withStore } from "../support/databases.ts";
import { listen } from "../support/node_server.ts";
import { fetchFrom, Visitor } from "../support/visitor.ts";

interface Values {
  userId: number;
  count: number;
}

const [key, lostKey] = [randomBytes(32), randomBytes(32)];

/** A manager over encrypted rows, and what it has reported. */
function open(
  rows: OwnedSessionStore,
  options: { readonly maxPerOwner?: number; readonly keys?: readonly Uint8Array[] } = {},
): { readonly sessions: SessionManager<Values>; readonly errors: unknown[] } {
  const { keys = [key], maxPerOwner } = options;
  const errors: unknown[] = [];
  const sessions = new SessionManager<Values>({
    store: new EncryptedStore(rows, { keys }),
    owner: ({ userId }) => userId,
    maxPerOwner,
    idleTimeout: 3_600_000,
    onError: (error) => void errors.push(error),
  });
  return { sessions, errors };
}

async function signIn(sessions: SessionManager<Values>, userId = 7): Promise<Session<Values>> {
  const session = await sessions.load(undefined);
  session.put("userId", userId);
  await sessions.commit(session);
  return session;
}

function assertLost(errors: readonly unknown[], count: number): void {
  assert.equal(errors.length, count);
  for (const error of errors) assert.ok(error instanceof DecryptionError && error.reason === "key");
}

async function sizeOf(rows: FullSessionStore): Promise<number> {
  return (await rows.all()).size;
}

testOn(
  databases,
  "a user signs in although the sessions to be ended cannot be decrypted",
  (database) =>
    withStore(database, async ({ store: rows }) => {
      const { sessions, errors } = open(rows, { maxPerOwner: 2 });
      for (let i = 0; i < 3; i++) await signIn(open(rows, { keys: [lostKey] }).sessions);
      await signIn(sessions, 8);
      const first = await signIn(sessions);
      const second = await signIn(sessions);
      // Those that cannot be decrypted were the first to go, and nobody else's.
      const ids: string[] = [];
      for await (const { id } of sessions.ofOwner(7)) ids.push(id);
      assert.deepEqual(ids.sort(), [first.id, second.id].sort());
      assert.equal(await sizeOf(rows), 3);
      assert.deepEqual(errors, []);
    }, { owners: true }),
);

testOn(
  databases,
  "ofOwner() reports and passes over the sessions that cannot be decrypted",
  (database) =>
    withStore(database, async ({ store: rows }) => {
      const { sessions, errors } = open(rows);
      const mine: string[] = [];
      for (let i = 0; i < 6; i++) {
        const { id } = await signIn(i % 2 ? open(rows, { keys: [lostKey] }).sessions : sessions);
        if (i % 2 === 0) mine.push(id);
      }
      const met: string[] = [];
      for await (const session of sessions.ofOwner(7, { pageSize: 1 })) {
        assert.equal(session.get("userId"), 7);
        met.push(session.id);
      }
      assert.deepEqual(met.sort(), mine.sort());
      assertLost(errors, 3);
      assert.equal(await sizeOf(rows), 6);
      // With the key, they are all there again.
      const all: string[] = [];
      for await (const { id } of open(rows, { keys: [key, lostKey] }).sessions.ofOwner(7)) {
        all.push(id);
      }
      assert.equal(all.length, 6);
      // Whether it is one of those that cannot be decrypted is not known, so that they are reported.
      errors.length = 0;
      assert.equal(await sessions.destroyById(7, all.find((id) => !mine.includes(id))!), false);
      assertLost(errors, 3);
      assert.equal(await sizeOf(rows), 6);
      assert.equal(await sessions.destroyOwned(7), 6);
    }, { owners: true }),
);

Deno.test("ofOwner() reports and passes over the sessions that cannot be decoded, and those that are over", async () => {
  const rows = new MemoryStore();
  const errors: unknown[] = [];
  const sessions = new SessionManager<Values>({
    store: rows,
    codec: jsonCodec,
    owner: ({ userId }) => userId,
    onError: (error) => void errors.push(String(error)),
  });
  const { id } = await signIn(sessions);
  // A slow request may touch a record whose deadline was brought forward meanwhile.
  const over = '{"deadline":"2020-01-01T00:00:00.000Z","values":{"userId":7}}';
  await rows.commit("over", bytes(over), soon(), { owner: "7" });
  await rows.commit("broken", bytes("hunter2"), soon(), { owner: "7" });
  const ids: string[] = [];
  for await (const session of sessions.ofOwner(7)) ids.push(session.id);
  assert.deepEqual(ids, [id]);
  assert.deepEqual(errors, ["Error: Cannot decode the session's data: SyntaxError"]);
});

testOn(
  databases,
  "iterate() passes no session over, and each can be destroyed",
  (database) =>
    withStore(database, async ({ store: rows }) => {
      const { sessions, errors } = open(rows);
      for (let i = 0; i < 4; i++) {
        await signIn(i % 2 ? open(rows, { keys: [lostKey] }).sessions : sessions);
      }
      let met = 0;
      for await (const session of sessions.iterate({ pageSize: 1 })) {
        met++;
        if (session.get("userId") !== undefined) continue;
        session.destroy();
        await sessions.commit(session);
      }
      assert.equal(met, 4);
      assert.equal(await sizeOf(rows), 2);
      assertLost(errors, 2);
    }, { owners: true }),
);

Deno.test("a lazy session that cannot be decrypted is reported once, and not at all if it is not awaited", async () => {
  const rows = new MemoryStore();
  const { token } = await signIn(open(rows, { keys: [lostKey] }).sessions);
  const { sessions, errors } = open(rows);
  const handler = sessions.loadAndSave(async (request, lazy) => {
    if (request.method === "GET") return new Response("page");
    const session = await lazy;
    session.put("count", (session.get("count") ?? 0) + 1);
    return new Response(String(session.get("count")));
  }, { lazy: true });
  const visitor = new Visitor(handler, { session: token! });
  assert.equal(await visitor.text(), "page");
  assertLost(errors, 0);
  for (const count of ["1", "2"]) {
    assert.equal(await (await visitor.fetch("/", { method: "POST" })).text(), count);
  }
  assertLost(errors, 1);
  assert.notEqual(visitor.cookies.get("session"), token);
  assert.equal(await sizeOf(rows), 2);
});

Deno.test("only destroy() and renewToken() change a session that cannot be decrypted", async () => {
  const verbs = [
    "get",
    "put",
    "clear",
    "remove",
    "pop",
    "has",
    "rememberMe",
    "deadline",
    "discard",
    "merge",
    "commit",
  ];
  const property = async (steps: readonly string[], isLazy: boolean): Promise<void> => {
    const rows = new MemoryStore();
    const { token } = await signIn(open(rows, { keys: [lostKey] }).sessions);
    const before = await rows.find(hashToken(token!));
    const { sessions } = open(rows);
    const cart = await signIn(sessions);
    let session = await sessions.load(token);
    if (isLazy) session = await sessions.loadLazily(`session=${token}`);
    for (const step of steps) {
      if (step === "get" || step === "has" || step === "pop") session[step]("userId");
      else if (step === "put") session.put("count", 1);
      else if (step === "remove") session.remove("userId");
      else if (step === "rememberMe") session.rememberMe(true);
      else if (step === "deadline") session.deadline = inMs(60_000);
      else if (step === "merge") await session.merge(cart.token ?? "");
      else if (step === "commit") await sessions.commit(session);
      else if (step === "clear" || step === "discard") session[step]();
    }
    await sessions.commit(session);
    // Under its token, nothing was written, and nobody else has got the token.
    assert.deepEqual(await rows.find(hashToken(token!)), before);
    assert.notEqual(session.token, token);
  };
  const steps = fc.array(fc.constantFrom(...verbs), { maxLength: 8, size: "max" });
  await fc.assert(fc.asyncProperty(steps, fc.boolean(), property), { numRuns: 300 });
});

testOn(
  databases,
  "a session that another process encrypts with an unknown key meanwhile is not lost",
  (database) =>
    withStore(database, async ({ store: rows }) => {
      const other = open(rows, { keys: [lostKey, key] }).sessions;
      for (const act of ["put", "renew", "touch", "destroy", "merge"] as const) {
        const { sessions } = open(rows);
        const { token } = await signIn(sessions);
        const slow = await sessions.load(token);
        const cart = await sessions.load(undefined);
        cart.put("count", 5);
        if (act === "merge") {
          await sessions.commit(cart);
          await slow.merge(cart.token!);
        }
        slow.keys();
        const theirs = await other.load(token);
        theirs.put("count", 1);
        await other.commit(theirs);
        if (act === "put") slow.put("count", 2);
        if (act === "renew") slow.renewToken();
        if (act === "destroy") slow.destroy();
        const isWrite = act === "put" || act === "renew" || act === "merge";
        // It is an error, and not a session that is gone: the changes may be committed again.
        if (isWrite) await assert.rejects(sessions.commit(slow), DecryptionError, act);
        else await sessions.commit(slow);
        const left = await other.load(token);
        assert.equal(left.get("count"), act === "destroy" ? undefined : 1, act);
        if (act === "merge") assert.equal((await other.load(cart.token)).get("count"), 5);
        if (isWrite) assert.equal(slow.status, "modified");
        await other.destroyOwned(7);
      }
    }, { owners: true }),
);

testOn(
  databases,
  "an ExpressStore keeps owners over encrypted sessions",
  (database) =>
    withStore(database, async ({ store: rows }) => {
      const errors: unknown[] = [];
      const options: ExpressStoreOptions = {
        owner: ({ userId }) => userId,
        onError: (error) => void errors.push(error),
      };
      const over = (...keys: Uint8Array[]): ExpressStore =>
        new ExpressStore(new EncryptedStore(rows, { keys }), options);
      const store = over(key);
      const cookie = { originalMaxAge: 60_000, expires: inMs(60_000) };
      for (const name of ["a", "b", "c"]) await store.set(name, { cookie, userId: 7, name });
      await over(lostKey).set("lost", { cookie, userId: 7, name: "lost" });
      await store.set("d", { cookie, userId: 8, name: "d" });
      // One changes hands.
      await store.set("c", { ...(await store.get("c"))!, userId: 8 });
      const namesOf = async (owner: number): Promise<string[]> =>
        (await store.ofOwner(owner)).map(({ name }) => name).sort();
      assert.deepEqual(await namesOf(7), ["a", "b"]);
      assert.deepEqual(await namesOf(8), ["c", "d"]);
      assertLost(errors, 1);
      assert.equal(await store.destroyOwned(7, { except: "b" }), 2);
      assert.deepEqual((await store.all()).map(({ name }) => name).sort(), ["b", "c", "d"]);
      assertLost(errors, 1);
    }, { owners: true }),
);

Deno.test("an ExpressStore's save of a session that became unreadable meanwhile fails, and loses nothing", async () => {
  const rows = new MemoryStore();
  const store = new ExpressStore(new EncryptedStore(rows, { keys: [key] }));
  const other = new ExpressStore(new EncryptedStore(rows, { keys: [lostKey, key] }));
  const cookie = { originalMaxAge: 60_000, expires: inMs(60_000) };
  await store.set("id", { cookie, a: 1 });
  const [mine, theirs] = [(await store.get("id"))!, (await other.get("id"))!];
  theirs.b = 2;
  await other.set("id", theirs);
  mine.a = 3;
  await assert.rejects(store.set("id", mine), DecryptionError);
  const { a, b } = (await other.get("id"))!;
  assert.deepEqual({ a, b }, { a: 1, b: 2 });
  await store.destroy("id");
  assert.equal(await other.get("id"), undefined);
});

Deno.test("koa-session: a visitor whose session cannot be decrypted begins anew, and it is kept", async () => {
  const rows = new MemoryStore();
  const errors: unknown[] = [];
  const jar = new Map<string, string>();
  const serve = async (secret: Uint8Array, test: (visitor: Visitor) => Promise<void>) => {
    const store = new KoaStore(new EncryptedStore(rows, { keys: [secret] }), {
      onError: (error) => void errors.push(error),
    });
    const app = new Koa({ keys: ["keyboard cat"] });
    app.use(koaSession({ store }, app as never) as never);
    app.use((ctx) => {
      const { session } = ctx as unknown as { session: Partial<Values> };
      if (ctx.path === "/put") session.count = (session.count ?? 0) + 1;
      ctx.body = String(session.count);
    });
    const { port, close } = await listen(createServer(app.callback()));
    try {
      const visitor = new Visitor(fetchFrom(`http://127.0.0.1:${port}`), Object.fromEntries(jar));
      await test(visitor);
      for (const cookie of visitor.cookies) jar.set(...cookie);
    } finally {
      await close();
    }
  };
  await serve(lostKey, async (visitor) => assert.equal(await visitor.text("/put"), "1"));
  const [[token, row]] = [...await rows.all()] as [[string, Uint8Array]];
  await serve(key, async (visitor) => {
    assert.equal(await visitor.text("/get"), "undefined");
    assertLost(errors, 1);
    assert.equal(await visitor.text("/put"), "1");
    assert.equal(await visitor.text("/put"), "2");
  });
  const all = await rows.all();
  assert.equal(all.size, 2);
  assert.deepEqual(all.get(token), row);
});

testOn(
  databases,
  "an old token reads encrypted sessions within its grace, and is no device of its own",
  (database) =>
    withStore(database, async ({ store: rows }) => {
      const { sessions, errors } = open(rows);
      const session = await signIn(sessions);
      const old = session.token!;
      session.renewToken({ grace: 60_000 });
      await sessions.commit(session);
      assert.equal((await sessions.load(old)).get("userId"), 7);
      const walk = async (): Promise<string[]> => {
        const ids: string[] = [];
        for await (const { id } of sessions.ofOwner(7)) ids.push(id);
        return ids;
      };
      assert.deepEqual(await walk(), [session.id]);
      assert.deepEqual(errors, []);
      // Another process encrypts the session with a key that this one has not.
      const other = open(rows, { keys: [lostKey, key] });
      const theirs = await other.sessions.load(session.token);
      theirs.put("count", 1);
      await other.sessions.commit(theirs);
      const before = await rows.all();
      assert.equal((await sessions.load(old)).get("userId"), undefined);
      assertLost(errors, 1);
      assert.deepEqual(await rows.all(), before);
      assert.equal((await other.sessions.load(old)).get("userId"), 7);
      assert.equal(await sessions.destroyOwned(7), 1);
      assert.equal((await other.sessions.load(old)).get("userId"), undefined);
    }, { owners: true }),
);
