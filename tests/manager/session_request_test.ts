// What adapters are made of: loadRequest, commitHeaders, toCookie, toErrorResponse, and lazy sessions.

import assert from "node:assert/strict";
import {
  type CookieSource,
  type LazySession,
  MemoryStore,
  type Session,
  SessionManager,
} from "../../src/manager/mod.ts";
import { MINIMAL, recording, withCalls } from "../support/stores.ts";
import { silently, Visitor } from "../support/visitor.ts";

interface Values {
  count: number;
}

/** A manager over a store whose calls are recorded, and the `Cookie` header of a session in it. */
async function withSession(): Promise<{
  readonly sessions: SessionManager<Values>;
  readonly calls: string[];
  readonly cookie: string;
}> {
  const { store, calls } = recording(new MemoryStore());
  const sessions = new SessionManager<Values>({ store });
  const session = await sessions.load(undefined);
  session.put("count", 1);
  await sessions.commit(session);
  calls.length = 0;
  return { sessions, calls, cookie: `session=${session.token}` };
}

Deno.test("loadRequest() finds the session of a Request, Headers, a Cookie header's text and the like", async () => {
  const { sessions, cookie } = await withSession();
  const headers = new Headers({ cookie });
  const sources: CookieSource[] = [
    new Request("http://localhost/", { headers }),
    headers,
    cookie,
    `other=1; ${cookie}; another=2`,
    { headers: { get: (name) => name.toLowerCase() === "cookie" ? cookie : undefined } },
    { get: (name) => name.toLowerCase() === "cookie" ? cookie : undefined },
  ];
  for (const source of sources) {
    assert.equal((await sessions.loadRequest(source)).get("count"), 1);
  }
});

Deno.test("loadRequest() gives a new session, without a query, where there is no cookie", async () => {
  const { sessions, calls } = await withSession();
  const sources = [undefined, null, "", "other=1", new Headers(), new Request("http://localhost/")];
  for (const source of sources) {
    const session = await sessions.loadRequest(source);
    assert.deepEqual([session.keys(), session.token], [[], undefined]);
  }
  assert.deepEqual(calls, []);
});

Deno.test("loadRequest() refuses what brings no cookie", async () => {
  const { sessions } = await withSession();
  for (const source of [7, {}, { headers: {} }, { headers: { cookie: "a=b" } }, [], true]) {
    await assert.rejects(sessions.loadRequest(source as CookieSource), {
      name: "TypeError",
      message:
        "Cannot load the session: 'source' must be a Request, Headers or the text of a Cookie " +
        `header: received ${typeof source}`,
    });
  }
});

Deno.test("loadRequest() takes a signal", async () => {
  const { sessions, cookie } = await withSession();
  const signal = AbortSignal.abort(new Error("gone"));
  await assert.rejects(sessions.loadRequest(cookie, { signal }), { message: "gone" });
});

Deno.test("commitHeaders() saves the session and returns the headers that the response needs", async () => {
  const { sessions, cookie } = await withSession();
  const names = async (change: (session: Session<Values>) => void): Promise<string[]> => {
    const session = await sessions.loadRequest(cookie);
    change(session);
    return (await sessions.commitHeaders(session)).map(([name]) => name);
  };
  assert.deepEqual(await names(() => {}), ["Vary"]);
  const session = await sessions.loadRequest(cookie);
  session.put("count", 2);
  const [setCookie, ...others] = await sessions.commitHeaders(session);
  assert.equal(setCookie![0], "Set-Cookie");
  assert.equal(setCookie![1].split(";")[0], cookie);
  assert.deepEqual(others, [["Cache-Control", 'no-cache="Set-Cookie"'], ["Vary", "Cookie"]]);
  assert.equal((await sessions.loadRequest(cookie)).get("count"), 2);
  assert.deepEqual(await names((session) => session.destroy()), [
    "Set-Cookie",
    "Cache-Control",
    "Vary",
  ]);
  assert.equal((await sessions.loadRequest(cookie)).get("count"), undefined);
});

