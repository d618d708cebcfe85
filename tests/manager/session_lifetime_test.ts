import assert from "node:assert/strict";
import { parseSetCookie } from "cookie";
import {
  type FullSessionStore,
  MemoryStore,
  type Session,
  SessionManager,
} from "../../src/manager/mod.ts";
import { later } from "../support/clock.ts";
import { databases, inMs, testOn, withStore } from "../support/databases.ts";
import { deleteAll, recording, touchAll } from "../support/stores.ts";
import { cookiesOf, Visitor } from "../support/visitor.ts";

interface Values {
  count: number;
}

const MINUTE = 60_000;

/** A website with sessions that end after ten idle minutes, and one visitor of it who has a session. */
async function visited(
  options: { store?: FullSessionStore; lifetime?: number; persist?: boolean } = {},
): Promise<{
  readonly visitor: Visitor;
  readonly calls: string[];
  readonly sessions: SessionManager<Values>;
  readonly store: FullSessionStore;
  /** When the session expires in the store, in milliseconds from now. */
  expiresIn(): Promise<number>;
  /** Changes the expiry in the store as if so much time had passed without use. */
  idle(ms: number): Promise<void>;
}> {
  const { lifetime, persist } = options;
  const { store, calls } = recording(options.store ?? new MemoryStore());
  const sessions = new SessionManager<Values>({
    store,
    lifetime,
    idleTimeout: 10 * MINUTE,
    cookie: { persist },
  });
  const visitor = new Visitor(sessions.loadAndSave((request, session) => {
    if (request.method === "POST") session.put("count", (session.get("count") ?? 0) + 1);
    return new Response(String(session.get("count")));
  }));
  await visitor.fetch("/", { method: "POST" });
  const record = async () => (await store.entries().next()).value;
  const expiresIn = async (): Promise<number> => (await record()).expiry.getTime() - Date.now();
  calls.length = 0;
  return {
    visitor,
    calls,
    sessions,
    store,
    expiresIn,
    async idle(ms): Promise<void> {
      const { token, expiry } = await record();
      await store.touch(token, new Date(expiry.getTime() - ms));
      calls.length = 0;
    },
  };
}

/** Asserts that a moment is as far away as expected, less the time that the test has taken. */
function assertNear(ms: number, expected: number): void {
  assert.ok(ms <= expected && ms > expected - 5000, `${ms} is not near ${expected}`);
}

testOn(databases, "100 reads in a row of one session make 100 finds and one touch", async (on) => {
  await withStore(on, async ({ store, statements }) => {
    const { visitor, calls, idle } = await visited({ store });
    await idle(2 * MINUTE);
    statements.length = 0;
    for (let i = 0; i < 100; i++) await visitor.fetch();
    assert.equal(calls.filter((name) => name === "find").length, 100);
    assert.deepEqual(calls.filter((name) => name !== "find"), ["touch"]);
    assert.equal(statements.filter((sql) => /SELECT/.test(sql)).length, 100);
    assert.equal(statements.filter((sql) => !/SELECT/.test(sql)).length, 1);
  });
});

Deno.test("a session is touched only once a tenth of idleTimeout has passed", async () => {
  const { visitor, calls, idle, expiresIn } = await visited();
  await visitor.fetch();
  await idle(0.9 * MINUTE);
  const early = await visitor.fetch();
  assert.deepEqual(calls, ["find"]);
  assert.deepEqual(early.headers.getSetCookie(), []);
  await idle(0.2 * MINUTE);
  await visitor.fetch();
  assert.deepEqual(calls, ["find", "touch"]);
  assertNear(await expiresIn(), 10 * MINUTE);
});

Deno.test("a touch also prolongs the cookie, except one that ends with the browser", async () => {
  const kept = await visited();
  await kept.idle(5 * MINUTE);
  const [cookie] = cookiesOf(await kept.visitor.fetch());
  assertNear(cookie!.maxAge! * 1000, 10 * MINUTE);
  assert.equal(cookie!.value, kept.visitor.cookies.get("session"));

  const { visitor, idle, calls } = await visited({ persist: false });
  await idle(5 * MINUTE);
  assert.deepEqual(cookiesOf(await visitor.fetch()), []);
  assert.deepEqual(calls, ["find", "touch"]);
});

