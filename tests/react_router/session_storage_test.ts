// createSessionStorage() as React Router's own SessionStorage, and in loaders and actions of it.

import assert from "node:assert/strict";
import { createStaticHandler, isSession, type SessionStorage } from "react-router";
import type { SessionStorage as SessionStorage7 } from "react-router7";
import { MemoryStore, SessionManager, type SessionManagerOptions } from "../../src/manager/mod.ts";
import { createSessionStorage, type RouterSessionStorage } from "../../src/react_router/mod.ts";
import { ALL_CALLS, recording, withCalls } from "../support/stores.ts";
import { Visitor } from "../support/visitor.ts";

interface Values {
  userId: number;
  name?: string;
  count?: number;
}
interface Flash {
  error: string;
}

function storage(options: SessionManagerOptions = {}): {
  readonly sessions: SessionManager<Values>;
  readonly storage: RouterSessionStorage<Values, Flash>;
  readonly calls: string[];
} {
  const { store, calls } = recording(new MemoryStore());
  const sessions = new SessionManager<Values>({ store, ...options });
  return { sessions, storage: createSessionStorage<Values, Flash>(sessions), calls };
}

/** What a browser sends back of a `Set-Cookie` header. */
function toCookie(setCookie: string): string {
  return setCookie.split(";")[0]!;
}

Deno.test("it is the SessionStorage of React Router 7 and 8", async () => {
  const { storage: own } = storage();
  const eight: SessionStorage<Values, Flash> = own;
  const seven: SessionStorage7<Values, Flash> = own;
  assert.equal(eight as unknown, seven);
  const session = await eight.getSession();
  assert.ok(isSession(session));
  const untyped: SessionStorage = createSessionStorage(new SessionManager());
  assert.ok(isSession(await untyped.getSession(null)));
  // @ts-expect-error: a typed session stays typed
  session.set("userId", "7");
});

Deno.test("values are set, kept, read and unset", async () => {
  const { storage: { getSession, commitSession } } = storage();
  const session = await getSession();
  assert.deepEqual([session.id, session.data, session.has("userId")], ["", {}, false]);
  session.set("userId", 7);
  session.set("name", "Ada");
  assert.deepEqual([session.get("userId"), session.has("name")], [7, true]);
  const cookie = toCookie(await commitSession(session));
  assert.equal(cookie, `session=${session.id}`);
  const again = await getSession(cookie);
  assert.deepEqual([again.id, again.data], [session.id, { userId: 7, name: "Ada" }]);
  again.unset("name");
  await commitSession(again);
  assert.deepEqual((await getSession(cookie)).data, { userId: 7 });
});

Deno.test("what is flashed is there for one get", async () => {
  const { storage: { getSession, commitSession } } = storage();
  const session = await getSession();
  session.flash("error", "Wrong password");
  const cookie = toCookie(await commitSession(session));
  const next = await getSession(cookie);
  assert.deepEqual(next.data, { __flash_error__: "Wrong password" });
  assert.ok(next.has("error"));
  assert.equal(next.get("error"), "Wrong password");
  assert.equal(next.get("error"), undefined);
  await commitSession(next);
  assert.equal((await getSession(cookie)).get("error"), undefined);
});

Deno.test("commitSession() returns a cookie even if it does not change", async () => {
  for (const persist of [true, false]) {
    const { storage: { getSession, commitSession }, calls } = storage({ cookie: { persist } });
    const session = await getSession();
    session.set("userId", 7);
    const first = await commitSession(session);
    const again = await getSession(toCookie(first));
    calls.length = 0;
    const second = await commitSession(again);
    assert.equal(toCookie(second), toCookie(first));
    assert.equal(/Max-Age=\d+/.test(second), persist);
    assert.deepEqual(calls, []);
  }
});

Deno.test("a visitor without a session costs no row and no cookie", async () => {
  const { storage: { getSession, commitSession }, calls } = storage();
  for (const cookie of [undefined, null, "", "session=unknown", "other=1"]) {
    assert.equal(await commitSession(await getSession(cookie)), "");
  }
  assert.deepEqual(calls, []);
});

Deno.test("destroySession() ends the session and clears the cookie", async () => {
  const { storage: { getSession, commitSession, destroySession } } = storage({
    cookie: { path: "/app" },
  });
  const session = await getSession();
  session.set("userId", 7);
  const cookie = toCookie(await commitSession(session));
  assert.match(await destroySession(await getSession(cookie)), /^session=; Max-Age=0; Path=\/app;/);
  assert.deepEqual((await getSession(cookie)).data, {});
  assert.match(await destroySession(await getSession()), /^session=; Max-Age=0;/);
});

// remix#5647: createSessionStorage() of React Router writes whole sessions.
Deno.test("parallel requests do not overwrite each other", async () => {
  const { storage: { getSession, commitSession } } = storage();
  const session = await getSession();
  session.set("userId", 7);
  const cookie = toCookie(await commitSession(session));
  const [one, other] = await Promise.all([getSession(cookie), getSession(cookie)]);
  one.set("name", "Ada");
  other.set("count", 1);
  await Promise.all([commitSession(one), commitSession(other)]);
  assert.deepEqual((await getSession(cookie)).data, { userId: 7, name: "Ada", count: 1 });
});

