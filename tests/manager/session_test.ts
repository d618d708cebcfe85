import assert from "node:assert/strict";
import { inspect } from "node:util";
import {
  type Codec,
  devalueCodec,
  jsonCodec,
  MemoryStore,
  type Session,
  SessionManager,
} from "../../src/manager/mod.ts";
import { later } from "../support/clock.ts";
import { bytes, inMs, soon } from "../support/databases.ts";
import { deleteAll, recording, touchAll } from "../support/stores.ts";
import { cookiesOf, silently, Visitor } from "../support/visitor.ts";

type Values = {
  userId: number;
  flash: string;
  cart: string[];
  nothing?: undefined;
};

async function newSession(): Promise<Session<Values>> {
  return await new SessionManager<Values>().load(undefined);
}

/** Commits a session with these values, and loads it again. */
async function stored(
  values: Partial<Values>,
  sessions = new SessionManager<Values>(),
): Promise<Session<Values>> {
  const session = await sessions.load(undefined);
  for (const [key, value] of Object.entries(values)) session.put(key as "userId", value as number);
  await sessions.commit(session);
  return await sessions.load(session.token);
}

// `@ts-expect-error` is an error of the compiler if the line compiles.
Deno.test("values have types by their keys", async () => {
  const session = await newSession();
  session.put("userId", 1);
  const userId: number | undefined = session.get("userId");
  const flash: string | undefined = session.pop("flash");
  assert.deepEqual([userId, flash, session.keys()], [1, undefined, ["userId"]]);
  // @ts-expect-error: no such key
  session.get("user");
  // @ts-expect-error: another type
  session.put("userId", "1");
  // @ts-expect-error: it may be undefined
  const certain: number = session.get("userId");
  // @ts-expect-error: another type
  const text: string | undefined = session.get("userId");
  // @ts-expect-error: no such key
  session.remove("user");
  // @ts-expect-error: no such key
  session.has("user");
  // @ts-expect-error: the token is readonly
  assert.throws(() => session.token = "x", TypeError);
  const untyped = await new SessionManager().load(undefined);
  const unknown: unknown = untyped.get("anything");
  // @ts-expect-error: an unknown value has to be narrowed first
  const number: number = untyped.get("anything");
  assert.deepEqual([certain, text, unknown, number], ["1", "1", undefined, undefined]);
});

Deno.test("the values' types can be an interface", async () => {
  interface Visits {
    readonly count: number;
  }
  const sessions = new SessionManager<Visits>();
  sessions.loadAndSave((_, session) => new Response(String(session.get("count")?.toFixed())));
  const session = await sessions.load(undefined);
  session.put("count", 1);
  // @ts-expect-error: no such key
  session.put("counts", 1);
});

Deno.test("a function takes every session that has the keys it needs", async () => {
  function say(session: Session<{ flash: string }>, text: string): void {
    session.put("flash", text);
  }
  const session = await newSession();
  say(session, "hello");
  assert.equal(session.get("flash"), "hello");
  // @ts-expect-error: it has no flash
  say(await new SessionManager<{ other: string }>().load(undefined), "hello");
});

Deno.test("get(), put(), has(), remove(), pop(), keys() and clear()", async () => {
  const session = await stored({ userId: 1, flash: "hello" });
  assert.equal(session.status, "unmodified");
  assert.equal(session.get("userId"), 1);
  assert.equal(session.get("cart"), undefined);
  assert.deepEqual(session.keys(), ["flash", "userId"]);
  session.remove("cart");
  assert.equal(session.pop("cart"), undefined);
  assert.equal(session.status, "unmodified");
  assert.equal(session.pop("flash"), "hello");
  assert.equal(session.status, "modified");
  assert.equal(session.has("flash"), false);
  session.put("cart", ["x"]);
  session.put("nothing", undefined);
  assert.deepEqual(session.keys(), ["cart", "nothing", "userId"]);
  assert.equal(session.has("nothing"), true);
  session.clear();
  assert.deepEqual(session.keys(), []);
  session.put("userId", 2);
  assert.deepEqual(session.keys(), ["userId"]);
});