Deno.test("a write moves the expiry without a touch", async () => {
  const { visitor, idle, calls, expiresIn } = await visited();
  await idle(5 * MINUTE);
  await visitor.fetch("/", { method: "POST" });
  assert.deepEqual(calls, ["find", "replace"]);
  assertNear(await expiresIn(), 10 * MINUTE);
});

Deno.test("a session that was idle for too long is gone", async () => {
  const { visitor, idle } = await visited();
  await idle(9.9 * MINUTE);
  assert.equal(await visitor.text(), "1");
  await idle(10.1 * MINUTE);
  assert.equal(await visitor.text(), "undefined");
});

Deno.test("no use takes a session beyond its deadline", async () => {
  const { visitor, idle, calls, expiresIn } = await visited({ lifetime: 12 * MINUTE });
  await idle(0);
  await visitor.fetch();
  assert.deepEqual(calls, ["find"]);
  const { sessions } = await visited();
  const session = await sessions.load(undefined);
  session.put("count", 1);
  session.deadline = inMs(3 * MINUTE);
  assertNear((await sessions.commit(session))!.getTime() - Date.now(), 3 * MINUTE);

  const old = await sessions.load(session.token);
  // Its expiry is the deadline, so that no touch is due.
  assert.equal(old.status, "unmodified");
  assertNear((await sessions.commit(old))!.getTime() - Date.now(), 3 * MINUTE);
  assertNear(await expiresIn(), 10 * MINUTE);
});

Deno.test("a touch near the deadline moves the expiry no further than that", async () => {
  const { visitor, idle, calls, expiresIn } = await visited({ lifetime: 12 * MINUTE });
  await idle(5 * MINUTE);
  await visitor.fetch();
  assert.deepEqual(calls, ["find", "touch"]);
  assertNear(await expiresIn(), 10 * MINUTE);
  const near = await visited({ lifetime: 10.5 * MINUTE });
  await near.idle(-0.5 * MINUTE);
  for (let i = 0; i < 3; i++) await near.visitor.fetch();
  assert.deepEqual(near.calls, ["find", "find", "find"]);
});

Deno.test("a shorter idleTimeout also counts for existing sessions", async () => {
  const { visitor, store, expiresIn } = await visited();
  const shorter = new SessionManager<Values>({ store, idleTimeout: MINUTE });
  const again = new Visitor(shorter.loadAndSave(() => new Response()), {
    session: visitor.cookies.get("session")!,
  });
  await again.fetch();
  assertNear(await expiresIn(), MINUTE);
});

// n parallel requests must not make n touches.
Deno.test("parallel requests of one session touch it once", async () => {
  const { visitor, idle, calls } = await visited();
  await idle(5 * MINUTE);
  await Promise.all(Array.from({ length: 50 }, () => visitor.clone().fetch()));
  assert.equal(calls.filter((name) => name === "find").length, 50);
  assert.deepEqual(calls.filter((name) => name !== "find"), ["touch"]);
});

Deno.test("a touch does not bring back a session that was destroyed, and clears its cookie", async () => {
  const store = new MemoryStore();
  const sessions = new SessionManager<Values>({ store, idleTimeout: 10 * MINUTE });
  const visitor = new Visitor(sessions.loadAndSave(async (request, session) => {
    if (request.method === "POST") session.put("count", 1);
    else await deleteAll(store);
    return new Response();
  }));
  await visitor.fetch("/", { method: "POST" });
  await touchAll(store, inMs(MINUTE));
  await visitor.fetch();
  assert.equal((await store.all()).size, 0);
  assert.equal(visitor.cookies.size, 0);
});

Deno.test("a touch after a renewal touches nothing, and leaves the new cookie alone", async () => {
  const { visitor, sessions, store, idle } = await visited();
  await idle(5 * MINUTE);
  const token = visitor.cookies.get("session");
  const [renewing, reading] = [await sessions.load(token), await sessions.load(token)];
  renewing.renewToken();
  await Promise.all([sessions.commit(renewing), sessions.commit(reading)]);
  assert.equal(reading.status, "destroyed");
  assert.equal(sessions.toSetCookie(reading), undefined);
  assert.equal((await store.all()).size, 1);
  assertNear((await sessions.commit(renewing))!.getTime() - Date.now(), 10 * MINUTE);
});