// remix#4778: its updateData() may insert what another request has deleted.
Deno.test("a slow request does not bring a destroyed session back", async () => {
  const { storage: { getSession, commitSession, destroySession } } = storage();
  const session = await getSession();
  session.set("userId", 7);
  const cookie = toCookie(await commitSession(session));
  const slow = await getSession(cookie);
  await destroySession(await getSession(cookie));
  slow.set("count", 1);
  await commitSession(slow);
  assert.deepEqual((await getSession(cookie)).data, {});
});

Deno.test("renewToken() gives the session a new token", async () => {
  const { storage: { getSession, commitSession } } = storage();
  const session = await getSession();
  session.set("count", 1);
  const cookie = toCookie(await commitSession(session));
  const again = await getSession(cookie);
  again.renewToken();
  again.set("userId", 7);
  const renewed = toCookie(await commitSession(again));
  assert.notEqual(renewed, cookie);
  assert.deepEqual((await getSession(cookie)).data, {});
  assert.deepEqual((await getSession(renewed)).data, { count: 1, userId: 7 });
});

Deno.test("the options of commitSession() are the cookie's, and the session's end", async () => {
  const { storage: { getSession, commitSession }, sessions } = storage();
  const session = await getSession();
  session.set("userId", 7);
  const setCookie = await commitSession(session, {
    maxAge: 3600,
    path: "/app",
    domain: "example.com",
    sameSite: true,
    secure: true,
    httpOnly: undefined,
  });
  assert.match(
    setCookie,
    /; Max-Age=3600; Domain=example\.com; Path=\/app;.*HttpOnly; Secure;.*Strict/,
  );
  const left = (await sessions.load(session.id)).deadline.getTime() - Date.now();
  assert.ok(left > 3_590_000 && left <= 3_600_000, `${left}`);
  const expires = new Date(Date.now() + 7_200_000);
  assert.ok((await commitSession(session, { expires })).includes(expires.toUTCString()));
});

Deno.test("a session of another storage is refused", async () => {
  const { storage: { commitSession, destroySession } } = storage();
  const foreign = await storage().storage.getSession();
  for (const call of [commitSession, destroySession]) {
    await assert.rejects(call(foreign), {
      name: "TypeError",
      message: /'session' must be one that getSession has returned/,
    });
  }
  assert.throws(() => createSessionStorage({} as SessionManager), { name: "TypeError" });
});

Deno.test("an error of the store is never a new session", async () => {
  const store = withCalls(new MemoryStore(), ALL_CALLS, () => Promise.reject(new Error("down")));
  const { getSession, commitSession } = createSessionStorage(new SessionManager<Values>({ store }));
  await assert.rejects(getSession(`session=${"t".repeat(43)}`), { message: "down" });
  const session = await getSession();
  session.set("userId", 7);
  await assert.rejects(commitSession(session), { message: "down" });
});

Deno.test("the cookie is Secure, unless the whole request says that its host is a loopback one", async () => {
  const { storage: { getSession, commitSession } } = storage();
  const isSecure = async (source: string | Request): Promise<boolean> => {
    const session = await getSession(source);
    session.set("userId", 7);
    return (await commitSession(session)).includes("; Secure");
  };
  assert.equal(await isSecure("session=x"), true);
  assert.equal(await isSecure(new Request("https://example.com/")), true);
  assert.equal(await isSecure(new Request("http://localhost:5173/")), false);
});

Deno.test("loaders and actions keep a session", async () => {
  const { storage: { getSession, commitSession, destroySession } } = storage();
  const redirect = (location: string, setCookie: string): Response =>
    new Response(null, { status: 302, headers: { location, "set-cookie": setCookie } });
  const { queryRoute } = createStaticHandler([{
    path: "/",
    loader: async ({ request }) => {
      const session = await getSession(request.headers.get("Cookie"));
      const text = `${session.get("userId")} ${session.get("error")}`;
      return new Response(text, { headers: { "set-cookie": await commitSession(session) } });
    },
  }, {
    path: "/sign-in",
    action: async ({ request }) => {
      const session = await getSession(request.headers.get("Cookie"));
      session.renewToken();
      session.set("userId", 7);
      session.flash("error", "none");
      return redirect("/", await commitSession(session));
    },
  }, {
    path: "/sign-out",
    action: async ({ request }) =>
      redirect("/", await destroySession(await getSession(request.headers.get("Cookie")))),
  }]);
  const visitor = new Visitor(async (request) => await queryRoute(request) as Response);
  const post = { method: "POST" };
  assert.equal((await visitor.fetch("/sign-in", post)).status, 302);
  assert.equal(await visitor.text("/"), "7 none");
  assert.equal(await visitor.text("/"), "7 undefined");
  await visitor.fetch("/sign-out", post);
  assert.equal(await visitor.text("/"), "undefined undefined");
});