Deno.test("an empty session is not modified by clear()", async () => {
  const session = await newSession();
  session.clear();
  assert.equal(session.status, "unmodified");
});

Deno.test("keys are strings, and two of them are reserved", async () => {
  const session = await newSession();
  const put = (key: unknown): void => session.put(key as "userId", 1);
  assert.throws(() => put(1), {
    name: "TypeError",
    message:
      "Cannot put the value: 'key' must be a string other than __rememberMe and __session: received number",
  });
  assert.throws(() => put(Symbol()), TypeError);
  assert.throws(() => put("__rememberMe"), RangeError);
  assert.throws(() => put("__session"), RangeError);
  session.rememberMe(true);
  assert.deepEqual(session.keys(), []);
  assert.equal(session.has("__rememberMe" as "userId"), false);
  assert.equal(session.get("__rememberMe" as "userId"), undefined);
  session.remove("__rememberMe" as "userId");
  assert.equal(session.has("__session" as "userId"), false);
  session.remove("__session" as "userId");
  session.clear();
  put("__proto__");
  put("constructor");
  put("");
  assert.deepEqual(session.keys() as string[], ["", "__proto__", "constructor"]);
});

Deno.test("keys of Object.prototype are values like any other", async () => {
  const sessions = new SessionManager();
  const session = await sessions.load(undefined);
  for (const key of ["__proto__", "constructor", "toString"]) {
    assert.equal(session.get(key), undefined);
    session.put(key, { of: key });
  }
  await sessions.commit(session);
  const again = await sessions.load(session.token);
  for (const key of ["__proto__", "constructor", "toString"]) {
    assert.deepEqual(again.get(key), { of: key });
  }
});

// A commit applies the log of changes to what the store holds.
Deno.test("a value that is changed in place is saved only if it is put again", async () => {
  const sessions = new SessionManager<Values>();
  const session = await stored({ cart: ["one"] }, sessions);
  session.get("cart")!.push("two");
  session.put("userId", 1);
  await sessions.commit(session);
  const again = await sessions.load(session.token);
  assert.deepEqual(again.get("cart"), ["one"]);
  again.get("cart")!.push("two");
  again.put("cart", again.get("cart")!);
  await sessions.commit(again);
  assert.deepEqual((await sessions.load(session.token)).get("cart"), ["one", "two"]);
});

/** The manager's error for a value that cannot be encoded, under the key `wrong`. */
async function errorOf(value: unknown, codec?: Codec): Promise<Error> {
  const errors: unknown[] = [];
  const store = new MemoryStore();
  const onError = (error: unknown): void => void errors.push(error);
  const sessions = new SessionManager({ store, onError, codec });
  const visitor = new Visitor(sessions.loadAndSave((_, session) => {
    session.put("fine", "hunter2");
    session.put("wrong", value);
    return new Response();
  }));
  assert.equal((await visitor.fetch()).status, 500);
  assert.equal(errors.length, 1);
  assert.equal((await store.all()).size, 0);
  return errors[0] as Error;
}

class Secret {
  readonly secret = "hunter2";
}

function circular(wrong: unknown): unknown {
  const value: Record<string, unknown> = { wrong };
  value.self = value;
  return { first: value, second: [value] };
}

