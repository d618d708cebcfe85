// ExpressStore's methods as the middlewares call them; express_middlewares_test.ts runs the middlewares.

import assert from "node:assert/strict";
import type { Request } from "express";
import session from "express-session";
import { AsyncLocalStorage } from "node:async_hooks";
import process from "node:process";
import {
  ExpressStore,
  type ExpressStoreOptions,
  type SavableCookie,
  type StoredSession,
} from "../../src/express/mod.ts";
import {
  type FullSessionStore,
  MemoryStore,
  type SessionRecord,
  type SessionStore,
} from "../../src/manager/mod.ts";
import { hashToken } from "../../src/store/token.ts";
import { later, ticking } from "../support/clock.ts";
import {
  bytes,
  databases,
  inMs,
  shared,
  soon,
  testOn,
  text,
  withStore,
} from "../support/databases.ts";
import { ALL_CALLS, MINIMAL, recording, withCalls } from "../support/stores.ts";

const HOUR = 3_600_000;
const MIDDLEWARE = { secret: "keyboard cat", resave: false, saveUninitialized: false };

interface Scene {
  readonly inner: MemoryStore;
  readonly store: ExpressStore;
  /** The calls of the inner store. */
  readonly calls: string[];
}

function newScene(options?: ExpressStoreOptions): Scene {
  const inner = new MemoryStore();
  const { store, calls } = recording(inner);
  return { inner, store: new ExpressStore(store, options), calls };
}

/** A session as plain data; its cookie lasts for `maxAge` ms, or ends with the browser if that is `null`. */
function plain(maxAge: number | null, values: object = {}): StoredSession {
  const expires = maxAge === null ? null : inMs(maxAge);
  return { cookie: { originalMaxAge: maxAge, expires, path: "/" }, ...values };
}

/** In how many milliseconds the record of a session expires. */
async function remaining(inner: FullSessionStore, sid = "sid"): Promise<number> {
  return (await inner.find(hashToken(sid)))!.expiry.getTime() - Date.now();
}

function assertNear(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) < 5000, `${actual} is not ${expected}`);
}

/** Calls a method with a callback; returns the callback's arguments. */
function called(call: (callback: (...args: unknown[]) => void) => unknown): Promise<unknown[]> {
  return new Promise((resolve) => call((...args) => resolve(args)));
}

testOn(databases, "ExpressStore keeps sessions that never expire", async (database) => {
  await withStore(database, async ({ store: inner }) => {
    const store = new ExpressStore(inner);
    for (const never of [253402300000000, 8.64e15]) {
      await store.set("sid", { cookie: { expires: new Date(never) }, n: never });
      const { cookie, n } = (await store.get("sid"))!;
      const expected = new Date(Math.min(never, Date.UTC(9999, 11, 31, 23, 59, 59, 999)));
      assert.deepEqual([cookie.expires, n], [expected, never]);
    }
  });
});

testOn(databases, "ExpressStore keeps sessions", async (database) => {
  await withStore(database, async ({ store: inner }) => {
    const store = new ExpressStore(inner);
    assert.equal(await store.get("sid"), undefined);
    const session = plain(HOUR, { name: "Ada", list: [1, { two: "zwei" }], ünï: "cödé \u{1f36a}" });
    await store.set("sid", session);
    assert.deepEqual(await store.get("sid"), session);
    await store.set("another", plain(null));
    await store.set("expired", plain(-1000));
    assert.equal(await store.get("expired"), undefined);
    assert.equal(await store.length(), 2);
    assert.deepEqual((await store.all()).map(({ name }) => name).sort(), ["Ada", undefined]);
    await store.destroy("sid");
    await store.destroy("sid");
    assert.equal(await store.get("sid"), undefined);
    await store.clear();
    assert.equal(await inner.model.count(), 0);
  });
});

testOn(databases, "clear() works with any queueLimit", async (database) => {
  await withStore(database, async ({ store: inner }) => {
    const store = new ExpressStore(inner);
    for (let i = 0; i < 250; i++) await store.set(`${i}`, plain(HOUR));
    await store.clear();
    assert.equal(await inner.model.count(), 0);
  }, { queueLimit: 1 });
});

Deno.test("clear() retries one by one the deletes that a store with a full queue refuses", async () => {
  const inner = new MemoryStore();
  let underWay = 0;
  let made = 0;
  let isDown = false;
  const { store, calls } = recording(inner);
  const strict = Object.assign(
    withCalls(store, ALL_CALLS, async (_, make) => {
      if (isDown) throw new Error("down");
      // As if calls of visitors came in between.
      const isFull = underWay >= 2 || ++made % 3 === 0;
      if (isFull) throw Object.assign(new Error("full"), { name: "QueueFullError" });
      underWay++;
      try {
        await new Promise((resolve) => setTimeout(resolve));
        return await make();
      } finally {
        underWay--;
      }
    }),
    { entries: () => inner.entries() },
  );
  const sessions = new ExpressStore(strict);
  for (let i = 0; i < 150; i++) {
    await new ExpressStore(inner).set(`${i}`, plain(HOUR));
  }
  isDown = true;
  await assert.rejects(sessions.clear(), { message: "down" });
  assert.equal((await inner.all()).size, 150);
  isDown = false;
  calls.length = 0;
  await sessions.clear();
  assert.deepEqual(calls, Array(150).fill("delete"));
  assert.equal((await inner.all()).size, 0);
});