Deno.test("destroy() clears the cookie of a client that has one, or was given one, and no other's", async () => {
  const { sessions, cookie } = await withSession();
  const cookiesOf = async (session: Session<Values>): Promise<string[]> =>
    (await sessions.commitHeaders(session)).filter(([name]) => name === "Set-Cookie")
      .map(([, value]) => value.split(";")[0]!);
  const withCookie = await sessions.loadRequest(cookie);
  withCookie.destroy();
  assert.deepEqual(await cookiesOf(withCookie), ["session="]);
  const without = await sessions.loadRequest(undefined);
  without.destroy();
  assert.deepEqual(await cookiesOf(without), []);
  without.put("count", 1);
  assert.deepEqual(await cookiesOf(without), [`session=${without.token}`]);
  without.destroy();
  assert.deepEqual(await cookiesOf(without), ["session="]);
});

Deno.test("toCookie() returns the cookie in parts", async () => {
  const sessions = new SessionManager<Values>({
    cookie: { name: "__Host-id", secure: true, sameSite: "strict", partitioned: true },
  });
  const session = await sessions.loadRequest("__Host-id=unknown");
  assert.equal(sessions.toCookie(session), undefined);
  session.put("count", 1);
  const expiry = await sessions.commit(session);
  const { options, ...cookie } = sessions.toCookie(session)!;
  assert.deepEqual(cookie, { name: "__Host-id", value: session.token });
  const { maxAge, expires, ...attributes } = options;
  assert.deepEqual(attributes, {
    path: "/",
    httpOnly: true,
    secure: true,
    sameSite: "strict",
    partitioned: true,
  });
  assert.ok(maxAge! > 86_000 && maxAge! <= 86_400);
  assert.equal(expires!.getTime(), Math.ceil(expiry!.getTime() / 1000) * 1000);
  session.destroy();
  await sessions.commit(session);
  const cleared = sessions.toCookie(session)!;
  assert.deepEqual([cleared.value, cleared.options.maxAge, cleared.options.expires?.getTime()], [
    "",
    0,
    0,
  ]);
});

Deno.test("toCookie() leaves the times out if the cookie ends with the browser", async () => {
  const sessions = new SessionManager<Values>({ cookie: { persist: false } });
  const session = await sessions.load(undefined);
  session.put("count", 1);
  await sessions.commit(session);
  assert.deepEqual(sessions.toCookie(session)?.options, {
    path: "/",
    httpOnly: true,
    secure: true,
    sameSite: "lax",
  });
});

Deno.test("toCookie() with 'always' returns the cookie that the client has", async () => {
  const { sessions, cookie } = await withSession();
  const session = await sessions.loadRequest(cookie);
  await sessions.commit(session);
  assert.equal(sessions.toCookie(session), undefined);
  const same = sessions.toCookie(session, { always: true })!;
  assert.equal(`${same.name}=${same.value}`, cookie);
  assert.ok(same.options.maxAge! > 86_000);
  session.rememberMe(false);
  await sessions.commit(session);
  const again = await sessions.loadRequest(cookie);
  assert.equal(sessions.toCookie(again, { always: true })!.options.maxAge, undefined);
  const none = await sessions.loadRequest(undefined);
  assert.equal(sessions.toCookie(none, { always: true }), undefined);
  none.destroy();
  await sessions.commit(none);
  assert.equal(sessions.toCookie(none), undefined);
  assert.equal(sessions.toCookie(none, { always: true })!.options.maxAge, 0);
});

Deno.test("toErrorResponse() calls onError, and returns its Response or 500", async () => {
  const told: unknown[] = [];
  const sessions = new SessionManager<Values>({
    onError: (...args) => {
      told.push(...args);
      return told.length > 2 ? new Response("sorry", { status: 503 }) : undefined;
    },
  });
  const error = new Error("the store failed");
  const first = await sessions.toErrorResponse(error);
  assert.deepEqual([first.status, first.headers.get("vary")], [500, "Cookie"]);
  const request = new Request("http://localhost/");
  assert.equal((await sessions.toErrorResponse(error, { request })).status, 503);
  assert.deepEqual(told, [error, undefined, error, request]);
});