Deno.test("a commit and then a touch in one request set the cookie", async () => {
  const { sessions, visitor, calls } = await visited({ persist: false });
  const session = await sessions.load(visitor.cookies.get("session"));
  session.put("count", 2);
  await sessions.commit(session);
  await later(5 * MINUTE, () => sessions.commit(session));
  assert.deepEqual(calls, ["find", "replace", "touch"]);
  assert.ok(sessions.toSetCookie(session));
});

Deno.test("the cookie lasts until the expiry of the last touch", async () => {
  const { sessions, visitor } = await visited();
  const session = await sessions.load(visitor.cookies.get("session"));
  session.put("count", 2);
  await sessions.commit(session);
  await later(5 * MINUTE, async () => {
    const expiry = await sessions.commit(session);
    const { expires } = parseSetCookie(sessions.toSetCookie(session)!);
    assert.equal(expires!.getTime(), Math.ceil(expiry!.getTime() / 1000) * 1000);
  });
});

Deno.test("a session after destroy() has a lifetime of its own", async () => {
  const session = await new SessionManager<Values>({ lifetime: 10 * MINUTE }).load(undefined);
  const { now } = Date;
  assertNear(session.deadline.getTime() - now(), 10 * MINUTE);
  await later(5 * MINUTE, () => {
    session.destroy();
    assertNear(session.deadline.getTime() - now(), 15 * MINUTE);
  });
});

Deno.test("without idleTimeout a session that is only read is never written", async () => {
  const { store, calls } = recording<FullSessionStore>(new MemoryStore());
  const sessions = new SessionManager<Values>({ store });
  const session = await sessions.load(undefined);
  session.put("count", 1);
  await sessions.commit(session);
  for (const ms of [23, 12, 1].map((hours) => hours * 60 * MINUTE)) {
    await touchAll(store, inMs(ms));
    calls.length = 0;
    await sessions.commit(await sessions.load(session.token));
    assert.deepEqual(calls, ["find"]);
  }
});

Deno.test("commit() returns a copy of the expiry", async () => {
  const sessions = new SessionManager<Values>();
  const session = await sessions.load(undefined);
  session.put("count", 1);
  const expiry = await sessions.commit(session);
  expiry!.setTime(0);
  assert.ok((await sessions.commit(session))! > new Date());
});

Deno.test("the deadline is lifetime after the session's beginning, and does not move", async () => {
  const sessions = new SessionManager<Values>({ lifetime: 5 * MINUTE });
  const session = await sessions.load(undefined);
  assertNear(session.deadline.getTime() - Date.now(), 5 * MINUTE);
  session.put("count", 1);
  const expiry = await sessions.commit(session);
  assert.deepEqual(expiry, session.deadline);
  await new Promise((resolve) => setTimeout(resolve, 5));
  const again: Session<Values> = await sessions.load(session.token);
  again.put("count", 2);
  assert.deepEqual(await sessions.commit(again), expiry);
  assert.deepEqual(again.deadline, expiry);
});

Deno.test("a deadline can be set, and one in the past ends the session", async () => {
  const store = new MemoryStore();
  const sessions = new SessionManager<Values>({ store });
  const visitor = new Visitor(sessions.loadAndSave((request, session) => {
    if (request.method === "POST") session.put("count", 1);
    else if (request.method === "DELETE") session.deadline = inMs(-1000);
    return new Response(String(session.get("count")));
  }));
  await visitor.fetch("/", { method: "POST" });
  await visitor.fetch("/", { method: "DELETE" });
  assert.equal((await store.all()).size, 0);
  assert.equal(visitor.cookies.size, 0);
});

Deno.test("the deadline is a copy", async () => {
  const session = await new SessionManager().load(undefined);
  const { deadline } = session;
  deadline.setTime(0);
  assert.ok(session.deadline > new Date());
  const set = new Date("2030-01-01T00:00:00Z");
  const changed = await new SessionManager().load(undefined);
  changed.deadline = set;
  set.setTime(0);
  assert.deepEqual(changed.deadline, new Date("2030-01-01T00:00:00Z"));
  assert.equal(session.status, "unmodified");
  const wrong = session as { deadline: unknown };
  assert.throws(() => wrong.deadline = Date.now(), TypeError);
  assert.throws(() => wrong.deadline = new Date(NaN), RangeError);
  assert.equal(session.status, "unmodified");
});