testOn(databases, "ExpressStore never brings back a destroyed session", async (database) => {
  await withStore(database, async ({ store: inner }) => {
    const store = new ExpressStore(inner, { touchInterval: 0 });
    await store.set("sid", plain(HOUR, { n: 1 }));
    const [changed, same] = [(await store.get("sid"))!, (await store.get("sid"))!];
    await new ExpressStore(inner).destroy("sid");
    await store.set("sid", Object.assign(changed, { n: 2 }));
    same.cookie.expires = inMs(2 * HOUR);
    await store.set("sid", same);
    await store.touch("sid", plain(HOUR));
    // Nor after the store has noticed that the session is gone.
    await store.set("sid", Object.assign(same, { n: 3 }));
    assert.equal(await inner.model.count(), 0);
  });
});

Deno.test("ExpressStore is an emitter that never emits disconnect, and leaves generate() to the middleware", async () => {
  const failing = new ExpressStore(withCalls(new MemoryStore(), MINIMAL, () => {
    return Promise.reject(new Error("down"));
  }));
  assert.equal("generate" in failing, false);
  let disconnected = 0;
  failing.on("disconnect", () => disconnected++);
  await assert.rejects(failing.get("sid"), { message: "down" });
  await assert.rejects(failing.set("sid", plain(HOUR)), { message: "down" });
  assert.equal(disconnected, 0);
});

// connect-typeorm's touch() called back twice; connect-session-sequelize called a throwing callback twice.
Deno.test("callbacks are called once, with the value of the promise", async () => {
  const { store } = newScene();
  const session = plain(HOUR, { n: 1 });
  let calls = 0;
  const count = (call: (callback: (...args: unknown[]) => void) => unknown): Promise<unknown[]> =>
    called((callback) => call((...args) => (calls++, callback(...args))));
  assert.deepEqual(await count((cb) => store.get("sid", cb)), [null, undefined]);
  assert.deepEqual(await count((cb) => store.set("sid", session, cb)), [null, undefined]);
  assert.deepEqual(await count((cb) => store.get("sid", cb)), [null, session]);
  assert.deepEqual(await count((cb) => store.touch("sid", session, cb)), [null, undefined]);
  assert.deepEqual(await count((cb) => store.all(cb)), [null, [session]]);
  assert.deepEqual(await count((cb) => store.length(cb)), [null, 1]);
  assert.deepEqual(await count((cb) => store.destroy("sid", cb)), [null, undefined]);
  assert.deepEqual(await count((cb) => store.clear(cb)), [null, undefined]);
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(calls, 8);
});

Deno.test("an error is passed to the callback, and is no unhandled rejection", async () => {
  const error = new Error("down");
  const store = new ExpressStore(
    withCalls(new MemoryStore(), MINIMAL, () => Promise.reject(error)),
  );
  assert.deepEqual(await called((cb) => store.get("sid", cb)), [error]);
  assert.deepEqual(await called((cb) => store.set("sid", plain(HOUR), cb)), [error]);
  assert.deepEqual(await called((cb) => store.destroy("sid", cb)), [error]);
  assert.deepEqual(await called((cb) => store.touch("sid", plain(HOUR), cb)), [error]);
  for (const name of ["all", "length", "clear"] as const) {
    const [missing] = await called((cb) => store[name](cb));
    assert.match(String(missing), /^TypeError: Cannot .*: 'store.entries' must be a function/);
  }
  // As req.session.destroy() does; the test runner reports unhandled rejections.
  store.destroy("sid");
  store.set("sid", plain(HOUR));
  store.touch("sid", plain(HOUR));
  await new Promise((resolve) => setTimeout(resolve, 5));
});

Deno.test("an error that a callback throws does not reject the promise", async () => {
  const { store } = newScene();
  const { nextTick } = process;
  const ticks: (() => void)[] = [];
  let calls = 0;
  process.nextTick = (callback: (...args: unknown[]) => void, ...args: unknown[]): void =>
    void ticks.push(() => callback(...args));
  try {
    const found = store.get("sid", () => {
      calls++;
      throw new Error("thrown");
    });
    assert.equal(await found, undefined);
    await new Promise((resolve) => setTimeout(resolve));
  } finally {
    process.nextTick = nextTick;
  }
  const own = ticks.filter((tick) => {
    try {
      tick();
      return false;
    } catch (error) {
      return (error as Error).message === "thrown";
    }
  });
  assert.deepEqual([own.length, calls], [1, 1]);
});

Deno.test("callbacks are optional, and keep the caller's asynchronous context", async () => {
  const { store } = newScene();
  await store.set("sid", plain(HOUR), undefined);
  await store.destroy("sid");
  const context = new AsyncLocalStorage<string>();
  const seen = await context.run("request", () =>
    new Promise((resolve) => {
      store.get("sid", () => resolve(context.getStore()));
    }));
  assert.equal(seen, "request");
});

// express-session and @fastify/session take an error with this code for "no session".
Deno.test("the error of a missing socket loses the code that means no session", async () => {
  const error = Object.assign(new Error("connect ENOENT /run/db\nSELECT"), { code: "ENOENT" });
  const store = new ExpressStore(
    withCalls(new MemoryStore(), MINIMAL, () => Promise.reject(error)),
  );
  await assert.rejects(store.get("sid"), (wrapped: Error & { code?: string }) => {
    assert.equal(wrapped.code, undefined);
    assert.equal(wrapped.message, "Cannot find the session: connect ENOENT /run/db");
    assert.equal(wrapped.cause, error);
    return true;
  });
});