Deno.test("a value that cannot be encoded is an error that names the path to it", async () => {
  const spoofed = JSON.parse('{"__proto__": 1, "constructor": {"name": "hunter2"}}');
  let deep: unknown = new Secret();
  for (let i = 0; i < 1000; i++) deep = [deep];
  const getter = {
    get value(): unknown {
      throw new Error("hunter2");
    },
  };
  const values: [unknown, string, string][] = [
    [new Secret(), "wrong", "Secret"],
    [() => "hunter2", "wrong", "Function"],
    [Symbol("hunter2"), "wrong", "symbol"],
    [spoofed, "wrong", "Object"],
    [[1, new Secret()], "wrong[1]", "Secret"],
    [{ settings: { theme: new Secret() } }, "wrong.settings.theme", "Secret"],
    [{ items: [1, 2, { price: () => 1 }] }, "wrong.items[2].price", "Function"],
    [{ "a b": { "1": Symbol() } }, 'wrong["a b"]["1"]', "symbol"],
    [
      new Map<unknown, unknown>([["hunter2", 1], ["hunter2!", Symbol()]]),
      "wrong.values()[1]",
      "symbol",
    ],
    [new Map([[new Secret(), 1]]), "wrong.keys()[0]", "Secret"],
    [{ set: new Set([1, [new Secret()]]) }, "wrong.set.values()[1][0]", "Secret"],
    [circular(new Secret()), "wrong.first.wrong", "Secret"],
    [deep, `wrong${"[0]".repeat(49)}`, "Array"],
    [{ getter }, "wrong.getter", "Object"],
  ];
  for (const [value, path, kind] of values) {
    const error = await errorOf(value);
    assert.equal(
      String(error),
      `TypeError: Cannot commit the session: '${path}' must be a value that the codec can encode: received ${kind}`,
    );
    assert.ok(error.cause instanceof Error);
    assert.doesNotMatch(inspect(error, { showHidden: true, depth: null }), /hunter2/);
  }
});

Deno.test("the cause of such an error is the codec's error without the value", async () => {
  const { cause } = await errorOf([new Secret()]);
  assert.equal(String(cause), "DevalueError: Cannot stringify arbitrary non-POJOs");
  const codec: Codec = {
    ...devalueCodec,
    encode: ({ values }) => {
      throw new RangeError(`no ${JSON.stringify([...values])}`);
    },
  };
  const other = await errorOf("hunter2", codec);
  assert.equal(
    other.message,
    "Cannot commit the session: 'fine' must be a value that the codec can encode: received string",
  );
  assert.equal(
    String(other.cause),
    "RangeError: The codec's message is left out: it may hold the value",
  );
  assert.doesNotMatch(inspect(other, { showHidden: true, depth: null }), /hunter2/);
  const json = await errorOf({ items: [{ since: new Date() }] }, jsonCodec);
  assert.match(json.message, /'wrong.items\[0\].since' must be .*: received Date$/);
});

Deno.test("renewToken() of a new session has no effect", async () => {
  const { store, calls } = recording(new MemoryStore());
  const sessions = new SessionManager<Values>({ store });
  const session = await sessions.load(undefined);
  session.renewToken();
  assert.equal(session.token, undefined);
  session.put("userId", 1);
  await sessions.commit(session);
  assert.deepEqual(calls, ["commit"]);
  assert.equal((await sessions.load(session.token)).get("userId"), 1);
});

Deno.test("the token is the new one from renewToken() on", async () => {
  const sessions = new SessionManager<Values>();
  const session = await stored({ userId: 1 }, sessions);
  const old = session.token;
  session.renewToken();
  const { token } = session;
  assert.notEqual(token, old);
  const commit = sessions.commit(session);
  assert.equal(session.token, token);
  await commit;
  assert.equal(session.token, token);
  assert.equal((await sessions.load(token)).get("userId"), 1);
});