Deno.test("a lazy session that is not awaited costs no query, and its response does not vary", async () => {
  const { sessions, calls, cookie } = await withSession();
  const handler = sessions.loadAndSave(() => new Response("static"), { lazy: true });
  const response = await handler(new Request("http://localhost/", { headers: { cookie } }));
  assert.deepEqual([await response.text(), [...response.headers.keys()]], ["static", [
    "content-type",
  ]]);
  assert.deepEqual(calls, []);
});

Deno.test("a lazy session is loaded once it is awaited, once, and saved", async () => {
  const { sessions, calls, cookie } = await withSession();
  const handler = sessions.loadAndSave(async (_request, lazy) => {
    assert.equal(lazy.used, false);
    const [session, again] = await Promise.all([lazy, lazy]);
    assert.equal(session, again);
    assert.equal(lazy.used, true);
    session.put("count", session.get("count")! + 1);
    return new Response(String(session.get("count")));
  }, { lazy: true });
  const response = await handler(new Request("http://localhost/", { headers: { cookie } }));
  assert.deepEqual([await response.text(), response.headers.get("vary")], ["2", "Cookie"]);
  assert.equal(response.headers.getSetCookie().length, 1);
  assert.deepEqual(calls.filter((name) => name === "find").length, 1);
  assert.equal((await sessions.loadRequest(cookie)).get("count"), 2);
});

Deno.test("a lazy session that was only read makes the response vary, and no more", async () => {
  const { sessions, cookie } = await withSession();
  const handler = sessions.loadAndSave(async (_request, lazy) => {
    return new Response(String((await lazy).get("count")));
  }, { lazy: true });
  const response = await handler(new Request("http://localhost/", { headers: { cookie } }));
  assert.deepEqual([response.headers.get("vary"), response.headers.getSetCookie()], ["Cookie", []]);
});

Deno.test("if a lazy session cannot be loaded, onError is called, and the answer is 500", async () => {
  const failure = new Error("the database is down");
  const told: unknown[] = [];
  const store = Object.assign(new MemoryStore(), { find: () => Promise.reject(failure) });
  const sessions = new SessionManager<Values>({ store, onError: (error) => void told.push(error) });
  const visitor = (handler: (request: Request, lazy: LazySession<Values>) => Promise<Response>) =>
    new Visitor(sessions.loadAndSave(handler, { lazy: true }), { session: "t".repeat(43) });
  const passing = visitor(async (_, lazy) => new Response((await lazy).keys().join()));
  const response = await passing.fetch();
  assert.deepEqual([response.status, response.headers.get("vary")], [500, "Cookie"]);
  assert.deepEqual(told, [failure]);
  const handling = visitor(async (_, lazy) => {
    await assert.rejects(async () => await lazy, failure);
    return new Response("without a session");
  });
  const handled = await handling.fetch();
  assert.deepEqual([await handled.text(), handled.headers.get("vary")], [
    "without a session",
    "Cookie",
  ]);
  const throwing = visitor(async (_, lazy) => {
    await lazy.then(undefined, () => {});
    throw new Error("handler");
  });
  await assert.rejects(throwing.fetch(), { message: "handler" });
  assert.deepEqual(told, [failure]);
});

Deno.test("a manager that wraps a handler lazily and eagerly loads one session and saves it once", async () => {
  for (const lazies of [[true, false], [false, true], [true, true]]) {
    const { sessions, calls, cookie } = await withSession();
    const wrap = (
      lazy: boolean | undefined,
      handler: (request: Request, session: Session<Values>) => Promise<Response>,
    ): (request: Request) => Promise<Response> =>
      lazy
        ? sessions.loadAndSave(async (request, session) => handler(request, await session), {
          lazy: true,
        })
        : sessions.loadAndSave(handler);
    const inner = wrap(lazies[1], (_, session) => {
      session.put("count", session.get("count")! + 1);
      return Promise.resolve(new Response(""));
    });
    const handler = wrap(lazies[0], async (request, session) => {
      const response = await inner(request);
      assert.deepEqual(response.headers.getSetCookie(), []);
      session.put("count", session.get("count")! + 1);
      return response;
    });
    const response = await handler(new Request("http://localhost/", { headers: { cookie } }));
    assert.equal(response.headers.getSetCookie().length, 1);
    assert.deepEqual(calls, ["find", "replace"]);
    assert.equal((await sessions.loadRequest(cookie)).get("count"), 3);
  }
});