Deno.test("a session expires with its cookie's expires, which may be a Date, a string or a number", async () => {
  const { inner, store } = newScene({ lifetime: 2 * HOUR });
  for (const expires of [inMs(HOUR), inMs(HOUR).toISOString(), inMs(HOUR).getTime()]) {
    // As in express-openid-connect and JSON; and along with attributes that count less.
    for (const others of [{}, { maxAge: 5 }, { originalMaxAge: 5 }]) {
      await store.set("sid", { cookie: { expires, ...others }, header: { iat: 1 } });
      assertNear(await remaining(inner), HOUR);
      const { cookie, header } = (await store.get("sid"))!;
      assert.deepEqual(cookie.expires, new Date(expires));
      assert.deepEqual(header, { iat: 1 });
      await store.touch("sid", { cookie: { expires: new Date(expires).getTime() + HOUR } });
      assertNear(await remaining(inner), 2 * HOUR);
    }
  }
});

Deno.test("a session whose cookie has no expires lasts for its maxAge, or else its originalMaxAge", async () => {
  const { inner, store } = newScene({ lifetime: 2 * HOUR });
  for (const expires of [undefined, null, false, 0, NaN, "", new Date(NaN)] as const) {
    for (
      const others of [{ maxAge: HOUR }, { originalMaxAge: HOUR }, {
        maxAge: HOUR,
        originalMaxAge: 5,
      }, { maxAge: null, originalMaxAge: HOUR }]
    ) {
      await store.set("sid", { cookie: { expires, ...others } });
      assertNear(await remaining(inner), HOUR);
      const { cookie } = (await store.get("sid"))!;
      assertNear(cookie.expires!.getTime(), Date.now() + HOUR);
      assert.equal(cookie.originalMaxAge, HOUR);
    }
  }
  await store.set("sid", { cookie: { maxAge: 0 } });
  assert.equal(await store.get("sid"), undefined);
});

Deno.test("a session that was saved as plain data keeps its maxAge when a middleware loads it", async () => {
  const { store } = newScene();
  session({ ...MIDDLEWARE, store });
  await store.set("sid", { cookie: { maxAge: HOUR } });
  const [, loaded] = await called((cb) => store.load("sid", cb)) as [unknown, session.Session];
  assert.equal(loaded.cookie.originalMaxAge, HOUR);
  assertNear(loaded.touch().cookie.expires!.getTime(), Date.now() + HOUR);
});

// JSON turns an invalid Date into null.
Deno.test("a session without a cookie, or whose cookie has no expiry, ends with the browser", async () => {
  const { inner, store } = newScene({ lifetime: 2 * HOUR });
  const cookies: (SavableCookie | null | undefined)[] = [undefined, null, {}, plain(null).cookie];
  for (const expires of [false, null, undefined, 0, NaN, "", "tomorrow", new Date(NaN)] as const) {
    cookies.push({ expires }, { expires, maxAge: NaN, originalMaxAge: false });
  }
  for (const cookie of cookies) {
    await store.set("sid", { cookie, n: 1 });
    assertNear(await remaining(inner), 2 * HOUR);
    const found = (await store.get("sid"))!;
    assert.deepEqual([found.cookie.expires, found.n], [null, 1]);
    await store.touch("sid", { cookie });
    await store.set("sid", Object.assign(Object.create({ save(): void {} }), { cookie }));
  }
  await store.set("sid", { n: 2 });
  assert.equal((await store.get("sid"))?.n, 2);
  session({ ...MIDDLEWARE, store });
  const created = store.createSession({ sessionID: "sid" }, { n: 3 });
  assert.deepEqual([created.n, created.cookie.expires], [3, null]);
  await new ExpressStore(inner).set("sid", plain(null));
  assertNear(await remaining(inner), 24 * HOUR);
});

/** Makes a store that accepts any Date, and a function that returns the last one. */
function taking(): { readonly store: SessionStore; readonly expiry: () => string | undefined } {
  let last: SessionRecord | undefined;
  const store: SessionStore = {
    find: () => Promise.resolve(last),
    commit: (token, data, expiry) => {
      last = { token, data, expiry };
      return Promise.resolve();
    },
    delete: () => Promise.resolve(),
  };
  return { store, expiry: () => last?.expiry.toISOString() };
}

// Applications use such a cookie for "never", and a save that fails comes after the response.
Deno.test("an expiry that a store cannot keep is moved to the nearest one that it can", async () => {
  const { store: inner, expiry } = taking();
  const store = new ExpressStore(inner);
  const last = "9999-12-31T23:59:59.999Z";
  const never = 253402300000000;
  const cookies: [SavableCookie, string][] = [
    [{ expires: new Date(never) }, new Date(never).toISOString()],
    [{ expires: new Date(8.64e15) }, last],
    [{ expires: "+010000-01-01T00:00:00.000Z" }, last],
    [{ expires: 1e300 }, last],
    [{ expires: Infinity }, last],
    [{ maxAge: Infinity }, last],
    [{ originalMaxAge: 1e15 }, last],
    [{ expires: new Date(-8.64e15) }, "1971-01-01T00:00:00.000Z"],
    [{ expires: -Infinity }, "1971-01-01T00:00:00.000Z"],
  ];
  for (const [cookie, expected] of cookies) {
    await store.set("sid", { cookie });
    assert.equal(expiry(), expected);
  }
});

