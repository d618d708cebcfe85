import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  type FullSessionStore,
  MemoryStore,
  type Session,
  SessionManager,
  type SessionManagerOptions,
  type SessionStore,
} from "../../src/manager/mod.ts";
import { bytes, inMs, soon } from "../support/databases.ts";
import { gate } from "../support/gate.ts";
import { MINIMAL, recording, touchAll, withCalls } from "../support/stores.ts";
import { cookiesOf, silently, Visitor } from "../support/visitor.ts";

interface Values {
  count: number;
  name: string;
}

type Handler = (request: Request, session: Session<Values>) => Response | Promise<Response>;

const UNKNOWN_TOKEN = "x".repeat(43);

/** A website, its store, and the names of the store's calls so far. */
function website(handler: Handler, options: SessionManagerOptions = {}): {
  readonly sessions: SessionManager<Values>;
  readonly store: FullSessionStore;
  readonly calls: string[];
  visit(cookies?: Record<string, string>): Visitor;
} {
  const { store, calls } = recording<FullSessionStore>(new MemoryStore());
  const sessions = new SessionManager<Values>({ store, ...options });
  const wrapped = sessions.loadAndSave(handler);
  return { sessions, store, calls, visit: (cookies) => new Visitor(wrapped, cookies) };
}

/** Counts a visitor's requests at `/count`; only reads elsewhere. */
const counting: Handler = (request, session) => {
  if (new URL(request.url).pathname === "/count") {
    session.put("count", (session.get("count") ?? 0) + 1);
  }
  return new Response(String(session.get("count") ?? 0));
};

/** Names the visitor, and answers with `response`. */
function naming(response: () => Response): Handler {
  return (_, session) => {
    session.put("name", "Ada");
    return response();
  };
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}

async function tokensIn(store: FullSessionStore): Promise<string[]> {
  return [...(await store.all()).keys()];
}

Deno.test("loadAndSave() gives each visitor a session, which lasts from request to request", async () => {
  const { visit, calls } = website(counting);
  const [visitor, other] = [visit(), visit()];
  assert.equal(await visitor.text("/count"), "1");
  assert.equal(await visitor.text("/count"), "2");
  assert.equal(await visitor.text(), "2");
  assert.equal(await other.text(), "0");
  assert.deepEqual(calls, ["commit", "find", "replace", "find"]);
});

Deno.test("anonymous visitors cost nothing: an empty session makes no call of the store and no cookie", async () => {
  const { visit, calls } = website((_, session) => {
    session.put("name", "Ada");
    session.deadline = soon();
    session.renewToken();
    assert.equal(session.pop("name"), "Ada");
    session.clear();
    return new Response();
  });
  const { headers } = await visit().fetch();
  assert.deepEqual([...headers], [["vary", "Cookie"]]);
  assert.deepEqual(calls, []);
});

Deno.test("destroy() of a new session costs nothing", async () => {
  const { visit, calls } = website((_, session) => {
    session.destroy();
    return new Response();
  });
  assert.deepEqual([...(await visit().fetch()).headers], [["vary", "Cookie"]]);
  assert.deepEqual(calls, []);
});

Deno.test("loadAndSave() sends Set-Cookie and no-cache only if the session was modified", async () => {
  const visitor = website(counting).visit();
  const modified = (await visitor.fetch("/count")).headers;
  assert.equal(modified.get("cache-control"), 'no-cache="Set-Cookie"');
  assert.equal(modified.get("vary"), "Cookie");
  assert.match(modified.get("set-cookie")!, /^session=[\w-]{43}; Max-Age=86400; Path=\/; Expires=/);
  assert.match(modified.get("set-cookie")!, /GMT; HttpOnly; SameSite=Lax$/);
  const unmodified = (await visitor.fetch()).headers;
  assert.equal(unmodified.get("set-cookie"), null);
  assert.equal(unmodified.get("cache-control"), null);
  assert.equal(unmodified.get("vary"), "Cookie");
});

Deno.test("loadAndSave() keeps the headers that the handler has set", async () => {
  const headers = (...init: ConstructorParameters<typeof Headers>): Promise<Response> => {
    const handler = naming(() => new Response("", { headers: new Headers(...init) }));
    return website(handler).visit().fetch();
  };
  const one = await headers([
    ["vary", "Accept-Encoding"],
    ["cache-control", "private"],
    ["set-cookie", "own=1"],
    ["x-own", "2"],
  ]);
  assert.equal(one.headers.get("vary"), "Accept-Encoding, Cookie");
  assert.equal(one.headers.get("cache-control"), 'private, no-cache="Set-Cookie"');
  assert.deepEqual(cookiesOf(one).map(({ name }) => name), ["own", "session"]);
  assert.equal(one.headers.get("x-own"), "2");
  for (const vary of ["*", "Accept, cookie"]) {
    assert.equal((await headers({ vary })).headers.get("vary"), vary);
  }
});

