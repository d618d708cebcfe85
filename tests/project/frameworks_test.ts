// The manager around other frameworks, as docs/sessions.md and docs/frameworks.md show.

import assert from "node:assert/strict";
import process from "node:process";
import { getRequestListener } from "@hono/node-server";
import { H3, toResponse } from "h3";
import { toNodeHandler } from "h3/node";
import { Hono } from "hono";
import Koa from "koa";
import { createServer } from "node:http";
import { Readable } from "node:stream";
import {
  type LazySession,
  MemoryStore,
  type Session,
  SessionManager,
} from "../../src/manager/mod.ts";
import {
  type Page,
  type Site,
  testAdapter,
  type Values as Counts,
} from "../support/adapter_suite.ts";
import { listen } from "../support/node_server.ts";
import { Visitor } from "../support/visitor.ts";

type AnySession = Session<Counts> | LazySession<Counts>;

interface Values {
  count: number;
}

Deno.test("Hono gets the session as one of its bindings", async () => {
  const sessions = new SessionManager<Values>();
  const app = new Hono<{ Bindings: { session: Session<Values> } }>();
  app.get("/count", (c) => {
    const { session } = c.env;
    session.put("count", (session.get("count") ?? 0) + 1);
    return c.text(String(session.get("count")));
  });
  app.get("/next", (c) => c.redirect("/count"));
  const handler = sessions.loadAndSave((request, session) => app.fetch(request, { session }));
  const visitor = new Visitor(handler);
  assert.equal(await visitor.text("/count"), "1");
  assert.equal(await visitor.text("/count"), "2");
  const response = await visitor.fetch("/next");
  assert.deepEqual([response.status, response.headers.get("location")], [302, "/count"]);
});

// Hono turns an error into a response, so the manager would take the request for a success.
Deno.test("if a Hono app passes its errors on, nothing is saved", async () => {
  const sessions = new SessionManager<Values>();
  const app = new Hono<{ Bindings: { session: Session<Values> } }>();
  app.onError((error) => {
    throw error;
  });
  app.get("/count", (c) => {
    c.env.session.put("count", 1);
    throw new Error("handler");
  });
  const handler = sessions.loadAndSave((request, session) => app.fetch(request, { session }));
  await assert.rejects(new Visitor(handler).fetch("/count"), { message: "handler" });
  for await (const session of sessions.iterate()) assert.fail(session.keys().join());
});

Deno.test("if a Hono app handles its errors and discards the session, nothing is saved", async () => {
  const sessions = new SessionManager<Values>();
  const app = new Hono<{ Bindings: { session: Session<Values> } }>();
  app.onError((_, c) => {
    c.env.session.discard();
    return c.text("sorry", 500);
  });
  app.get("/count", (c) => {
    c.env.session.put("count", 1);
    return c.text("counted");
  });
  app.get("/fail", (c) => {
    c.env.session.put("count", 2);
    c.env.session.renewToken();
    throw new Error("handler");
  });
  const handler = sessions.loadAndSave((request, session) => app.fetch(request, { session }));
  const visitor = new Visitor(handler);
  await visitor.fetch("/count");
  const response = await visitor.fetch("/fail");
  assert.deepEqual([response.status, await response.text()], [500, "sorry"]);
  assert.deepEqual(response.headers.getSetCookie(), []);
  assert.equal((await sessions.load(visitor.cookies.get("session"))).get("count"), 1);
});

const isDeno = "deno" in process.versions;