// touch() of express-session reads the clock twice, and the cookie may lose a millisecond.
Deno.test("a drift of a cookie's maxAge is no change", async () => {
  const { inner, store, calls } = newScene();
  session({ ...MIDDLEWARE, store });
  await store.set("sid", store.createSession({ sessionID: "sid" }, plain(HOUR, { n: 0 })));
  const load = async (): Promise<session.Session & { n: number }> =>
    (await called((cb) => store.load("sid", cb)))[1] as session.Session & { n: number };
  await ticking(async () => {
    const kept = await load();
    calls.length = 0;
    for (let i = 0; i < 50; i++) {
      const loaded = await load();
      await store.set("sid", loaded.touch());
      // If a session stays loaded, as for a WebSocket, the drift adds up.
      await store.touch("sid", kept.touch());
    }
    assert.ok(kept.cookie.originalMaxAge! < HOUR - 40);
    assert.deepEqual(calls, Array(50).fill("find"));
    for (let i = 0; i < 50; i++) {
      const loaded = await load();
      loaded.n++;
      await store.set("sid", loaded.touch());
    }
  });
  const { cookie, n } = JSON.parse(text((await inner.find(hashToken("sid")))?.data)!);
  assert.deepEqual([cookie.originalMaxAge, n], [HOUR, 50]);
});

Deno.test("a request whose cookie's maxAge drifts does not undo another request's change of it", async () => {
  for (const n of [0, 1]) {
    const { inner, store } = newScene({ touchInterval: 0 });
    session({ ...MIDDLEWARE, store });
    await store.set("sid", store.createSession({ sessionID: "sid" }, plain(HOUR, { n: 0 })));
    const [, slow] = await called((cb) => store.load("sid", cb)) as [unknown, session.Session];
    const [, login] = await called((cb) => store.load("sid", cb)) as [unknown, session.Session];
    login.cookie.maxAge = 30 * HOUR;
    await store.set("sid", login);
    await ticking(() => store.set("sid", Object.assign(slow.touch(), { n })));
    assert.ok(slow.cookie.originalMaxAge! < HOUR);
    assertNear(await remaining(inner), 30 * HOUR);
    assertNear((await store.get("sid"))!.cookie.originalMaxAge!, 30 * HOUR);
  }
});

Deno.test("a change of a cookie's maxAge is written even if the session is short", async () => {
  const { store } = newScene();
  await store.set("sid", plain(1000));
  for (const maxAge of [1050, 900, HOUR, 1000]) {
    const found = (await store.get("sid"))!;
    Object.assign(found.cookie, plain(maxAge).cookie);
    await store.set("sid", found);
    assert.equal((await store.get("sid"))!.cookie.originalMaxAge, maxAge);
  }
});

// Stores that move only the column return an old expiry, and @fastify/session then ends the session.
Deno.test("a touch moves the expiry of the cookie that is found later", async () => {
  const { inner, store } = newScene({ lifetime: HOUR });
  await store.set("sid", plain(HOUR, { n: 1 }));
  await store.set("browser", plain(null));
  const moved = plain(2 * HOUR);
  await store.touch("sid", moved);
  await later(HOUR / 2, () => store.touch("browser", plain(null)));
  assert.deepEqual((await store.get("sid"))?.cookie.expires, moved.cookie.expires);
  assert.equal((await store.get("sid"))?.n, 1);
  assert.equal((await store.get("browser"))?.cookie.expires, null);
  assertNear(await remaining(inner, "browser"), 1.5 * HOUR);
  assert.equal((await store.get("sid"))?.cookie.originalMaxAge, HOUR);
});

Deno.test("a touch of a session that is gone succeeds, and inserts none", async () => {
  const { inner, store } = newScene();
  await store.touch("missing", plain(HOUR));
  await store.set("sid", plain(HOUR));
  const session = (await store.get("sid"))!;
  await store.destroy("sid");
  await store.touch("sid", Object.assign(session, plain(3 * HOUR)));
  assert.equal((await inner.all()).size, 0);
});

Deno.test("a save that changes nothing is a touch, which is not written within touchInterval", async () => {
  const { inner, store, calls } = newScene({ touchInterval: 60_000 });
  await store.set("sid", plain(HOUR, { n: 1 }));
  const save = async (ms: number, values: object = {}): Promise<string[]> => {
    const session = (await store.get("sid"))!;
    calls.length = 0;
    await later(ms, () => store.set("sid", Object.assign(session, plain(HOUR), values)));
    return [...calls];
  };
  assert.deepEqual(await save(0), []);
  assert.deepEqual(await save(59_000), []);
  assert.deepEqual(await save(61_000), ["replace"]);
  assertNear(await remaining(inner), HOUR + 61_000);
  assert.deepEqual(await save(61_000), []);
  assert.deepEqual(await save(0, { n: 2 }), ["replace"]);
});

Deno.test("touchInterval: 0 records every use, and Infinity none before half of the time is over", async () => {
  for (
    const [touchInterval, ms, expected] of [[0, 10, ["replace"]], [Infinity, HOUR / 3, []], [
      Infinity,
      HOUR * 0.6,
      ["replace"],
    ]] as const
  ) {
    const { store, calls } = newScene({ touchInterval });
    await store.set("sid", plain(HOUR));
    const session = (await store.get("sid"))!;
    calls.length = 0;
    await later(ms, () => store.touch("sid", Object.assign(session, plain(HOUR))));
    assert.deepEqual(calls, expected);
  }
});

