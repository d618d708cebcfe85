// honoSessions() in Hono, over HTTP and in the process.

import { getRequestListener } from "@hono/node-server";
import { Hono, type MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import { setCookie } from "hono/cookie";
import { streamSSE, streamText } from "hono/streaming";
import assert from "node:assert/strict";
import { createServer } from "node:http";
import process from "node:process";
import { honoSessions, type SessionEnv } from "../../src/hono/mod.ts";
import {
  type LazySession,
  MemoryStore,
  type Session,
  SessionManager,
} from "../../src/manager/mod.ts";
import { type Served, type Site, testAdapter, type Values } from "../support/adapter_suite.ts";
import { listen } from "../support/node_server.ts";
import { ALL_CALLS, recording, withCalls } from "../support/stores.ts";
import { Visitor } from "../support/visitor.ts";

type AnySession = Session<Values> | LazySession<Values>;

function makeApp({ sessions, lazy, respond }: Site): Hono<SessionEnv<AnySession>> {
  const app = new Hono<SessionEnv<AnySession>>();
  if (lazy) app.use(honoSessions(sessions, { lazy }) as unknown as MiddlewareHandler);
  else app.use(honoSessions(sessions) as unknown as MiddlewareHandler);
  app.all("*", async (c) => {
    const { status, headers, body } = await respond(c.req.path, c.var.session);
    for (const [name, value] of headers) c.header(name, value, { append: true });
    if (body.length < 2) return c.body(body[0] as string, status as 200);
    c.status(status as 200);
    return streamText(c, async (stream) => {
      for (const chunk of body) await stream.write(chunk);
    });
  });
  app.onError((_, c) => c.text("the application's error page", 500));
  return app;
}

testAdapter(
  "Hono on @hono/node-server",
  (site) =>
    listen(createServer(getRequestListener(makeApp(site).fetch, { overrideGlobalObjects: false }))),
);

const isDeno = "deno" in process.versions;

testAdapter("Hono on Deno.serve", async (site): Promise<Served> => {
  const app = makeApp(site);
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, app.fetch);
  await Promise.resolve();
  return { port: server.addr.port, close: () => server.shutdown() };
}, { ignore: !isDeno && "Deno.serve is Deno's" });

Deno.test("c.var.session is typed through the app", async () => {
  interface Own {
    count: number;
  }
  const sessions = new SessionManager<Own>();
  const app = new Hono().use(honoSessions(sessions)).get("/", (c) => {
    const count: number | undefined = c.var.session.get("count");
    // @ts-expect-error: there is no such key
    c.var.session.get("other");
    c.var.session.put("count", (count ?? 0) + 1);
    return c.text(String(c.get("session").get("count")));
  });
  const lazy = new Hono().use(honoSessions(sessions, { lazy: true })).get("/", async (c) => {
    // @ts-expect-error: it is not loaded yet
    c.var.session.get;
    return c.text(String((await c.var.session).get("count")));
  });
  const visitor = new Visitor(async (request) => await app.fetch(request));
  assert.equal(await visitor.text(), "1");
  const other = new Visitor(
    async (request) => await lazy.fetch(request),
    Object.fromEntries(visitor.cookies),
  );
  assert.equal(await other.text(), "1");
});

/** A visitor of an app with sessions, and the names of the store's calls. */
function visit(
  build: (app: Hono<SessionEnv<Session<Values>>>, sessions: SessionManager<Values>) => void,
): {
  readonly visitor: Visitor;
  readonly calls: string[];
  readonly sessions: SessionManager<Values>;
} {
  const { store, calls } = recording(new MemoryStore());
  const sessions = new SessionManager<Values>({ store });
  const app = new Hono<SessionEnv<Session<Values>>>();
  app.use(honoSessions(sessions));
  build(app, sessions);
  return { visitor: new Visitor(async (request) => await app.fetch(request)), calls, sessions };
}

Deno.test("a middleware that is mounted twice, or in a sub-app, is one", async () => {
  const { visitor, calls } = visit((app, sessions) => {
    const inner = new Hono<SessionEnv<Session<Values>>>();
    inner.use(honoSessions(sessions));
    inner.get("/", (c) => {
      c.var.session.put("count", 1);
      return c.text("inner");
    });
    app.use(honoSessions(sessions));
    app.route("/inner", inner);
  });
  const response = await visitor.fetch("/inner");
  assert.equal(response.headers.getSetCookie().length, 1);
  assert.deepEqual(calls, ["commit"]);
});

Deno.test("the cookie is Secure, except for plain HTTP to a loopback host", async () => {
  const app = new Hono().use(honoSessions(new SessionManager<Values>())).get("/", (c) => {
    c.var.session.put("count", 1);
    return c.text("");
  });
  const isSecure = async (url: string): Promise<boolean> =>
    (await app.request(url)).headers.get("set-cookie")!.includes("; Secure");
  assert.equal(await isSecure("http://localhost:4000/"), false);
  assert.equal(await isSecure("http://example.com/"), true);
  assert.equal(await isSecure("https://example.com/"), true);
});

Deno.test("the app's own cookies and headers stay, also those of outer middlewares", async () => {
  const { visitor } = visit((app) => {
    app.use(cors({ origin: "https://example.com" }));
    app.use(async (c, next) => {
      await next();
      setCookie(c, "after", "2");
    });
    app.get("/", (c) => {
      c.var.session.put("count", 1);
      setCookie(c, "own", "1");
      return c.text("page");
    });
  });
  const { headers } = await visitor.fetch("/", { headers: { origin: "https://example.com" } });
  assert.deepEqual(headers.getSetCookie().map((text) => text.split("=")[0]), [
    "own",
    "after",
    "session",
  ]);
  assert.equal(headers.get("access-control-allow-origin"), "https://example.com");
});

