// Calls that leave a session as it was, by themselves or because they are discarded.

import assert from "node:assert/strict";
import {
  type Codec,
  devalueCodec,
  MemoryStore,
  type Session,
  SessionManager,
  type SessionManagerOptions,
} from "../../src/manager/mod.ts";
import { inMs } from "../support/databases.ts";
import { recording, touchAll } from "../support/stores.ts";
import { cookiesOf, Visitor } from "../support/visitor.ts";

type Values = Record<string, unknown>;

/** A session that holds a value of each kind, and the calls of its store. */
async function scene(options: SessionManagerOptions = {}): Promise<{
  readonly sessions: SessionManager<Values>;
  readonly calls: string[];
  readonly inner: MemoryStore;
  readonly token: string;
  load(): Promise<Session<Values>>;
}> {
  const inner = new MemoryStore();
  const { store, calls } = recording(inner);
  const sessions = new SessionManager<Values>({ store, ...options });
  const session = await sessions.load(undefined);
  session.put("theme", "dark");
  session.put("cart", new Map([["apples", { count: 1, since: new Date(0) }]]));
  session.put("nothing", undefined);
  session.rememberMe(true);
  await sessions.commit(session);
  const token = session.token!;
  return { sessions, calls, inner, token, load: async () => await sessions.load(token) };
}

/** Commits a session; returns the calls that this makes. */
async function callsOf(
  { sessions, calls }: Awaited<ReturnType<typeof scene>>,
  session: Session<Values>,
): Promise<string[]> {
  calls.length = 0;
  await sessions.commit(session);
  return [...calls];
}

Deno.test("ten puts of an equal value make one write and one cookie", async () => {
  const { store, calls } = recording(new MemoryStore());
  const sessions = new SessionManager<Values>({ store });
  const visitor = new Visitor(sessions.loadAndSave((_, session) => {
    session.put("theme", "dark");
    session.put("settings", { sizes: [1, 2] });
    return new Response();
  }));
  let cookies = 0;
  for (let i = 0; i < 10; i++) cookies += cookiesOf(await visitor.fetch()).length;
  assert.equal(cookies, 1);
  assert.deepEqual(calls.filter((name) => name !== "find"), ["commit"]);
});

Deno.test("calls that leave a session as it was loaded write nothing and send no cookie", async () => {
  const acts: Record<string, (session: Session<Values>) => void> = {
    "put a string": (session) => session.put("theme", "dark"),
    "put undefined": (session) => session.put("nothing", undefined),
    "put a map": (session) =>
      session.put("cart", new Map([["apples", { count: 1, since: new Date(0) }]])),
    "put what get() gave": (session) => session.put("cart", session.get("cart")),
    "put and put back": (session) => {
      session.put("theme", "light");
      session.put("theme", "dark");
    },
    "pop and put back": (session) => session.put("theme", session.pop("theme")),
    "put and remove": (session) => {
      session.put("n", 1);
      session.remove("n");
    },
    "remember again": (session) => session.rememberMe(true),
    "forget and remember": (session) => {
      session.rememberMe(false);
      session.rememberMe(true);
    },
    "set the deadline": (session) => session.deadline = new Date(session.deadline),
  };
  for (const [name, act] of Object.entries(acts)) {
    const at = await scene();
    const session = await at.load();
    act(session);
    assert.equal(session.status, "unmodified", name);
    assert.deepEqual(await callsOf(at, session), [], name);
    assert.equal(at.sessions.toSetCookie(session), undefined);
  }
});

Deno.test("calls that change a session write it", async () => {
  const acts: Record<string, (session: Session<Values>) => void> = {
    "put another": (session) => session.put("theme", "light"),
    "put what JSON takes for equal": (session) => session.put("nothing", null),
    "put a new undefined": (session) => session.put("other", undefined),
    "change in place and put": (session) => {
      const cart = session.get("cart") as Map<string, { count: number }>;
      cart.get("apples")!.count++;
      session.put("cart", cart);
    },
    "put and change in place": (session) => {
      const cart = session.get("cart") as Map<string, unknown>;
      session.put("cart", cart);
      cart.clear();
    },
    "forget": (session) => session.rememberMe(false),
    "set the deadline": (session) => session.deadline = new Date("2099-01-01T00:00:00Z"),
  };
  for (const [name, act] of Object.entries(acts)) {
    const at = await scene();
    const session = await at.load();
    act(session);
    assert.equal(session.status, "modified", name);
    assert.deepEqual(await callsOf(at, session), ["replace"], name);
    assert.ok(at.sessions.toSetCookie(session));
    // Once it is written, the same again is no change.
    act(session);
    const isSame = !name.includes("in place");
    if (isSame) assert.deepEqual(await callsOf(at, session), [], name);
  }
});

Deno.test("a put of the loaded value leaves the value that another request has put meanwhile", async () => {
  const { sessions, load } = await scene();
  const [one, other] = [await load(), await load()];
  other.put("theme", "light");
  other.rememberMe(false);
  await sessions.commit(other);
  one.put("theme", "dark");
  one.rememberMe(true);
  one.put("n", 1);
  await sessions.commit(one);
  const session = await load();
  assert.deepEqual([session.get("theme"), session.get("n")], ["light", 1]);
  assert.equal(one.get("theme"), "light");
  // From then on, it compares with that value.
  one.put("theme", "dark");
  await sessions.commit(one);
  assert.equal((await load()).get("theme"), "dark");
});