Deno.test("a cookie with a fixed expiry costs no touch", async () => {
  const { store, calls } = newScene({ touchInterval: 0 });
  const session = plain(HOUR);
  await store.set("sid", session);
  const found = (await store.get("sid"))!;
  calls.length = 0;
  await store.set("sid", found);
  await store.touch("sid", found);
  assert.deepEqual(calls, []);
});

Deno.test("a session that its cookie shortens or ends is shortened or ended at once", async () => {
  const { inner, store } = newScene({ touchInterval: Infinity });
  for (const [ms, left] of [[60_000, 60_000], [-1000, undefined]] as const) {
    await store.set("sid", plain(HOUR));
    const session = (await store.get("sid"))!;
    session.cookie.expires = inMs(ms);
    await store.touch("sid", session);
    if (left === undefined) assert.equal(await store.get("sid"), undefined);
    else assertNear(await remaining(inner), left);
  }
});

// If the application makes a session last longer, the middleware takes it for unmodified.
Deno.test("a touch saves other changes of the cookie", async () => {
  const { store } = newScene();
  await store.set("sid", plain(HOUR, { n: 1 }));
  const session = (await store.get("sid"))!;
  const month = 30 * 24 * HOUR;
  Object.assign(session.cookie, { originalMaxAge: month, expires: inMs(month) });
  await store.touch("sid", session);
  const found = (await store.get("sid"))!;
  assert.deepEqual(found.cookie, {
    ...plain(null).cookie,
    originalMaxAge: month,
    expires: session.cookie.expires,
  });
  assert.equal(found.n, 1);
});

Deno.test("a session is saved as it is at the moment of the call", async () => {
  const { store } = newScene();
  const session = plain(HOUR, { list: [1] });
  const saved = store.set("sid", session);
  session.list.push(2);
  session.cookie.expires = null;
  await saved;
  const found = (await store.get("sid"))!;
  assert.deepEqual(found.list, [1]);
  assert.notEqual(found.cookie.expires, null);
  const again = store.set("sid", Object.assign(found, { list: [3] }));
  found.list.push(4);
  await again;
  assert.deepEqual((await store.get("sid"))?.list, [3]);
});

Deno.test("the last of several saves that are not awaited counts", async () => {
  const { store } = newScene();
  await store.set("sid", plain(HOUR, { n: 0 }));
  const session = (await store.get("sid"))!;
  const saves = [1, 2, 3].map((n) => store.set("sid", Object.assign(session, { n })));
  await Promise.all(saves);
  assert.equal((await store.get("sid"))?.n, 3);
  await Promise.all([store.set("sid", Object.assign(session, { n: 4 })), store.destroy("sid")]);
  assert.equal(await store.get("sid"), undefined);
  await Promise.all([store.set("new", plain(HOUR)), store.destroy("new")]);
  assert.equal(await store.get("new"), undefined);
});

for (const [name, managers] of [["in one process", 1], ["of two processes", 2]] as const) {
  Deno.test(`parallel requests ${name} write only their own changes`, async () => {
    const inner = new MemoryStore();
    const stores = Array.from({ length: managers }, () => new ExpressStore(inner));
    await stores[0]!.set("sid", plain(HOUR, { kept: 1, removed: 1, a: { deep: [1] } }));
    const sessions = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const store = stores[i % managers]!;
        return { store, i, session: (await store.get("sid"))! };
      }),
    );
    await Promise.all(sessions.map(({ store, i, session }) => {
      if (i === 7) delete session.removed;
      if (i === 8) session.a.deep.push(2);
      return store.set("sid", Object.assign(session, { [`k${i}`]: i }));
    }));
    const { cookie: _, ...values } = (await stores[0]!.get("sid"))!;
    const added = Array.from({ length: 20 }, (_, i) => [`k${i}`, i]);
    assert.deepEqual(values, { kept: 1, a: { deep: [1, 2] }, ...Object.fromEntries(added) });
  });
}

// A slow request that loaded the session earlier must not undo "remember me".
Deno.test("a parallel request keeps the cookie and the expiry that another has chosen", async () => {
  for (const values of [{}, { slow: 1 }]) {
    for (const [maxAge, ms] of [[HOUR, HOUR / 2], [null, 0]] as const) {
      const { inner, store } = newScene({ touchInterval: 0 });
      await store.set("sid", plain(maxAge));
      const [login, slow] = [(await store.get("sid"))!, (await store.get("sid"))!];
      Object.assign(login, plain(30 * HOUR, { user: "Ada" }));
      await store.set("sid", login);
      if (maxAge !== null) slow.cookie.expires = inMs(HOUR + ms);
      await store.set("sid", Object.assign(slow, values));
      await store.touch("sid", slow);
      assertNear(await remaining(inner), 30 * HOUR);
      const { cookie, ...rest } = (await store.get("sid"))!;
      assert.equal(cookie.originalMaxAge, 30 * HOUR);
      assert.deepEqual(rest, { user: "Ada", ...values });
    }
  }
});

Deno.test("a session object whose record holds others' changes can still be touched", async () => {
  const { inner, store } = newScene({ touchInterval: 0 });
  await store.set("sid", plain(HOUR));
  const [one, other] = [(await store.get("sid"))!, (await store.get("sid"))!];
  await store.set("sid", Object.assign(other, { other: 1 }));
  await store.set("sid", Object.assign(one, { one: 1 }));
  one.cookie.expires = inMs(2 * HOUR);
  await store.touch("sid", one);
  assertNear(await remaining(inner), 2 * HOUR);
  assert.equal((await store.get("sid"))?.other, 1);
});