Deno.test("merge() takes over another session's values, and ends it", async () => {
  const store = new MemoryStore();
  const sessions = new SessionManager<Values>({ store });
  const other = await stored({ cart: ["x"], userId: 7 }, sessions);
  other.deadline = new Date("2099-01-01T00:00:00Z");
  await sessions.commit(other);
  const session = await stored({ userId: 1, flash: "kept" }, sessions);
  assert.equal(await session.merge(other.token!), true);
  assert.deepEqual(
    [session.get("cart"), session.get("userId"), session.get("flash")],
    [["x"], 7, "kept"],
  );
  assert.deepEqual(session.deadline, new Date("2099-01-01T00:00:00Z"));
  // Nothing is done before the commit: a handler that throws must not lose the cart.
  assert.equal((await store.all()).size, 2);
  await sessions.commit(session);
  assert.equal((await store.all()).size, 1);
  assert.deepEqual((await sessions.load(session.token)).keys(), ["cart", "flash", "userId"]);
  assert.deepEqual((await sessions.load(other.token)).keys(), []);
});

Deno.test("merge() keeps the later deadline, and returns false if there is no other session", async () => {
  const store = new MemoryStore();
  const sessions = new SessionManager<Values>({ store });
  const session = await stored({ userId: 1 }, sessions);
  for (const token of ["garbage", "x".repeat(43), session.token!]) {
    assert.equal(await session.merge(token), false);
  }
  assert.equal(session.status, "unmodified");
  const other = await stored({ userId: 2 }, sessions);
  other.deadline = soon();
  await sessions.commit(other);
  const { deadline } = session;
  await session.merge(other.token!);
  assert.deepEqual(session.deadline, deadline);
});

Deno.test("merge() into a new session, and into one whose token is renewed", async () => {
  const store = new MemoryStore();
  const sessions = new SessionManager<Values>({ store });
  const cart = await stored({ cart: ["x"] }, sessions);
  const session = await sessions.load(undefined);
  await session.merge(cart.token!);
  await sessions.commit(session);
  const login = await stored({ userId: 1 }, sessions);
  login.renewToken();
  await login.merge(session.token!);
  await sessions.commit(login);
  assert.equal((await store.all()).size, 1);
  assert.deepEqual((await sessions.load(login.token)).keys(), ["cart", "userId"]);
});

Deno.test("merge() takes over several sessions, and ends them even if this one is destroyed", async () => {
  const store = new MemoryStore();
  const sessions = new SessionManager<Values>({ store });
  const others = [await stored({ cart: ["x"] }, sessions), await stored({ userId: 2 }, sessions)];
  const session = await stored({ flash: "x" }, sessions);
  for (const { token } of others) await session.merge(token!);
  await sessions.commit(session);
  assert.equal((await store.all()).size, 1);
  assert.deepEqual(session.keys(), ["cart", "flash", "userId"]);
  const another = await stored({ userId: 3 }, sessions);
  await session.merge(another.token!);
  session.destroy();
  await sessions.commit(session);
  assert.equal((await store.all()).size, 0);
});

Deno.test("the status says what this request or another has done to the session", async () => {
  const store = new MemoryStore();
  const sessions = new SessionManager<Values>({ store });
  const session = await stored({ userId: 1 }, sessions);
  const other = await sessions.load(session.token);
  session.destroy();
  const commit = sessions.commit(session);
  // Also while it is being carried out.
  assert.deepEqual([session.status, session.token, session.keys()], ["destroyed", undefined, []]);
  await commit;
  assert.deepEqual([session.status, session.token, session.keys()], ["destroyed", undefined, []]);
  session.put("userId", 2);
  assert.equal(session.status, "modified");
  const begun = sessions.commit(session);
  assert.equal(session.status, "modified");
  await begun;
  assert.equal(session.status, "unmodified");
  assert.equal((await store.all()).size, 1);

  other.put("userId", 3);
  assert.equal(await sessions.commit(other), undefined);
  assert.deepEqual([other.status, other.token, other.keys()], ["destroyed", undefined, []]);
});