Deno.test("loadAndSave() takes responses with immutable headers", async () => {
  const redirect = website(naming(() => Response.redirect("http://localhost/next", 303)));
  const one = await redirect.visit().fetch();
  assert.equal(one.status, 303);
  assert.equal(one.headers.get("location"), "http://localhost/next");
  assert.equal(cookiesOf(one)[0]!.name, "session");

  for (const path of ["/count", "/"]) {
    const proxy = website(async (request, session) => {
      await counting(request, session);
      return await fetch("data:text/plain,proxied");
    });
    const response = await proxy.visit().fetch(path);
    assert.equal(await response.text(), "proxied");
    assert.equal(response.headers.get("vary"), "Cookie");
    assert.match(response.headers.get("content-type")!, /^text\/plain/);
    assert.equal(cookiesOf(response).length, path === "/count" ? 1 : 0);
  }
});

Deno.test("loadAndSave() takes responses without a body", async () => {
  for (const status of [204, 205, 304]) {
    const response = await website(naming(() => new Response(null, { status }))).visit().fetch();
    assert.equal(response.status, status);
    assert.equal(response.body, null);
    assert.equal(cookiesOf(response).length, 1);
  }
});

Deno.test("a streaming body goes on streaming", async () => {
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  const body = new ReadableStream<Uint8Array>({ start: (c) => void (controller = c) });
  const response = await website(naming(() => new Response(body))).visit().fetch();
  const reader = response.body!.getReader();
  for (const part of ["one", "two"]) {
    const read = reader.read();
    controller.enqueue(bytes(part));
    assert.deepEqual((await read).value, bytes(part));
  }
  controller.close();
  assert.equal((await reader.read()).done, true);
});

// Applications often make a Response once, for all visitors.
Deno.test("a response that several visitors share brings none of them the cookie of another", async () => {
  const response = new Response(null, { status: 204 });
  const { visit } = website(naming(() => response));
  const [one, other] = [await visit().fetch(), await visit().fetch()];
  assert.equal(cookiesOf(one).length, 1);
  assert.equal(cookiesOf(other).length, 1);
  assert.notEqual(cookiesOf(one)[0]!.value, cookiesOf(other)[0]!.value);
  assert.deepEqual(cookiesOf(response), []);
});

Deno.test("the response goes out only once the session is saved", async () => {
  const events: string[] = [];
  const store = new MemoryStore();
  const slow: SessionStore = {
    find: (token) => store.find(token),
    delete: (token) => store.delete(token),
    commit: async (...args) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      await store.commit(...args);
      events.push("saved");
    },
  };
  await website(naming(() => new Response()), { store: slow }).visit().fetch();
  events.push("answered");
  assert.deepEqual(events, ["saved", "answered"]);
});

Deno.test("if the handler throws, nothing is saved and its error passes on", async () => {
  const error = new Error("handler");
  const { visit, calls, sessions } = website((request, session) => {
    counting(request, session);
    if (request.method !== "POST") return new Response();
    session.renewToken();
    session.destroy();
    session.put("name", "Ada");
    throw error;
  }, { onError: () => assert.fail("onError is for the store's failures") });
  const visitor = visit();
  await visitor.fetch("/count");
  await assert.rejects(visitor.fetch("/count", { method: "POST" }), (thrown) => thrown === error);
  assert.deepEqual(calls, ["commit", "find"]);
  assert.equal((await sessions.load(visitor.cookies.get("session"))).get("count"), 1);
});

Deno.test("a handler that returns no Response is an error, and nothing is saved", async () => {
  const { visit, calls } = website(naming(() => undefined as unknown as Response));
  await assert.rejects(visit().fetch(), {
    name: "TypeError",
    message: "Cannot answer the request: 'response' must be a Response: received undefined",
  });
  assert.deepEqual(calls, []);
});