Deno.test("values that a failed save may have written are not taken for unchanged", async () => {
  const inner = new MemoryStore();
  let isLost = false;
  const store = new ExpressStore(withCalls(inner, ALL_CALLS, async (name, make) => {
    const reply = await make();
    if (isLost && name === "replace") throw new Error("reply lost");
    return reply;
  }));
  await store.set("sid", plain(HOUR, { locked: false, n: 1 }));
  const [session, other] = [(await store.get("sid"))!, (await store.get("sid"))!];
  isLost = true;
  await assert.rejects(store.set("sid", Object.assign(session, { locked: true })));
  isLost = false;
  await store.set("sid", Object.assign(other, { other: 1 }));
  await store.set("sid", Object.assign(session, { locked: false }));
  const { cookie: _, ...values } = (await store.get("sid"))!;
  assert.deepEqual(values, { locked: false, n: 1, other: 1 });
});

Deno.test("a copy of a loaded session never inserts either", async () => {
  const { store } = newScene();
  await store.set("sid", plain(HOUR));
  const session = (await store.get("sid"))!;
  await store.destroy("sid");
  await store.set("sid", { ...session, n: 1 });
  assert.equal(await store.get("sid"), undefined);
});

Deno.test("a session object that has met others' changes continues from its own", async () => {
  const { store, calls } = newScene();
  await store.set("sid", plain(HOUR));
  const [one, other] = [(await store.get("sid"))!, (await store.get("sid"))!];
  await store.set("sid", Object.assign(other, { other: 1 }));
  await store.set("sid", Object.assign(one, { one: 1 }));
  calls.length = 0;
  await store.set("sid", Object.assign(one, { one: 2 }));
  assert.deepEqual(calls, ["replace"]);
  const { cookie: _, ...values } = (await store.get("sid"))!;
  assert.deepEqual(values, { one: 2, other: 1 });
});

testOn(
  shared,
  "eight stores that write one session lose no change",
  async (database) => {
    await withStore(database, async ({ store: inner }) => {
      const stores = Array.from({ length: 8 }, () => new ExpressStore(inner));
      await stores[0]!.set("sid", plain(HOUR));
      await Promise.all(stores.flatMap((store, i) =>
        Array.from({ length: 3 }, async (_, j) => {
          const session = (await store.get("sid"))!;
          await store.set("sid", Object.assign(session, { [`k${i}${j}`]: 1 }));
        })
      ));
      assert.equal(Object.keys((await stores[0]!.get("sid"))!).length, 25);
    });
  },
);

Deno.test("a value that a session object sets and removes is removed", async () => {
  const { store } = newScene();
  await store.set("sid", plain(HOUR));
  const session = (await store.get("sid"))!;
  await store.set("sid", Object.assign(session, { n: 1 }));
  delete session.n;
  await store.set("sid", session);
  assert.equal("n" in (await store.get("sid"))!, false);
});

/** A middleware's new session: an instance with methods. */
function fresh(values: object): StoredSession {
  return Object.assign(Object.create({ save(): void {} }), plain(HOUR, values));
}

Deno.test("a middleware's new session is not brought back once it was saved", async () => {
  const { inner, store, calls } = newScene();
  const session = fresh({ n: 1 });
  await store.touch("sid", session);
  assert.equal((await inner.all()).size, 0);
  await store.set("sid", session);
  calls.length = 0;
  await store.set("sid", Object.assign(session, { n: 2 }));
  assert.deepEqual(calls, ["replace"]);
  await new ExpressStore(inner).destroy("sid");
  await store.set("sid", Object.assign(session, { n: 3 }));
  assert.equal((await inner.all()).size, 0);
  // Under another id, as after regenerate(), it is another session.
  await store.set("another", session);
  assert.equal((await store.get("another"))?.n, 3);
});

Deno.test("a middleware's new session whose first save failed is inserted by the next save", async () => {
  const inner = new MemoryStore();
  let isDown = true;
  const flaky = withCalls(inner, ALL_CALLS, (_, make) => {
    return isDown ? Promise.reject(new Error("down")) : make();
  });
  const store = new ExpressStore(flaky);
  const session = fresh({ n: 1 });
  await assert.rejects(store.set("sid", session), { message: "down" });
  isDown = false;
  await store.set("sid", Object.assign(session, { n: 2 }));
  await store.set("sid", Object.assign(session, { n: 1 }));
  assert.equal((await store.get("sid"))?.n, 1);
});

Deno.test("plain data overwrites, and may be inserted again after it was destroyed", async () => {
  const { store } = newScene();
  const session = plain(HOUR, { n: 1 });
  await store.set("sid", session);
  await store.set("sid", plain(HOUR, { m: 1 }));
  assert.equal((await store.get("sid"))?.n, undefined);
  await store.destroy("sid");
  await store.set("sid", session);
  assert.equal((await store.get("sid"))?.n, 1);
});