// Otherwise a visitor whom another request has signed out would be signed in again.
Deno.test("values that are put after another request has ended the session are dropped", async () => {
  const store = new MemoryStore();
  const sessions = new SessionManager<Values>({ store });
  const visitor = new Visitor(sessions.loadAndSave(async (request, session) => {
    session.put("userId", 1);
    await sessions.commit(session);
    if (request.method !== "POST") return new Response();
    await deleteAll(store);
    for (const flash of ["one", "two"]) {
      session.put("flash", flash);
      assert.equal(await sessions.commit(session), undefined);
      assert.deepEqual(session.keys(), []);
    }
    session.put("userId", 2);
    session.renewToken();
    assert.equal(session.status, "destroyed");
    return new Response();
  }));
  await visitor.fetch();
  const response = await visitor.fetch("/", { method: "POST" });
  assert.equal(response.status, 200);
  assert.equal((await store.all()).size, 0);
  assert.equal(visitor.cookies.size, 0);
});

Deno.test("a session that another request has ended begins anew after destroy()", async () => {
  const store = new MemoryStore();
  const sessions = new SessionManager<Values>({ store });
  const session = await stored({ userId: 1 }, sessions);
  await deleteAll(store);
  session.put("flash", "lost");
  assert.equal(await sessions.commit(session), undefined);
  session.destroy();
  session.put("flash", "kept");
  assert.ok(await sessions.commit(session));
  assert.equal((await sessions.load(session.token)).get("flash"), "kept");
});

Deno.test("destroy() during a commit begins a new deadline, and ends the session that is being written", async () => {
  const store = new MemoryStore();
  const sessions = new SessionManager<Values>({ store });
  const session = await stored({ userId: 1 }, sessions);
  session.deadline = new Date("2099-01-01T00:00:00Z");
  const commit = sessions.commit(session);
  session.destroy();
  await commit;
  assert.ok(session.deadline < inMs(86_400_001));
  assert.equal(session.status, "destroyed");
  await sessions.commit(session);
  assert.equal((await store.all()).size, 0);
});

// A handler that streams goes on while its session is being saved.
Deno.test("the cookie has the token that was written, and not one that is still to be written", async () => {
  const sessions = new SessionManager<Values>();
  const session = await stored({ userId: 1 }, sessions);
  const token = session.token!;
  session.put("userId", 2);
  const commit = sessions.commit(session);
  session.renewToken();
  assert.notEqual(session.token, token);
  await commit;
  assert.ok(sessions.toSetCookie(session)!.startsWith(`session=${token};`));
  session.destroy();
  assert.ok(sessions.toSetCookie(session)!.startsWith(`session=${token};`));
});

Deno.test("a session past its deadline is not found, even if its record is active", async () => {
  const store = new MemoryStore();
  const sessions = new SessionManager<Values>({ store, idleTimeout: 60_000 });
  const session = await stored({ userId: 1 }, sessions);
  session.deadline = inMs(30_000);
  await sessions.commit(session);
  // A request that had loaded the session before touches it.
  await touchAll(store, soon());
  assert.equal((await sessions.load(session.token)).get("userId"), 1);
  await later(31_000, async () => {
    const late = await sessions.load(session.token);
    assert.deepEqual([late.keys(), late.token], [[], undefined]);
    late.destroy();
    await sessions.commit(late);
  });
  assert.equal((await store.all()).size, 0);
});

Deno.test("rememberMe(), and before it cookie.persist, decides whether the cookie outlives the browser", async () => {
  for (const persist of [true, false]) {
    const sessions = new SessionManager<Values>({ cookie: { persist } });
    let visits = 0;
    const visitor = new Visitor(sessions.loadAndSave((request, session) => {
      const { pathname } = new URL(request.url);
      if (pathname === "/remember") session.rememberMe(true);
      if (pathname === "/forget") session.rememberMe(false);
      if (pathname === "/clear") session.clear();
      session.put("userId", ++visits);
      return new Response();
    }));
    const persists = async (path: string): Promise<boolean> => {
      const [cookie] = cookiesOf(await visitor.fetch(path));
      assert.equal(cookie!.maxAge === undefined, cookie!.expires === undefined);
      return cookie!.maxAge !== undefined;
    };
    assert.equal(await persists("/"), persist);
    assert.equal(await persists("/remember"), true);
    assert.equal(await persists("/"), true);
    assert.equal(await persists("/clear"), true);
    assert.equal(await persists("/forget"), false);
    assert.equal(await persists("/"), false);
  }
  const session = await newSession();
  assert.throws(() => session.rememberMe("yes" as unknown as boolean), TypeError);
});