Deno.test({
  name: `a WebSocket's upgrade passes through${isDeno ? "" : " (ignored: Deno.serve is Deno's)"}`,
  ignore: !isDeno,
  fn: async () => {
    const store = new MemoryStore();
    const sessions = new SessionManager<Values>({ store });
    const handler = sessions.loadAndSave((request, session) => {
      if (new URL(request.url).pathname === "/count") session.put("count", 1);
      const { socket, response } = Deno.upgradeWebSocket(request);
      socket.onopen = () => socket.send(`count ${session.get("count")}`);
      return response;
    });
    const headers: Headers[] = [];
    const server = Deno.serve({ port: 0, onListen: () => {} }, async (request) => {
      const response = await handler(request);
      assert.equal(response.status, 101);
      headers.push(response.headers);
      return response;
    });
    for (const [path, message] of [["/", "count undefined"], ["/count", "count 1"]] as const) {
      const socket = new WebSocket(`ws://localhost:${server.addr.port}${path}`);
      const received = await new Promise((resolve) => {
        socket.onmessage = ({ data }) => resolve(data);
      });
      assert.equal(received, message);
      const closed = new Promise((resolve) => socket.onclose = resolve);
      socket.close();
      await closed;
    }
    assert.deepEqual(headers.map((all) => all.get("vary")), ["Cookie", "Cookie"]);
    assert.deepEqual(headers.map((all) => all.getSetCookie().length), [0, 1]);
    assert.equal((await store.all()).size, 1);
    await server.shutdown();
  },
});

testAdapter("loadAndSave() on Deno.serve", (site) => {
  const server = Deno.serve({
    port: 0,
    hostname: "127.0.0.1",
    onListen: () => {},
    onError: () => new Response("the server's error page", { status: 500 }),
  }, handlerOf(site));
  return Promise.resolve({ port: server.addr.port, close: () => server.shutdown() });
}, { ignore: !isDeno && "Deno.serve is Deno's" });

testAdapter(
  "loadAndSave() on @hono/node-server",
  (site) =>
    listen(createServer(getRequestListener(handlerOf(site), {
      overrideGlobalObjects: false,
      errorHandler: () => new Response("the server's error page", { status: 500 }),
    }))),
);

testAdapter("loadAndSave() in h3", (site) => {
  const app = new H3({ silent: true });
  app.use(async (event, next) => {
    const { sessions, lazy } = site;
    const answer = async (session: AnySession): Promise<Response> => {
      event.context.session = session;
      return await toResponse(await next(), event);
    };
    const handler = lazy
      ? sessions.loadAndSave(async (_, session) => await answer(session), { lazy })
      : sessions.loadAndSave(async (_, session) => await answer(session));
    return await handler(event.req);
  });
  app.all("/**", async (event) => {
    const session = event.context.session as unknown as AnySession;
    return toWebResponse(await site.respond(event.url.pathname, session));
  });
  return listen(createServer(toNodeHandler(app)));
});

testAdapter("loadRequest() and commitHeaders() in Koa", ({ sessions, lazy, respond }) => {
  const app = new Koa<{ session: AnySession }>();
  app.silent = true;
  app.use(async (ctx, next) => {
    const session = lazy ? sessions.loadLazily(ctx) : await sessions.loadRequest(ctx);
    ctx.state.session = session;
    await next();
    for (const [name, value] of await sessions.commitHeaders(session)) ctx.append(name, value);
  });
  app.use(async (ctx) => {
    const { status, headers, body } = await respond(ctx.path, ctx.state.session);
    ctx.status = status;
    for (const [name, value] of headers) ctx.append(name, value);
    ctx.body = body.length < 2 ? body[0] ?? null : Readable.from(body);
  });
  return listen(createServer(app.callback()));
}, { answersErrors: "framework" });

/** Either kind of handler. */
function handlerOf({ sessions, lazy, respond }: Site): (request: Request) => Promise<Response> {
  const answer = async (request: Request, session: AnySession): Promise<Response> =>
    toWebResponse(await respond(new URL(request.url).pathname, session));
  // Else the server would call it with arguments of its own.
  const handler = lazy ? sessions.loadAndSave(answer, { lazy }) : sessions.loadAndSave(answer);
  return (request) => handler(request);
}

function toWebResponse({ status, headers, body }: Page): Response {
  if (body.length < 2) return new Response(body[0], { status, headers: [...headers] });
  const chunks = body.map((chunk) => new TextEncoder().encode(chunk));
  return new Response(ReadableStream.from(chunks), { status, headers: [...headers] });
}