Deno.test("ids of all kinds are hashed unless hashToken is false", async () => {
  const { inner, store } = newScene();
  for (const sid of ["sid", "it's \u{1f36a}\0", "x".repeat(1000)]) {
    await store.set(sid, plain(HOUR, { sid }));
    assert.equal((await store.get(sid))?.sid, sid);
  }
  assert.deepEqual((await inner.all()).has(hashToken("sid")), true);
  const { inner: open, store: unhashed } = newScene({ hashToken: false });
  await unhashed.set("sid", plain(HOUR));
  assert.deepEqual([...(await open.all()).keys()], ["sid"]);
  assert.equal(await unhashed.get("it's"), undefined);
  await assert.rejects(unhashed.set("it's", plain(HOUR)), RangeError);
});

Deno.test("a serializer may keep values that JSON changes, and its errors lose nothing", async () => {
  const serializer = {
    stringify: (session: object): string =>
      JSON.stringify(session, function (this: Record<string, unknown>, key, value): unknown {
        if (typeof value === "function") throw new TypeError("a function");
        return this[key] instanceof Date ? { $date: value } : value;
      }),
    parse: (text: string): unknown =>
      JSON.parse(text, (_, value) => value?.$date ? new Date(value.$date) : value),
  };
  const { store, calls } = newScene({ serializer });
  const since = new Date("2030-01-02T03:04:05.678Z");
  await store.set("sid", plain(HOUR, { since }));
  const [session, other] = [(await store.get("sid"))!, (await store.get("sid"))!];
  assert.deepEqual(session.since, since);
  await store.set("sid", Object.assign(other, { other: 1 }));
  await store.set("sid", Object.assign(session, { n: 1 }));
  assert.deepEqual((await store.get("sid"))?.since, since);
  calls.length = 0;
  await assert.rejects(store.set("sid", plain(HOUR, { fn: () => {} })), { message: "a function" });
  await assert.rejects(newScene().store.set("sid", plain(HOUR, { n: 1n })), TypeError);
  assert.deepEqual(calls, []);
});