/** A store whose only session cannot be decoded, and the errors that were reported. */
async function unreadable(data = bytes("\x00\x01 of another format: hunter2")): Promise<{
  readonly store: MemoryStore;
  readonly token: string;
  readonly key: string;
  readonly errors: unknown[];
  readonly sessions: SessionManager<Values>;
}> {
  const store = new MemoryStore();
  const errors: unknown[] = [];
  const onError = (error: unknown, request?: Request): void =>
    void errors.push(String(error), request?.url);
  const sessions = new SessionManager<Values>({ store, onError, idleTimeout: 3_600_000 });
  const { token } = await stored({ userId: 1 }, sessions);
  const [key] = (await store.all()).keys();
  await store.commit(key!, data, soon());
  return { store, token: token!, key: key!, errors, sessions };
}

Deno.test("a session that cannot be decoded is reported and kept, and its visitor gets a new one", async () => {
  const { store, token, key, errors, sessions } = await unreadable();
  const visitor = new Visitor(
    sessions.loadAndSave((request, session) => {
      if (request.method === "POST") session.put("userId", 2);
      return new Response(String(session.get("userId")));
    }),
    { session: token },
  );
  assert.equal(await visitor.text(), "undefined");
  // Another version of the application may read it: the record and the cookie stay.
  assert.deepEqual([...(await store.all()).keys()], [key]);
  assert.equal(visitor.cookies.get("session"), token);
  assert.deepEqual(errors, [
    "Error: Cannot decode the session's data: SyntaxError",
    "http://localhost/",
  ]);

  assert.equal(await (await visitor.fetch("/", { method: "POST" })).text(), "2");
  assert.notEqual(visitor.cookies.get("session"), token);
  assert.equal(await visitor.text(), "2");
  assert.equal((await store.all()).size, 2);
  assert.deepEqual((await store.find(key))!.data, bytes("\x00\x01 of another format: hunter2"));
});