// Otherwise the error would come after the commit, and the visitor would never get the new token.
Deno.test("a response that cannot be sent is an error before anything is saved", async () => {
  const used = async (): Promise<Response> => {
    const response = new Response("used");
    await response.text();
    return response;
  };
  const locked = (): Response => {
    const response = new Response("locked");
    response.body!.getReader();
    return response;
  };
  for (const [make, received] of [[used, "was read"], [locked, "is locked"]] as const) {
    const { visit, sessions, calls } = website(async (request, session) => {
      if (request.method === "POST") session.renewToken();
      session.put("name", request.method);
      return request.method === "POST" ? await make() : new Response();
    });
    const visitor = visit();
    await visitor.fetch();
    calls.length = 0;
    await assert.rejects(visitor.fetch("/", { method: "POST" }), {
      name: "TypeError",
      message: "Cannot answer the request: 'response' must have a body that nobody has begun to " +
        `read: received one that ${received}`,
    });
    assert.deepEqual(calls, ["find"]);
    assert.equal((await sessions.load(visitor.cookies.get("session"))).get("name"), "GET");
  }
  const { visit } = website(naming(() => new Response("body").clone()));
  assert.equal(await visit().text(), "body");
});

Deno.test("a handler that is called without a Request is an error", async () => {
  const { sessions, calls } = website(counting);
  const handler = sessions.loadAndSave(() => assert.fail("the handler must not run"));
  const server = createServer((request, response) => {
    handler(request as unknown as Request).then(
      () => response.end("answered"),
      (error) => response.end(String(error)),
    );
  });
  await new Promise<void>((resolve) => void server.listen(0, resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const answer = await fetch(`http://localhost:${port}/`, { headers: { cookie: "a=b" } });
    assert.equal(
      await answer.text(),
      "TypeError: Cannot load the session: 'request' must be a Request: received an IncomingMessage " +
        "of node:http; make a Request of it first, as @hono/node-server does",
    );
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
  for (
    const [request, received] of [
      [undefined, "undefined"],
      [null, "null"],
      ["http://localhost/", "string"],
      [{ headers: {} }, "object"],
      [{ req: new Request("http://localhost/") }, "object"],
    ]
  ) {
    await assert.rejects(handler(request as Request), {
      name: "TypeError",
      message: `Cannot load the session: 'request' must be a Request: received ${received}`,
    });
  }
  assert.deepEqual(calls, []);
});

Deno.test("if the store fails to load, the handler does not run, and the answer is 500", async () => {
  const failure = new Error("the database is down");
  const seen: unknown[] = [];
  const store: SessionStore = {
    find: () => Promise.reject(failure),
    commit: () => Promise.reject(failure),
    delete: () => Promise.reject(failure),
  };
  const { visit } = website(() => assert.fail("the handler must not run"), {
    store,
    onError: (error, request) => void seen.push(error, request?.url),
  });
  const visitor = visit({ session: UNKNOWN_TOKEN });
  const response = await visitor.fetch("/x");
  assert.equal(response.status, 500);
  assert.equal(await response.text(), "Internal Server Error\n");
  assert.deepEqual(seen, [failure, "http://localhost/x"]);
  // A database that is down must not log everybody out.
  assert.equal(visitor.cookies.get("session"), UNKNOWN_TOKEN);
  assert.deepEqual(response.headers.getSetCookie(), []);
});

Deno.test("if the store fails to save, the handler's response is not sent", async () => {
  let cancelled = false;
  const store = Object.assign(new MemoryStore(), {
    commit: () => Promise.reject(new Error("the disk is full")),
  });
  const body = (): ReadableStream => new ReadableStream({ cancel: () => void (cancelled = true) });
  const answer = (onError: SessionManagerOptions["onError"]): Promise<Response> =>
    website(naming(() => new Response(body())), { store, onError }).visit().fetch();
  assert.equal((await answer(() => {})).status, 500);
  assert.equal(cancelled, true);
  const own = await answer(() => Promise.resolve(new Response("sorry", { status: 503 })));
  assert.deepEqual([own.status, await own.text()], [503, "sorry"]);
  assert.deepEqual(own.headers.getSetCookie(), []);
  const rethrown = answer((error) => {
    throw error;
  });
  await assert.rejects(rethrown, { message: "the disk is full" });
});

Deno.test("by default a failure is logged in one line, without the statement", async () => {
  const failure = new Error("connection refused\nsql: SELECT token");
  const store = Object.assign(new MemoryStore(), { find: () => Promise.reject(failure) });
  const { visit } = website(counting, { store });
  const logged = await silently(async () => {
    assert.equal((await visit({ session: UNKNOWN_TOKEN }).fetch()).status, 500);
  });
  assert.deepEqual(logged, ["Cannot load or save a session: Error: connection refused"]);
});

Deno.test("tokens are 32 random bytes, and the store gets their SHA-256", async () => {
  const { visit, store } = website(counting);
  const visitors = Array.from({ length: 20 }, () => visit());
  for (const visitor of visitors) await visitor.fetch("/count");
  const tokens = visitors.map(({ cookies }) => cookies.get("session")!);
  assert.equal(new Set(tokens).size, 20);
  for (const token of tokens) assert.equal(Buffer.from(token, "base64url").length, 32);
  assert.deepEqual(await tokensIn(store), tokens.map(sha256).sort());
});

Deno.test("with hashToken false, the store gets the tokens as they are", async () => {
  const { visit, store } = website(counting, { hashToken: false });
  const visitor = visit();
  assert.equal(await visitor.text("/count"), "1");
  assert.equal(await visitor.text("/count"), "2");
  assert.deepEqual(await tokensIn(store), [visitor.cookies.get("session")]);
});

Deno.test("a token that the client made up is never adopted", async () => {
  const { visit, store } = website(counting);
  const visitor = visit({ session: UNKNOWN_TOKEN });
  assert.equal(await visitor.text("/count"), "1");
  assert.notEqual(visitor.cookies.get("session"), UNKNOWN_TOKEN);
  assert.deepEqual(await tokensIn(store), [sha256(visitor.cookies.get("session")!)]);
});

Deno.test("a cookie that cannot be a token is a new session without a query", async () => {
  const { visit, calls } = website(counting);
  const garbage = [
    "",
    "x",
    "x".repeat(42),
    "x".repeat(44),
    "x".repeat(8000),
    "%00",
    "a b",
    "%",
    '"x"',
  ];
  for (
    const session of [...garbage, "é".repeat(43), `${"x".repeat(42)}=`, `${"x".repeat(42)}%00`]
  ) {
    const cookie = new TextDecoder("latin1").decode(new TextEncoder().encode(session));
    assert.equal(await visit({ session: cookie }).text(), "0");
  }
  assert.deepEqual(calls, []);
});

Deno.test("destroy() clears every cookie of the name that the request brought", async () => {
  const { visit, store } = website((request, session) => {
    if (request.method === "POST") session.destroy();
    if (request.method === "PUT") {
      session.destroy();
      session.put("name", "Ada");
    }
    return new Response();
  });
  for (const session of ["garbage", "", "s%3Aother.signature", UNKNOWN_TOKEN]) {
    const visitor = visit({ session, other: "1" });
    // It may belong to another version of the application, or to a session that another request has renewed:
    // its new cookie may be on its way.
    const untouched = await visitor.fetch();
    assert.deepEqual(untouched.headers.getSetCookie(), [], session);
    const destroyed = await visitor.fetch("/", { method: "POST" });
    assert.equal(cookiesOf(destroyed).length, 1, session);
    assert.deepEqual([...visitor.cookies.keys()], ["other"], session);
  }
  const visitor = visit({ session: "garbage" });
  await visitor.fetch("/", { method: "PUT" });
  assert.equal(visitor.cookies.get("session")!.length, 43);
  assert.equal((await store.all()).size, 1);
  const none = await visit({ other: "1", "my-session": "1" }).fetch("/", { method: "POST" });
  assert.deepEqual(none.headers.getSetCookie(), []);
});

Deno.test("a session that ends by its deadline clears the cookie, also one that ends with the browser", async () => {
  for (const persist of [true, false]) {
    const { visit } = website((request, session) => {
      session.put("name", "Ada");
      if (request.method === "POST") session.deadline = inMs(-1000);
      return new Response();
    }, { cookie: { persist } });
    const visitor = visit();
    await visitor.fetch();
    assert.equal(visitor.cookies.size, 1);
    const [cookie] = cookiesOf(await visitor.fetch("/", { method: "POST" }));
    assert.deepEqual([cookie!.maxAge, cookie!.value], [0, ""]);
    assert.equal(visitor.cookies.size, 0);
  }
});

// Another path or domain, or another application, may have left a cookie of this name.
Deno.test("of several cookies of one name, the first whose session is known counts", async () => {
  const { visit, sessions, calls } = website(counting);
  const visitor = visit();
  await visitor.fetch("/count");
  const known = visitor.cookies.get("session");
  const handler = sessions.loadAndSave(counting);
  const ask = async (cookie: string): Promise<string> => {
    calls.length = 0;
    return await (await handler(new Request("http://localhost/", { headers: { cookie } }))).text();
  };
  const garbage = Array.from({ length: 5 }, (_, i) => `session=garbage${i}`).join("; ");
  assert.equal(await ask(`${garbage}; other=1; session=${known}`), "1");
  assert.deepEqual(calls, ["find"]);
  assert.equal(await ask(`session=${UNKNOWN_TOKEN}; session=${known}`), "1");
  const many = Array.from({ length: 100 }, (_, i) => `session=${String(i).padStart(43, "x")}`);
  assert.equal(await ask(many.join("; ")), "0");
  assert.deepEqual(calls, ["find", "find", "find"]);
});

Deno.test("renewToken() makes a new token and lifetime, keeps the values, and ends the old token", async () => {
  const { visit, store, sessions } = website((request, session) => {
    if (request.method === "POST") {
      session.renewToken();
      session.put("name", "Ada");
    }
    return counting(request, session);
  });
  const visitor = visit();
  await visitor.fetch("/count");
  const old = visitor.cookies.get("session")!;
  const session = await sessions.load(old);
  session.deadline = inMs(1000);
  await sessions.commit(session);
  const response = await visitor.fetch("/", { method: "POST" });
  assert.equal(await response.text(), "1");
  const token = visitor.cookies.get("session")!;
  assert.notEqual(token, old);
  assert.equal(cookiesOf(response)[0]!.maxAge, 86_400);
  assert.deepEqual(await tokensIn(store), [sha256(token)]);
  const renewed = await sessions.load(token);
  assert.deepEqual([renewed.get("count"), renewed.get("name")], [1, "Ada"]);
  assert.ok(renewed.deadline > inMs(86_000_000));
  assert.equal((await sessions.load(old)).has("count"), false);
});

Deno.test("destroy() deletes the record and clears the cookie with the attributes it was set with", async () => {
  const cookie = { path: "/x", domain: "example.com", secure: true, partitioned: true } as const;
  const { visit, store } = website((request, session) => {
    counting(request, session);
    if (request.method === "POST") session.destroy();
    return new Response();
  }, { cookie });
  const visitor = visit();
  await visitor.fetch("/count");
  assert.equal((await store.all()).size, 1);
  const response = await visitor.fetch("/", { method: "POST" });
  assert.equal(
    response.headers.get("set-cookie"),
    "session=; Max-Age=0; Domain=example.com; Path=/x; " +
      "Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure; Partitioned; SameSite=Lax",
  );
  assert.equal(response.headers.get("cache-control"), 'no-cache="Set-Cookie"');
  assert.equal((await store.all()).size, 0);
  assert.equal(visitor.cookies.size, 0);
});

Deno.test("a value that is put after destroy() begins a new session", async () => {
  const { visit, store, sessions } = website((request, session) => {
    if (request.method !== "POST") return counting(request, session);
    session.put("count", 7);
    session.destroy();
    assert.deepEqual([session.status, session.token, session.keys()], ["destroyed", undefined, []]);
    session.put("name", "Ada");
    assert.equal(session.status, "modified");
    return new Response();
  });
  const visitor = visit();
  await visitor.fetch("/count");
  const old = visitor.cookies.get("session");
  await visitor.fetch("/", { method: "POST" });
  const token = visitor.cookies.get("session")!;
  assert.notEqual(token, old);
  assert.deepEqual(await tokensIn(store), [sha256(token)]);
  assert.deepEqual((await sessions.load(token)).keys(), ["name"]);
});

Deno.test("two managers nest, each with a cookie and a lifetime of its own", async () => {
  const store = new MemoryStore();
  const visits = new SessionManager<{ count: number }>({ store, cookie: { name: "visits" } });
  const logins = new SessionManager<{ user: string }>({
    store,
    lifetime: 60_000,
    cookie: { name: "login", sameSite: "strict" },
  });
  const handler = visits.loadAndSave(
    logins.loadAndSave((request, login, visit: Session<{ count: number }>, extra: string) => {
      visit.put("count", (visit.get("count") ?? 0) + 1);
      if (request.method === "POST") login.put("user", "Ada");
      return new Response(`${visit.get("count")} ${login.get("user")} ${extra}`);
    }),
  );
  const visitor = new Visitor((request) => handler(request, "extra"));
  const first = await visitor.fetch("/", { method: "POST" });
  assert.equal(await first.text(), "1 Ada extra");
  assert.deepEqual(
    cookiesOf(first).map(({ name, maxAge, sameSite }) => ({ name, maxAge, sameSite })),
    [
      { name: "login", maxAge: 60, sameSite: "strict" },
      { name: "visits", maxAge: 86_400, sameSite: "lax" },
    ],
  );
  assert.equal(first.headers.get("vary"), "Cookie");
  assert.equal(first.headers.get("cache-control"), 'no-cache="Set-Cookie"');
  assert.equal(await visitor.text(), "2 Ada extra");
  assert.equal((await store.all()).size, 2);
});

Deno.test("a manager within itself is one manager: one session, one record, one cookie", async () => {
  const { sessions, store, calls } = website(counting);
  const handler = sessions.loadAndSave(
    sessions.loadAndSave((request, session, outer: Session<Values>, extra: string) => {
      assert.equal(session, outer);
      assert.equal(extra, "extra");
      return counting(request, session);
    }),
  );
  const visitor = new Visitor((request) => handler(request, "extra"));
  const first = await visitor.fetch("/count");
  assert.equal(await first.text(), "1");
  assert.equal(cookiesOf(first).length, 1);
  assert.equal(first.headers.get("vary"), "Cookie");
  assert.equal(await visitor.text("/count"), "2");
  assert.equal((await store.all()).size, 1);
  assert.deepEqual(calls.slice(0, 3), ["commit", "find", "replace"]);
});

Deno.test("if a manager is within itself, the outer call saves what both have done, or nothing", async () => {
  const { sessions, calls } = website(counting);
  const inner = sessions.loadAndSave((_, session) => {
    session.put("name", "Ada");
    return new Response();
  });
  const handler = sessions.loadAndSave(async (request, session) => {
    await inner(request);
    assert.deepEqual(calls, []);
    if (request.method === "POST") throw new Error("outer");
    session.put("count", 1);
    return new Response(session.keys().join());
  });
  await assert.rejects(new Visitor(handler).fetch("/", { method: "POST" }), { message: "outer" });
  assert.deepEqual(calls, []);
  const visitor = new Visitor(handler);
  assert.equal(await visitor.text(), "count,name");
  assert.deepEqual(calls, ["commit"]);
  const session = await sessions.load(visitor.cookies.get("session"));
  assert.deepEqual(session.keys(), ["count", "name"]);
});

Deno.test("a call that outlives the one around it saves the session by itself", async () => {
  const { sessions } = website(counting);
  const [held, entered] = [gate(), gate()];
  const inner = sessions.loadAndSave(async (_, session) => {
    entered.open();
    await held.opened;
    session.put("name", "Ada");
    return new Response();
  });
  let late: Promise<Response>;
  const visitor = new Visitor(sessions.loadAndSave((request, session) => {
    session.put("count", 1);
    late = inner(request);
    return new Response();
  }));
  await visitor.fetch();
  await entered.opened;
  held.open();
  assert.equal(cookiesOf(await late!).length, 1);
  const session = await sessions.load(visitor.cookies.get("session"));
  assert.deepEqual(session.keys(), ["count", "name"]);
});

Deno.test("one Request can be handled again, one time after another", async () => {
  const { sessions } = website(counting);
  const handler = sessions.loadAndSave(counting);
  const first = await handler(new Request("http://localhost/count"));
  const cookie = `session=${cookiesOf(first)[0]!.value}`;
  const request = new Request("http://localhost/count", { headers: { cookie } });
  for (const count of ["2", "3"]) assert.equal(await (await handler(request)).text(), count);
});

Deno.test("iterate() meets every active session, so that all of one user's can be ended", async () => {
  for (const hashToken of [true, false]) {
    const { visit, sessions, store } = website((request, session) => {
      session.put("name", new URL(request.url).pathname.slice(1));
      return new Response();
    }, { hashToken });
    for (const name of ["Ada", "Bob", "Ada", "Ada"]) await visit().fetch(`/${name}`);
    await store.commit("expired", bytes("x"), inMs(-1));
    const tokens: (string | undefined)[] = [];
    for await (const session of sessions.iterate({ pageSize: 2 })) {
      tokens.push(session.token);
      if (session.get("name") !== "Ada") continue;
      session.destroy();
      assert.equal(await sessions.commit(session), undefined);
    }
    assert.deepEqual(
      tokens.map((token) => typeof token),
      Array(4).fill(hashToken ? "undefined" : "string"),
    );
    const left: (string | undefined)[] = [];
    for await (const session of sessions.iterate()) left.push(session.get("name"));
    assert.deepEqual(left, ["Bob"]);
  }
});

Deno.test("iterate() changes sessions that somebody uses meanwhile", async () => {
  const { visit, sessions } = website(counting);
  const visitor = visit();
  await visitor.fetch("/count");
  for await (const session of sessions.iterate()) {
    await visitor.fetch("/count");
    session.put("name", "Ada");
    await sessions.commit(session);
    assert.equal(sessions.toSetCookie(session), undefined);
  }
  const session = await sessions.load(visitor.cookies.get("session"));
  assert.deepEqual([session.get("count"), session.get("name")], [2, "Ada"]);
});

Deno.test("a store with find, commit and delete is enough, except for iterate()", async () => {
  const { visit, sessions } = website(async (request, session) => {
    if (request.method === "POST") session.renewToken();
    if (request.method === "DELETE") session.destroy();
    await Promise.resolve();
    return counting(request, session);
  }, { store: withCalls(new MemoryStore(), MINIMAL), idleTimeout: 60_000 });
  const visitor = visit();
  await visitor.fetch("/count");
  const windows = Array.from({ length: 10 }, () => visitor.clone());
  await Promise.all(windows.map((window) => window.fetch("/count")));
  const old = visitor.cookies.get("session");
  await visitor.fetch("/", { method: "POST" });
  assert.notEqual(visitor.cookies.get("session"), old);
  assert.equal(await visitor.text(), "2");
  assert.equal(await visit({ session: old! }).text(), "0");
  await visitor.fetch("/", { method: "DELETE" });
  assert.equal(visitor.cookies.size, 0);
  await assert.rejects(sessions.iterate().next(), {
    name: "TypeError",
    message: "Cannot walk the sessions: 'store.entries' must be a function: received undefined",
  });
});

Deno.test("load() and commit() work with a token in a header", async () => {
  const { sessions, store } = website(counting);
  for (const token of [undefined, null, "", "garbage", UNKNOWN_TOKEN]) {
    const session = await sessions.load(token);
    assert.deepEqual([session.token, session.status, session.keys()], [
      undefined,
      "unmodified",
      [],
    ]);
    assert.equal(await sessions.commit(session), undefined);
  }
  const session = await sessions.load(null);
  session.put("name", "Ada");
  const expiry = await sessions.commit(session);
  assert.deepEqual(expiry, session.deadline);
  assert.equal(session.status, "unmodified");
  const again = await sessions.load(session.token);
  assert.deepEqual([again.token, again.get("name")], [session.token, "Ada"]);
  again.put("count", 1);
  await sessions.commit(again);
  again.put("count", 2);
  await sessions.commit(again);
  assert.equal((await sessions.load(session.token)).get("count"), 2);
  again.destroy();
  assert.equal(await sessions.commit(again), undefined);
  assert.deepEqual([again.token, again.status], [undefined, "destroyed"]);
  assert.equal((await store.all()).size, 0);
});

Deno.test("toSetCookie() returns what a middleware has to send after commit()", async () => {
  const { sessions } = website(counting);
  const session = await sessions.load(undefined);
  await sessions.commit(session);
  assert.equal(sessions.toSetCookie(session), undefined);
  session.put("name", "Ada");
  assert.equal(sessions.toSetCookie(session), undefined);
  await sessions.commit(session);
  assert.match(sessions.toSetCookie(session)!, new RegExp(`^session=${session.token}; Max-Age=`));
  assert.equal(sessions.toSetCookie(await sessions.load(session.token)), undefined);
  session.destroy();
  await sessions.commit(session);
  assert.match(sessions.toSetCookie(session)!, /^session=; Max-Age=0; /);
  const foreign = await new SessionManager<Values>().load(undefined);
  assert.throws(() => sessions.toSetCookie(foreign), {
    name: "TypeError",
    message: /^Cannot write the cookie: 'session' must be one of this manager's/,
  });
});

Deno.test("a session that the handler has committed itself also gets its cookie", async () => {
  const { visit, sessions } = website(async (request, session) => {
    const response = await counting(request, session);
    await sessions.commit(session);
    return response;
  });
  const visitor = visit();
  await visitor.fetch("/count");
  assert.equal(visitor.cookies.size, 1);
  assert.equal(await visitor.text("/count"), "2");
});

Deno.test("commit() refuses a session of another manager", async () => {
  const { sessions } = website(counting);
  const foreign = await new SessionManager<Values>().load(undefined);
  for (const session of [foreign, {}, undefined, null, "x"] as Session<Values>[]) {
    await assert.rejects(sessions.commit(session), {
      name: "TypeError",
      message: /^Cannot commit the session: 'session' must be one of this manager's: received/,
    });
  }
});

Deno.test("a signal rejects load() and commit(), and the changes are still there", async () => {
  const { sessions, store } = website(counting);
  const reason = new Error("gone");
  const signal = AbortSignal.abort(reason);
  const isReason = (error: unknown): boolean => error === reason;
  await assert.rejects(sessions.load(UNKNOWN_TOKEN, { signal }), isReason);
  const session = await sessions.load(undefined);
  session.put("name", "Ada");
  await assert.rejects(sessions.commit(session, { signal }), isReason);
  assert.equal((await store.all()).size, 0);
  assert.equal(session.status, "modified");
  await sessions.commit(session);
  assert.equal((await sessions.load(session.token)).get("name"), "Ada");
});

Deno.test("signals and page sizes reach the store", async () => {
  const got: unknown[] = [];
  const inner = new MemoryStore();
  const get = (_: unknown, name: keyof MemoryStore) => (...args: never[]) => {
    got.push([name, args.at(-1)]);
    return (inner[name] as (...args: never[]) => unknown).apply(inner, args);
  };
  const sessions = new SessionManager<Values>({
    store: new Proxy(inner, { get: get as never }),
    idleTimeout: 60_000,
  });
  const { signal } = new AbortController();
  const session = await sessions.load(undefined, { signal });
  session.put("count", 1);
  await sessions.commit(session, { signal });
  session.put("count", 2);
  await sessions.commit(session, { signal });
  await touchAll(inner, inMs(30_000));
  const idle = await sessions.load(session.token, { signal });
  await sessions.commit(idle, { signal });
  idle.destroy();
  await sessions.commit(idle, { signal });
  await sessions.iterate({ signal, pageSize: 7 }).next();
  const names = ["commit", "replace", "find", "touch", "replace", "delete"];
  assert.deepEqual(got, [...names.map((name) => [name, { signal }]), ["entries", {
    signal,
    pageSize: 7,
  }]]);
});

Deno.test("a commit that waits for another one is withdrawn by its signal", async () => {
  const { sessions } = website(counting);
  const session = await sessions.load(undefined);
  session.put("count", 1);
  const first = sessions.commit(session);
  session.put("name", "Ada");
  const controller = new AbortController();
  const second = sessions.commit(session, { signal: controller.signal });
  controller.abort(new Error("gone"));
  await assert.rejects(second, { message: "gone" });
  await first;
  assert.deepEqual((await sessions.load(session.token)).keys(), ["count"]);
  assert.equal(session.status, "modified");
});

Deno.test("a deadline that was set before the first value is kept", async () => {
  const { sessions } = website(counting);
  const session = await sessions.load(undefined);
  session.deadline = new Date("2030-01-01T00:00:00Z");
  await sessions.commit(session);
  session.put("name", "Ada");
  assert.deepEqual(await sessions.commit(session), new Date("2030-01-01T00:00:00Z"));
});

Deno.test("a response that cannot be copied, such as the answer to an upgrade, gets its headers in place", async () => {
  const upgrade = Object.defineProperty(new Response(null), "status", { value: 101 });
  const response = await website(naming(() => upgrade)).visit().fetch();
  assert.equal(response, upgrade);
  assert.equal(cookiesOf(response).length, 1);
});

Deno.test("the next commit() saves what a failed one has not saved", async () => {
  let down = true;
  const store = new MemoryStore();
  const failing = (method: "commit" | "replace" | "delete") => (...args: never[]): unknown =>
    down
      ? Promise.reject(new Error("down"))
      : (MemoryStore.prototype[method] as (...args: never[]) => unknown).apply(store, args);
  Object.assign(store, {
    commit: failing("commit"),
    replace: failing("replace"),
    delete: failing("delete"),
  });
  const sessions = new SessionManager<Values>({ store });
  const commitTwice = async (session: Session<Values>, between: () => void): Promise<void> => {
    down = true;
    await assert.rejects(sessions.commit(session), { message: "down" });
    between();
    down = false;
    await sessions.commit(session);
  };
  const session = await sessions.load(undefined);
  session.put("name", "Ada");
  await commitTwice(session, () => session.put("count", 1));
  const { token } = session;
  session.remove("name");
  await commitTwice(session, () => session.put("count", 2));
  const again = await sessions.load(token);
  assert.deepEqual([again.keys(), again.get("count")], [["count"], 2]);
  again.renewToken();
  await commitTwice(again, () => {});
  assert.deepEqual(await tokensIn(store), [sha256(again.token!)]);
  again.destroy();
  await commitTwice(again, () => again.put("name", "Bob"));
  assert.deepEqual(await tokensIn(store), [sha256(again.token!)]);
  assert.deepEqual((await sessions.load(again.token)).keys(), ["name"]);
});

Deno.test("changes of a session that is being committed are not lost", async () => {
  const { sessions, store } = website(counting);
  const session = await sessions.load(undefined);
  session.put("name", "Ada");
  const first = sessions.commit(session);
  session.put("count", 1);
  const second = sessions.commit(session);
  session.remove("name");
  await Promise.all([first, second, sessions.commit(session)]);
  assert.deepEqual((await sessions.load(session.token)).keys(), ["count"]);
  session.put("count", 2);
  const third = sessions.commit(session);
  session.destroy();
  await third;
  assert.equal(session.status, "destroyed");
  await sessions.commit(session);
  assert.equal((await store.all()).size, 0);
});