Deno.test("data of another format is an error that holds none of it", async () => {
  const { inner, store } = newScene();
  for (const data of ["", "hunter2", "null", "[]", '"hunter2"', '{"password":"hunter2"}', "\xff"]) {
    const raw = data === "\xff" ? new Uint8Array([0xff]) : bytes(data);
    await inner.commit(hashToken("sid"), raw, soon());
    for (const call of [store.get("sid"), store.all()]) {
      await assert.rejects(call, (error: Error) => {
        assert.match(error.message, /^Cannot parse the session's data: /);
        assert.doesNotMatch(`${error.message} ${error.cause}`, /hunter/);
        return true;
      });
    }
    assert.equal(await store.length(), 1);
  }
  await store.clear();
  assert.equal(await store.length(), 0);
});

Deno.test("keys such as __proto__ are ordinary values, and change no prototype", async () => {
  const { inner, store } = newScene();
  const json = '{"cookie":{"originalMaxAge":null},"__proto__":{"admin":true},"constructor":1}';
  await inner.commit(hashToken("sid"), bytes(json), soon());
  const [session, other] = [(await store.get("sid"))!, (await store.get("sid"))!];
  assert.equal(session.admin, undefined);
  await store.set("sid", Object.assign(other, { other: 1 }));
  await store.set("sid", Object.assign(session, { n: 1 }));
  assert.equal((await store.get("sid"))?.admin, undefined);
  const row = JSON.parse(text((await inner.find(hashToken("sid")))?.data)!);
  assert.deepEqual(Object.keys(row).sort(), ["__proto__", "constructor", "cookie", "n", "other"]);
});

Deno.test("wrong arguments are rejected before anything is sent", async () => {
  const { store, calls } = newScene();
  const wrong: [() => Promise<unknown>, string][] = [
    [
      () => store.set(7 as never, plain(1)),
      "'sid' must be a string of 1 character or more: received number",
    ],
    [() => store.set("", plain(1)), "'sid' must be a string of 1 character or more: received "],
    [() => store.touch("", plain(1)), "'sid' must be a string of 1 character or more: received "],
    [() => store.set("sid", null as never), "'session' must be an object: received null"],
    [() => store.touch("sid", 7 as never), "'session' must be an object: received number"],
    [
      () => store.set("sid", { cookie: "hunter2" as never }),
      "'session.cookie' must be an object: received string",
    ],
    [
      () => store.set("sid", { cookie: false as never }),
      "'session.cookie' must be an object: received boolean",
    ],
    [
      () => store.touch("sid", { cookie: { expires: true as never } }),
      "'session.cookie.expires' must be a Date, a string or a number of milliseconds since 1970: received boolean",
    ],
    [
      () => store.set("sid", { cookie: { maxAge: "60000" as never } }),
      "'session.cookie.maxAge' must be a number of milliseconds: received string",
    ],
    [
      () => store.set("sid", { cookie: { originalMaxAge: new Date() as never } }),
      "'session.cookie.originalMaxAge' must be a number of milliseconds: received an instance of Date",
    ],
    [
      () =>
        newScene({ serializer: { stringify: () => undefined as never, parse: JSON.parse } })
          .store.set("sid", plain(1)),
      "'serializer.stringify(session)' must be a string: received undefined",
    ],
  ];
  for (const [call, message] of wrong) {
    await assert.rejects(call, (error: Error) => error.message.endsWith(message));
  }
  assert.equal(await store.get(undefined as never), undefined);
  assert.equal(await store.get(""), undefined);
  await store.destroy("");
  assert.deepEqual(calls, []);
});

Deno.test("wrong options are rejected when the store is made", () => {
  const wrong: [unknown[], string][] = [
    [[{}], "'store' must be a store with find, commit and delete: received object"],
    [[new MemoryStore(), null], "'options' must be an object: received null"],
    [
      [new MemoryStore(), { lifetime: 0 }],
      "'lifetime' must be a number of milliseconds, more than 0 and at most 100 years: received 0",
    ],
    [[new MemoryStore(), { hashToken: 1 }], "'hashToken' must be a boolean: received number"],
    [
      [new MemoryStore(), { touchInterval: -1 }],
      "'touchInterval' must be a number of milliseconds, 0 or more: received -1",
    ],
    [
      [new MemoryStore(), { serializer: {} }],
      "'serializer' must be a serializer with stringify and parse: received object",
    ],
  ];
  for (const [args, message] of wrong) {
    const make = (): ExpressStore => new ExpressStore(...args as [MemoryStore, object]);
    assert.throws(make, { message: `Cannot create the Express store: ${message}` });
  }
});

Deno.test("a store with only find, commit and delete is enough", async () => {
  const inner = new MemoryStore();
  const store = new ExpressStore(withCalls(inner, MINIMAL));
  await store.set("sid", plain(HOUR, { n: 1 }));
  const [one, other] = [(await store.get("sid"))!, (await store.get("sid"))!];
  await store.set("sid", Object.assign(one, { one: 1 }));
  await store.set("sid", Object.assign(other, { other: 1 }));
  assert.deepEqual(Object.keys((await store.get("sid"))!).sort(), ["cookie", "n", "one", "other"]);
  await store.destroy("sid");
  await store.set("sid", Object.assign(one, { one: 2 }));
  assert.equal(await store.get("sid"), undefined);
});

// Compared with a store of express-session, whose base class ExpressStore does not extend.
Deno.test("createSession() and load() make the same sessions as express-session's own stores", async () => {
  const { store } = newScene();
  const theirs = new session.MemoryStore();
  for (const each of [store, theirs]) session({ ...MIDDLEWARE, store: each });
  const expires = inMs(HOUR);
  const cookies: object[] = [
    { originalMaxAge: HOUR, expires },
    { originalMaxAge: HOUR, expires: expires.toISOString() },
    { originalMaxAge: null, expires: null },
    { originalMaxAge: HOUR, expires, path: "/x", httpOnly: false, secure: true, sameSite: "lax" },
    { originalMaxAge: HOUR, expires, domain: "example.com", partitioned: true, priority: "low" },
    { originalMaxAge: HOUR, expires, data: "hostile" },
    {},
  ];
  for (const cookie of cookies) {
    const [ours, other] = [store, theirs].map((each) => {
      const request = { sessionID: "sid", sessionStore: each } as unknown as Request;
      const data = { cookie: { ...cookie }, n: 1 } as never;
      const created = each.createSession(request, data);
      assert.equal(request.session, created);
      return created;
    }) as [session.Session, session.Session];
    assert.equal(Object.getPrototypeOf(ours), Object.getPrototypeOf(other));
    assert.equal(Object.getPrototypeOf(ours.cookie), Object.getPrototypeOf(other.cookie));
    assert.deepEqual(JSON.stringify(ours), JSON.stringify(other));
    assert.deepEqual(ours.cookie.expires, other.cookie.expires);
    assert.equal(ours.id, "sid");
  }
  await store.set("sid", plain(HOUR, { n: 1 }));
  const [error, loaded] = await called((cb) => store.load("sid", cb));
  assert.equal(error, undefined);
  await called((cb) => Object.assign(loaded as session.Session, { n: 2 }).save(cb));
  assert.equal((await store.get("sid"))?.n, 2);
});

Deno.test("load() works before the first request, even if the middleware's options read requests", async () => {
  for (
    const options of [
      { proxy: true, cookie: { secure: "auto" } },
      { genid: (request: Request) => `${request.headers["x-id"]}` },
      {
        cookie: (request: Request) => ({
          secure: request.headers["x-forwarded-proto"] === "https",
        }),
      },
    ]
  ) {
    const { store } = newScene();
    session({ ...MIDDLEWARE, store, ...options as Partial<session.SessionOptions> });
    await store.set("sid", plain(HOUR, { n: 1 }));
    const [error, loaded] = await called((cb) => store.load("sid", cb));
    assert.deepEqual([error, (loaded as StoredSession).n], [undefined, 1]);
  }
});

Deno.test("the middleware's classes are found without changing the request", async () => {
  const { store } = newScene();
  const urls: string[] = [];
  session({ ...MIDDLEWARE, store, genid: ({ url }) => String(urls.push(url)) });
  await store.set("sid", plain(HOUR));
  const request = { sessionID: "sid", url: "/" };
  for (let i = 0; i < 3; i++) store.createSession(request, (await store.get("sid"))!);
  assert.deepEqual([request.sessionID, urls], ["sid", ["/"]]);
});

Deno.test("without a middleware, the store makes no session objects", async () => {
  const { store } = newScene();
  await store.set("sid", plain(HOUR));
  const message = "Cannot create the session: express-session has not been given the store";
  assert.throws(() => store.createSession({ sessionID: "sid" }, plain(HOUR)), { message });
  const [error] = await called((cb) => store.load("sid", cb));
  assert.equal((error as Error).message, message);
  assert.deepEqual(await called((cb) => store.load("missing", cb)), [undefined]);
  const [failure] = await called((cb) => store.regenerate({ sessionID: "sid" }, cb));
  assert.equal((failure as Error).message, message);
});