Deno.test("data that decodes to anything other than a session is an error", async () => {
  const texts = [
    "1",
    "[]",
    "null",
    "[[1],2]",
    "",
    "-1",
    "\xff",
    '[{"deadline":1,"values":1},1]',
    '[{"deadline":1,"values":2},["Date","2099-01-01T00:00:00.000Z"],["Set"]]',
    // A key that is not a string, and deadlines that no store keeps; the first one is Go's zero time.
    '[{"deadline":1,"values":2},["Date","2099-01-01T00:00:00.000Z"],["Map",3,3],7]',
    '[{"deadline":1,"values":2},["Date","0001-01-01T00:00:00.000Z"],["Map"]]',
    '[{"deadline":1,"values":2},["Date","+020000-01-01T00:00:00.000Z"],["Map"]]',
  ];
  for (const text of texts) {
    const { token, errors, sessions } = await unreadable(
      Uint8Array.from(text, (c) => c.charCodeAt(0)),
    );
    assert.deepEqual((await sessions.load(token)).keys(), [], text);
    assert.match(String(errors[0]), /^Error: Cannot decode the session's data: \w/, text);
  }
});

Deno.test("destroy() and renewToken() end a session that cannot be decoded", async () => {
  for (const act of ["destroy", "read and destroy", "renew"]) {
    const { store, token, key, sessions } = await unreadable();
    const session = await sessions.load(token);
    if (act !== "destroy") assert.equal(session.get("userId"), undefined);
    if (act === "renew") {
      session.renewToken();
      session.put("userId", 2);
    } else session.destroy();
    await sessions.commit(session);
    assert.equal(await store.find(key), undefined, act);
    assert.equal((await store.all()).size, act === "renew" ? 1 : 0);
  }
});

Deno.test("a session that cannot be decoded is not touched, and merging it is an error", async () => {
  const { store, token, key, sessions } = await unreadable();
  const { expiry } = (await store.find(key))!;
  await sessions.commit(await sessions.load(token));
  assert.deepEqual((await store.find(key))!.expiry, expiry);
  const session = await stored({ userId: 3 }, sessions);
  await assert.rejects(session.merge(token), {
    message: "Cannot decode the session's data: SyntaxError",
  });
  await sessions.commit(session);
  assert.ok(await store.find(key));
});

Deno.test("a visitor gets a new session even if onError fails", async () => {
  const { store, token } = await unreadable();
  const failures = [
    () => {
      throw new Error("onError");
    },
    () => Promise.reject(new Error("onError")),
  ];
  for (const onError of failures) {
    const session = await new SessionManager<Values>({ store, onError }).load(token);
    const logged = await silently(async () => {
      assert.deepEqual(session.keys(), []);
      await new Promise((resolve) => setTimeout(resolve));
    });
    assert.deepEqual(logged.map(String), ["Error: onError"]);
  }
});

Deno.test("a session is not decoded before its values are used", async () => {
  const { store, token, key, errors, sessions } = await unreadable();
  await store.touch(key, inMs(3_600_000));
  const handler = sessions.loadAndSave(() => new Response());
  await new Visitor(handler, { session: token }).fetch();
  assert.deepEqual(errors, []);
});

Deno.test("reading the token, the deadline and the status of a session changes nothing", async () => {
  const { store, token, key, errors, sessions } = await unreadable();
  const session = await sessions.load(token);
  for (let i = 0; i < 2; i++) {
    assert.equal(session.token, undefined);
    assert.ok(session.deadline > new Date());
    assert.equal(session.status, "unmodified");
  }
  assert.deepEqual(errors, []);
  session.has("userId");
  session.has("userId");
  assert.deepEqual(errors.length, 2);
  assert.ok(await store.find(key));

  const readable = await stored({ userId: 1 }, sessions);
  const loaded = await sessions.load(readable.token);
  assert.deepEqual([loaded.token, loaded.deadline], [readable.token, readable.deadline]);
  const fresh = await sessions.load(undefined);
  assert.deepEqual(fresh.deadline, fresh.deadline);
});

Deno.test("the options are checked when the manager is made", () => {
  const wrong: Record<string, unknown[]> = {
    TypeError: [
      null,
      "x",
      { store: {} },
      { store: { find: () => {}, commit: () => {} } },
      { lifetime: "1h" },
      { idleTimeout: null },
      { cookie: "session" },
      { codec: { encode: () => {} } },
      { hashToken: "yes" },
      { onError: true },
    ],
    RangeError: [
      { lifetime: 999 },
      { lifetime: { milliseconds: 0 } },
      { idleTimeout: 999 },
      { lifetime: 0 },
      { lifetime: -1 },
      { lifetime: NaN },
      { lifetime: Infinity },
      { lifetime: 101 * 366 * 86_400_000 },
      { idleTimeout: 0 },
    ],
  };
  for (const [name, all] of Object.entries(wrong)) {
    for (const options of all) {
      assert.throws(() => new SessionManager(options as object), {
        name,
        message: /^Cannot create the session manager: '[\w.]+' must be .*: received/,
      });
    }
  }
  const sessions = new SessionManager();
  assert.throws(() => sessions.loadAndSave(undefined as never), {
    name: "TypeError",
    message: "Cannot wrap the handler: 'handler' must be a function: received undefined",
  });
  assert.ok(
    new SessionManager({ lifetime: { milliseconds: 1 }, idleTimeout: 100 * 365 * 86_400_000 }),
  );
});