Deno.test("a response that another middleware assigns gets the session's cookie", async () => {
  const { visitor } = visit((app) => {
    app.use(async (c, next) => {
      await next();
      c.res = new Response("another", { status: 202 });
    });
    app.get("/", (c) => {
      c.var.session.put("count", 1);
      return Response.redirect("http://localhost/other");
    });
  });
  const response = await visitor.fetch();
  assert.deepEqual([response.status, await response.text()], [202, "another"]);
  assert.equal(response.headers.getSetCookie().length, 1);
});

Deno.test("responses with immutable headers get the session's", async () => {
  const { visitor } = visit((app) => {
    app.get("/", (c) => {
      c.var.session.put("count", 1);
      return Response.redirect("http://localhost/other", 303);
    });
  });
  const response = await visitor.fetch();
  assert.deepEqual([response.status, response.headers.get("location")], [
    303,
    "http://localhost/other",
  ]);
  assert.equal(response.headers.getSetCookie().length, 1);
});

Deno.test("if the commit fails, headers that do not describe the page stay", async () => {
  const sessions = new SessionManager<Values>({
    store: withCalls(new MemoryStore(), ALL_CALLS, () => Promise.reject(new Error("down"))),
    onError: () => {},
  });
  const app = new Hono().use(cors({ origin: "https://example.com" })).use(honoSessions(sessions));
  app.get("/", (c) => {
    (c as unknown as { var: { session: Session<Values> } }).var.session.put("count", 1);
    setCookie(c, "own", "1");
    return c.json({ saved: true });
  });
  const response = await app.request("/", { headers: { origin: "https://example.com" } });
  assert.deepEqual([response.status, await response.text()], [500, "Internal Server Error\n"]);
  assert.equal(response.headers.get("access-control-allow-origin"), "https://example.com");
  assert.deepEqual(response.headers.getSetCookie(), []);
  assert.doesNotMatch(response.headers.get("content-type") ?? "", /json/);
});

Deno.test("a response that cannot be sent is an error, and saves nothing", async () => {
  const store = new MemoryStore();
  const sessions = new SessionManager<Values>({ store });
  const app = new Hono().use(honoSessions(sessions));
  app.get("/:kind", async (c) => {
    c.var.session.put("count", 1);
    if (c.req.param("kind") === "error") return Response.error();
    const response = new Response("body");
    await response.text();
    return response;
  });
  app.onError((error, c) => c.text(error.message, 500));
  for (const kind of ["error", "used"]) {
    const response = await app.request(`/${kind}`);
    assert.equal(response.status, 500);
    assert.match(await response.text(), /^Cannot answer the request: 'response' must/);
    assert.equal((await store.all()).size, 0);
  }
});

Deno.test("a page that is not found commits what a middleware did", async () => {
  const { visitor, sessions } = visit((app) => {
    app.use(async (c, next) => {
      c.var.session.put("count", 1);
      await next();
    });
  });
  assert.equal((await visitor.fetch("/nowhere")).status, 404);
  assert.equal((await sessions.load(visitor.cookies.get("session"))).get("count"), 1);
});

Deno.test("an event stream has the cookie", async () => {
  const { visitor } = visit((app) => {
    app.get("/", (c) => {
      c.var.session.put("count", 1);
      return streamSSE(c, async (stream) => await stream.writeSSE({ data: "event" }));
    });
  });
  const response = await visitor.fetch();
  assert.equal(response.headers.getSetCookie().length, 1);
  assert.equal(await response.text(), "data: event\n\n");
});

Deno.test({
  name: `an upgrade to a WebSocket has a session${
    isDeno ? "" : " (ignored: it is of Hono for Deno)"
  }`,
  ignore: !isDeno,
  fn: async () => {
    const { upgradeWebSocket } = await import("hono/deno");
    const sessions = new SessionManager<Values>();
    const app = new Hono().use(honoSessions(sessions));
    const handler = upgradeWebSocket((c) => ({
      onOpen: (_, socket) => socket.send(`count ${c.var.session.get("count")}`),
    }));
    app.get("/", handler);
    app.get("/put", async (c, next) => {
      c.var.session.put("count", 1);
      await next();
    }, handler);
    const server = Deno.serve({ port: 0, onListen: () => {} }, app.fetch);
    for (const [path, message] of [["/", "count undefined"], ["/put", "count 1"]]) {
      const socket = new WebSocket(`ws://localhost:${server.addr.port}${path}`);
      const received = await new Promise((resolve, reject) => {
        socket.onmessage = ({ data }) => resolve(data);
        socket.onerror = () => reject(new Error("the upgrade failed"));
      });
      assert.equal(received, message);
      const closed = new Promise((resolve) => socket.onclose = resolve);
      socket.close();
      await closed;
    }
    await server.shutdown();
  },
});

Deno.test("arguments are checked when the middleware is made", () => {
  assert.throws(() => honoSessions({} as SessionManager), {
    message: "Cannot create the middleware: 'manager' must be a SessionManager: received object",
  });
  assert.throws(
    () => honoSessions(new SessionManager(), { lazy: 1 } as unknown as { lazy: true }),
    {
      name: "TypeError",
    },
  );
});