Deno.test("a put of an equal value is a use of the session", async () => {
  const at = await scene({ idleTimeout: 600_000 });
  await touchAll(at.inner, inMs(300_000));
  const session = await at.load();
  session.put("theme", "dark");
  assert.deepEqual(await callsOf(at, session), ["touch"]);
  const expiry = await at.sessions.commit(session);
  assert.ok(expiry! > inMs(500_000));
});

Deno.test("a renewal counts even if nothing else has changed", async () => {
  const at = await scene();
  const session = await at.load();
  session.put("theme", "dark");
  session.renewToken();
  assert.deepEqual(await callsOf(at, session), ["commit", "replace", "delete"]);
  assert.notEqual(session.token, at.token);
});

Deno.test("a value that is put along with a new token counts, even if it is the loaded one", async () => {
  const { sessions, load } = await scene();
  const [one, other] = [await load(), await load()];
  other.put("theme", "light");
  await sessions.commit(other);
  one.put("theme", "dark");
  one.renewToken();
  await sessions.commit(one);
  assert.equal((await sessions.load(one.token)).get("theme"), "dark");
});

Deno.test("if a codec encodes a value differently each time, every put is a change", async () => {
  let nonce = 0;
  const codec: Codec = {
    encode: (content) => new Uint8Array([++nonce, ...devalueCodec.encode(content)]),
    decode: (data) => devalueCodec.decode(data.subarray(1)),
  };
  const at = await scene({ codec });
  const session = await at.load();
  session.put("theme", "dark");
  assert.deepEqual(await callsOf(at, session), ["replace"]);
});

Deno.test("a value that cannot be encoded is an error even if it is put twice", async () => {
  const at = await scene();
  const session = await at.load();
  session.put("wrong", () => {});
  await assert.rejects(at.sessions.commit(session), TypeError);
  assert.equal(session.status, "modified");
  session.put("wrong", () => {});
  await assert.rejects(at.sessions.commit(session), TypeError);
  session.discard();
  assert.equal(session.status, "unmodified");
  assert.deepEqual(await callsOf(at, session), []);
});

Deno.test("discard() drops all changes of a session", async () => {
  const acts: Record<string, (session: Session<Values>, other: string) => unknown> = {
    "put": (session) => session.put("theme", "light"),
    "change in place": (session) => (session.get("cart") as Map<string, unknown>).clear(),
    "clear": (session) => session.clear(),
    "destroy": (session) => session.destroy(),
    "destroy and put": (session) => {
      session.destroy();
      session.put("theme", "light");
    },
    "renew": (session) => session.renewToken(),
    "merge": (session, other) => session.merge(other),
    "merge and destroy": async (session, other) => {
      await session.merge(other);
      session.destroy();
    },
    "forget": (session) => session.rememberMe(false),
    "set the deadline": (session) => session.deadline = inMs(-1000),
  };
  for (const [name, act] of Object.entries(acts)) {
    const at = await scene();
    const other = await at.sessions.load(undefined);
    other.put("n", 1);
    await at.sessions.commit(other);
    const session = await at.load();
    const { deadline } = session;
    await act(session, other.token!);
    session.discard();
    assert.equal(session.status, "unmodified", name);
    assert.equal(session.token, at.token);
    assert.deepEqual(session.keys(), ["cart", "nothing", "theme"], name);
    assert.deepEqual(session.get("cart"), (await at.load()).get("cart"));
    assert.deepEqual(session.deadline, deadline);
    assert.deepEqual(await callsOf(at, session), [], name);
    assert.equal(at.sessions.toSetCookie(session), undefined);
    assert.ok((await at.sessions.load(other.token)).has("n"));
    // It can be changed afterwards.
    session.put("theme", "light");
    assert.deepEqual(await callsOf(at, session), ["replace"], name);
  }
});

Deno.test("discard() of a new session, and of one that was destroyed before", async () => {
  const { sessions, inner } = await scene();
  const session = await sessions.load(undefined);
  session.put("n", 1);
  session.discard();
  assert.deepEqual([session.status, session.keys()], ["unmodified", []]);
  assert.equal(await sessions.commit(session), undefined);
  session.put("n", 1);
  await sessions.commit(session);
  session.destroy();
  await sessions.commit(session);
  session.put("n", 2);
  session.discard();
  // The destroy() was committed.
  assert.equal(session.status, "destroyed");
  assert.equal(await sessions.commit(session), undefined);
  assert.equal((await inner.all()).size, 1);
});

Deno.test("discard() during a commit drops the changes after it", async () => {
  const { sessions, load } = await scene();
  const session = await load();
  session.put("theme", "light");
  const commit = sessions.commit(session);
  session.put("n", 1);
  session.discard();
  assert.deepEqual([session.status, session.get("theme")], ["modified", "light"]);
  assert.equal(session.has("n"), false);
  await commit;
  assert.equal(session.status, "unmodified");
  await sessions.commit(session);
  const left = await load();
  assert.deepEqual([left.get("theme"), left.has("n")], ["light", false]);
});

Deno.test("discard() leaves the cookie of an earlier commit", async () => {
  const sessions = new SessionManager<Values>();
  const visitor = new Visitor(sessions.loadAndSave(async (_, session) => {
    session.put("n", 1);
    await sessions.commit(session);
    session.destroy();
    session.discard();
    return new Response("failed", { status: 500 });
  }));
  await visitor.fetch();
  assert.equal((await sessions.load(visitor.cookies.get("session"))).get("n"), 1);
});