Deno.test("loadLazily() and commitHeaders() do the same for adapters", async () => {
  const { sessions, calls, cookie } = await withSession();
  const unused = sessions.loadLazily(cookie);
  assert.deepEqual(await sessions.commitHeaders(unused), []);
  assert.deepEqual(calls, []);
  const used = sessions.loadLazily(cookie);
  (await used).put("count", 5);
  assert.deepEqual((await sessions.commitHeaders(used)).map(([name]) => name), [
    "Set-Cookie",
    "Cache-Control",
    "Vary",
  ]);
  assert.throws(() => sessions.loadLazily(7 as unknown as string), TypeError);
});

Deno.test("another manager's session is refused, lazy or not", async () => {
  const { sessions, cookie } = await withSession();
  const other = new SessionManager<Values>();
  const lazy = sessions.loadLazily(cookie);
  for (const session of [await sessions.loadRequest(cookie), (await lazy, lazy)]) {
    await assert.rejects(other.commitHeaders(session), { name: "TypeError" });
  }
  assert.throws(() => other.toCookie({} as Session<Values>), { name: "TypeError" });
});

Deno.test("'lazy' must be a boolean, and is the only option", () => {
  const sessions = new SessionManager();
  const wrap = (options: object) => () =>
    sessions.loadAndSave(() => new Response(), options as { lazy: true });
  assert.throws(wrap({ lazy: 1 }), {
    message: "Cannot wrap the handler: 'lazy' must be a boolean: received number",
  });
  assert.throws(wrap({ lasy: true }), { message: /the nearest is 'lazy'/ });
});

Deno.test("loadAndSave() takes frameworks' own requests, and every session is a Session", async () => {
  class NextRequest extends Request {
    readonly nextUrl = new URL(this.url);
  }
  const sessions = new SessionManager<Values>();
  const count = (session: Session): void => session.put("count", session.get("count") ?? 0);
  function generic<V extends object>(session: Session<V>): Session {
    return session;
  }
  const handler = sessions.loadAndSave((request: NextRequest, session) => {
    count(session);
    count(generic(session));
    // @ts-expect-error: a typed session stays typed
    session.get("other");
    return new Response(request.nextUrl.pathname);
  });
  const lazy = sessions.loadAndSave(
    async (request: NextRequest, session, rest: { id: string }) => {
      count(await session);
      return new Response(request.nextUrl.pathname + rest.id);
    },
    { lazy: true },
  );
  const request = new NextRequest("http://localhost/path/");
  assert.equal(await (await handler(request)).text(), "/path/");
  assert.equal(await (await lazy(request, { id: "1" })).text(), "/path/1");
  // @ts-expect-error: a plain Request is not enough for this handler
  await assert.rejects(handler(new Request("http://localhost/")), TypeError);
});

Deno.test("a commit that fails leaves the error to the caller, and the changes in the session", async () => {
  let isDown = true;
  const store = withCalls(new MemoryStore(), MINIMAL, async (_, make) => {
    if (isDown) throw new Error("down");
    return await make();
  });
  const sessions = new SessionManager<Values>({ store });
  const session = await sessions.loadRequest(undefined);
  session.put("count", 1);
  await assert.rejects(sessions.commitHeaders(session), { message: "down" });
  isDown = false;
  const logged = await silently(async () => {
    const response = await sessions.toErrorResponse(new Error("down"), { session });
    assert.deepEqual([response.status, response.headers.getSetCookie()], [500, []]);
  });
  assert.deepEqual(logged, ["Cannot load or save a session: Error: down"]);
  assert.equal((await sessions.commitHeaders(session)).length, 3);
});
