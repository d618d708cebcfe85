// Each way in which a response of node:http is sent, while it waits for the session to be committed.

import compression from "compression";
import express from "express";
import helmet from "helmet";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { EventEmitter, once } from "node:events";
import {
  Agent,
  type IncomingMessage,
  request as httpRequest,
  type ServerResponse,
} from "node:http";
import { connect as connectHttp2, createServer as createHttp2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { PassThrough, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { gunzipSync } from "node:zlib";
import { MemoryStore, type Session, SessionManager } from "../../src/manager/mod.ts";
import { nodeSessions } from "../../src/node/mod.ts";
import { rawRequest } from "../support/adapter_suite.ts";
import { gate } from "../support/gate.ts";
import { whileServing } from "../support/node_server.ts";
import { ALL_CALLS, withCalls } from "../support/stores.ts";

type Values = Record<string, number>;
type Request = IncomingMessage & { session: Session<Values> };

/** A manager whose commits wait until the gate is opened, and fail if they are told to. */
function slow(): {
  readonly sessions: SessionManager<Values>;
  readonly commits: string[];
  readonly open: () => void;
  readonly errors: unknown[];
  failing: boolean;
} {
  const { opened, open } = gate();
  const commits: string[] = [];
  const errors: unknown[] = [];
  const store = withCalls(new MemoryStore(), ALL_CALLS, async (name, make) => {
    if (name === "find") return await make();
    commits.push(name);
    await opened;
    if (result.failing) throw new Error("the store failed");
    return await make();
  });
  const sessions = new SessionManager<Values>({
    store,
    onError: (error) => void errors.push(error),
  });
  const result = { sessions, commits, open, errors, failing: false };
  return result;
}

/** The values of a header. */
function valuesOf(headers: readonly [string, string][], name: string): string[] {
  return headers.filter(([each]) => each === name).map(([, value]) => value);
}

/** What the session of the last request holds in the store. */
async function stored(sessions: SessionManager<Values>): Promise<number | undefined> {
  return (await sessions.load(latest.get(sessions)?.token)).get("count");
}

const latest = new WeakMap<object, Session<Values>>();

/** A handler that puts a value and then answers. */
function putting(
  sessions: SessionManager<Values>,
  answer: (response: ServerResponse, request: Request) => unknown,
): (request: IncomingMessage, response: ServerResponse) => void {
  const middleware = nodeSessions(sessions);
  return (request, response) =>
    void middleware(request, response, () => {
      const { session } = request as Request;
      session.put("count", 1);
      latest.set(sessions, session);
      answer(response, request as Request);
    });
}

/** Each way of sending `hello` with the status 201, and the reason phrase that it has. */
const WAYS: Record<string, (response: ServerResponse) => void> = {
  "writeHead(status)": (response) => response.writeHead(201).end("hello"),
  "writeHead(status, message)": (response) => response.writeHead(201, "Made").end("hello"),
  "writeHead(status, headers)": (response) =>
    response.writeHead(201, { "X-Own": "yes", "Set-Cookie": ["a=1", "b=2"] }).end("hello"),
  "writeHead(status, message, headers)": (response) =>
    response.writeHead(201, "Made", { "x-own": "yes", "set-cookie": "a=1" }).end("hello"),
  "writeHead(status, undefined, headers)": (response) =>
    response.writeHead(201, undefined, { "x-own": "yes" }).end("hello"),
  "writeHead(status, list)": (response) =>
    response.writeHead(201, ["X-Own", "yes", "Set-Cookie", "a=1", "Set-Cookie", "b=2"]).end(
      "hello",
    ),
  "writeHead(status, headers) over others": (response) => {
    response.setHeader("X-Own", "no");
    response.setHeader("Vary", "Accept");
    response.writeHead(201, { "x-own": "yes" }).end("hello");
  },
  "write and end": (response) => {
    response.statusCode = 201;
    response.write("hel");
    response.write(Buffer.from("lo"));
    response.end();
  },
  "write with encoding and callback": (response) => {
    response.statusCode = 201;
    response.write("68656c", "hex", (error) => {
      assert.equal(error ?? undefined, undefined);
      response.end("6c6f", "hex");
    });
  },
  "end in many forms": (response) => {
    response.statusCode = 201;
    response.end("hello", "utf8", () => {});
  },
  "end of a Buffer": (response) => {
    response.statusCode = 201;
    response.end(Buffer.from("hello"));
  },
  "flushHeaders": (response) => {
    response.statusCode = 201;
    response.flushHeaders();
    response.end("hello");
  },
  "writeHead, flushHeaders, write, end": (response) => {
    response.writeHead(201, { "x-own": "yes" });
    response.flushHeaders();
    response.write("hel");
    response.end("lo");
  },
  "pipe": (response) => {
    response.statusCode = 201;
    Readable.from(["h", "el", "lo"]).pipe(response);
  },
  "pipe of a source that is there": (response) => {
    response.statusCode = 201;
    const source = new PassThrough();
    source.end("hello");
    source.pipe(response);
  },
  "pipeline": (response) => {
    response.statusCode = 201;
    // It rejects if another response is sent, as it does if the client goes away.
    pipeline(Readable.from(["hel", "lo"]), response).catch(() => {});
  },
};

for (const [name, send] of Object.entries(WAYS)) {
  Deno.test(`${name}: the response waits for the session, and is what it was to be`, async () => {
    const store = slow();
    const plain = await new Promise<Awaited<ReturnType<typeof rawRequest>>>((resolve) => {
      void whileServing((_, response) => send(response), async (port) => {
        resolve(await rawRequest(port, "/"));
      });
    });
    await whileServing(putting(store.sessions, send), async (port) => {
      let isAnswered = false;
      const answer = rawRequest(port, "/").finally(() => isAnswered = true);
      while (store.commits.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.equal(isAnswered, false);
      store.open();
      const { status, headers, body } = await answer;
      assert.deepEqual([status, body], [201, "hello"]);
      const cookies = valuesOf(headers, "set-cookie");
      assert.deepEqual(cookies.slice(0, -1), valuesOf(plain.headers, "set-cookie"));
      assert.match(cookies.at(-1)!, /^session=/);
      assert.deepEqual(valuesOf(headers, "x-own"), valuesOf(plain.headers, "x-own"));
      const vary = [...valuesOf(plain.headers, "vary"), "Cookie"].join(", ");
      assert.deepEqual(valuesOf(headers, "vary"), [vary]);
      for (const name of ["content-length", "transfer-encoding"]) {
        assert.deepEqual(valuesOf(headers, name), valuesOf(plain.headers, name), name);
      }
    });
    assert.deepEqual([store.commits, await stored(store.sessions)], [["commit"], 1]);
  });

  Deno.test(`${name}: if the commit fails, a 500 is sent in its place`, async () => {
    const store = slow();
    store.failing = true;
    store.open();
    await whileServing(putting(store.sessions, send), async (port) => {
      const { status, headers, body } = await rawRequest(port, "/");
      assert.deepEqual([status, body], [500, "Internal Server Error\n"]);
      assert.deepEqual(valuesOf(headers, "set-cookie"), []);
    });
    assert.match(String(store.errors), /the store failed/);
  });
}

Deno.test("write() returns false while the response waits, and drain follows", async () => {
  const store = slow();
  const events: unknown[] = [];
  const handler = putting(store.sessions, (response) => {
    response.on("drain", () => {
      events.push("drain");
      events.push(response.write("two") ? "more" : "less");
      response.end("three", () => events.push("ended"));
    });
    events.push(response.write("one"), response.writableNeedDrain);
    setTimeout(store.open, 20);
  });
  await whileServing(handler, async (port) => {
    assert.equal((await rawRequest(port, "/")).body, "onetwothree");
    assert.deepEqual(events.slice(0, 3), [false, true, "drain"]);
  });
});

Deno.test("a large stream keeps its bytes and its backpressure", async () => {
  const store = slow();
  const chunk = Buffer.alloc(64 * 1024, "x");
  let made = 0;
  const source = new Readable({
    read(): void {
      this.push(made++ < 64 ? chunk : null);
    },
  });
  const handler = putting(store.sessions, (response) => {
    source.pipe(response);
    setTimeout(() => {
      // One chunk is in the response, the others fill the stream's own buffer.
      assert.ok(made < 10, `${made} chunks were read`);
      store.open();
    }, 30);
  });
  await whileServing(handler, async (port) => {
    assert.equal((await rawRequest(port, "/")).body.length, 64 * chunk.length);
  });
});

Deno.test("a response that waits looks as if its head were sent", async () => {
  const store = slow();
  const seen: unknown[] = [];
  const handler = putting(store.sessions, (response) => {
    response.statusCode = 201;
    seen.push(response.headersSent, response.writableEnded);
    response.write("body");
    seen.push(response.headersSent, response.writableEnded);
    response.statusCode = 500;
    for (
      const change of [
        () => response.setHeader("x-late", "1"),
        () => response.removeHeader("x-late"),
        () => response.writeHead(500),
      ]
    ) assert.throws(change, { code: "ERR_HTTP_HEADERS_SENT" });
    response.end();
    seen.push(response.writableEnded);
    response.once("finish", () => seen.push(response.headersSent, response.statusCode));
    store.open();
  });
  await whileServing(handler, async (port) => {
    const { status, headers } = await rawRequest(port, "/");
    assert.deepEqual([status, valuesOf(headers, "x-late")], [201, []]);
  });
  assert.deepEqual(seen, [false, false, true, false, true, true, 201]);
});

Deno.test("the callbacks of write() and end() are called, also if another response is sent", async () => {
  for (const failing of [false, true]) {
    const store = slow();
    store.failing = failing;
    store.open();
    const called: string[] = [];
    const done = gate();
    const handler = putting(store.sessions, (response) => {
      response.write("one", () => called.push("write"));
      response.end("two", () => {
        called.push("end");
        done.open();
      });
    });
    await whileServing(handler, async (port) => {
      assert.equal((await rawRequest(port, "/")).status, failing ? 500 : 200);
      await done.opened;
    });
    assert.deepEqual(called, ["write", "end"]);
  }
});

Deno.test("what is wrong about a call is an error of the call", async () => {
  const store = slow();
  store.open();
  const handler = putting(store.sessions, (response) => {
    assert.throws(() => response.write(7 as unknown as string), { name: "TypeError" });
    assert.throws(() => response.end({} as unknown as string), { name: "TypeError" });
    assert.throws(() => response.writeHead(99), { name: "RangeError" });
    response.end("fine");
  });
  await whileServing(handler, async (port) => {
    assert.deepEqual((await rawRequest(port, "/")).body, "fine");
  });
  assert.deepEqual(store.commits, ["commit"]);
});

Deno.test("a connection is kept alive from response to response, failed ones included", async () => {
  const store = slow();
  store.open();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ports = new Set<number>();
  const handler = putting(store.sessions, (response, request) => {
    ports.add(request.socket.remotePort!);
    response.end("answer");
  });
  await whileServing(handler, async (port) => {
    for (const failing of [false, true, false, true, false]) {
      store.failing = failing;
      const sent = httpRequest({ port, host: "127.0.0.1", agent }).end();
      const [response] = await once(sent, "response");
      assert.equal(response.statusCode, failing ? 500 : 200);
      response.resume();
      await once(response, "end");
    }
    agent.destroy();
  });
  assert.equal(ports.size, 1);
});

Deno.test("if the client goes away while the response waits, the session is committed", async () => {
  const store = slow();
  const closed = gate();
  const handler = putting(store.sessions, (response) => {
    response.once("close", closed.open);
    response.write("one");
    response.end("two");
  });
  await whileServing(handler, async (port) => {
    const sent = httpRequest({ port, host: "127.0.0.1" }).end();
    sent.on("error", () => {});
    while (store.commits.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    sent.destroy();
    await closed.opened;
    store.open();
    while (latest.get(store.sessions)?.token === undefined) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.equal(await stored(store.sessions), 1);
  });
});

Deno.test("if the client goes away before there is a response, the session is committed", async () => {
  const store = slow();
  store.open();
  const running = gate();
  const handler = putting(store.sessions, running.open);
  await whileServing(handler, async (port) => {
    const sent = httpRequest({ port, host: "127.0.0.1" }).end();
    sent.on("error", () => {});
    await running.opened;
    sent.destroy();
    while (store.commits.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  });
  assert.deepEqual(store.commits, ["commit"]);
});

Deno.test("a response that a middleware ends after the session was changed again is committed once", async () => {
  const store = slow();
  store.open();
  const handler = putting(store.sessions, (response, { session }) => {
    session.put("count", 2);
    response.end("done");
    response.end();
  });
  await whileServing(handler, async (port) => {
    assert.equal((await rawRequest(port, "/")).body, "done");
    assert.equal(await stored(store.sessions), 2);
  });
  assert.deepEqual(store.commits, ["commit"]);
});

const isNode = !("deno" in process.versions) && !process.versions.bun;

Deno.test({
  name: `early hints are sent before the session is committed${isNode ? "" : " (ignored: Node's)"}`,
  ignore: !isNode,
  fn: async () => {
    const store = slow();
    const handler = putting(store.sessions, (response) => {
      response.writeEarlyHints({ link: "</style.css>; rel=preload; as=style" });
      response.end("page");
    });
    await whileServing(handler, async (port) => {
      const sent = httpRequest({ port, host: "127.0.0.1" }).end();
      const [information] = await once(sent, "information");
      assert.equal(information.statusCode, 103);
      store.open();
      const [response] = await once(sent, "response");
      assert.equal(response.statusCode, 200);
      assert.match(response.headers["set-cookie"]![0], /^session=/);
      response.resume();
    });
  },
});

/** Sets a header when the head is sent, as response-time and others do with the package on-headers. */
function onHeaders(_: unknown, response: ServerResponse, next: () => void): void {
  const { writeHead } = response;
  response.writeHead = ((...args: Parameters<typeof writeHead>) => {
    response.setHeader("x-late", "1");
    return writeHead.apply(response, args);
  }) as typeof writeHead;
  next();
}

for (const order of ["before", "after", "around"]) {
  for (const failing of [false, true]) {
    const outcome = failing ? "a commit that fails" : "a commit";
    Deno.test(`compression, helmet and on-headers ${order} the session: ${outcome}`, async () => {
      const store = slow();
      store.failing = failing;
      store.open();
      const app = express();
      const others = [
        compression({ threshold: 0 }),
        helmet(),
        onHeaders,
      ] as express.RequestHandler[];
      const sessions = nodeSessions(store.sessions);
      const own = order === "after"
        ? [sessions, ...others]
        : order === "before"
        ? [...others, sessions]
        : [others[0]!, sessions, others[1]!, others[2]!];
      app.use(...own);
      const text = "x".repeat(100_000);
      app.get("/send", (request, response) => {
        (request as unknown as Request).session.put("count", 1);
        response.send(text);
      });
      app.get("/stream", (request, response) => {
        (request as unknown as Request).session.put("count", 1);
        response.type("text");
        Readable.from([text.slice(0, 50_000), text.slice(50_000)]).pipe(response);
      });
      await whileServing(app, async (port) => {
        for (const path of ["/send", "/stream"]) {
          const sent = httpRequest({
            port,
            host: "127.0.0.1",
            path,
            headers: { "accept-encoding": "gzip" },
          }).end();
          const [response] = await once(sent, "response") as [IncomingMessage];
          const chunks: Uint8Array[] = [];
          for await (const chunk of response) chunks.push(chunk);
          const bytes = Buffer.concat(chunks);
          const isZipped = response.headers["content-encoding"] === "gzip";
          const body = String(isZipped ? gunzipSync(bytes) : bytes);
          assert.equal(response.statusCode, failing ? 500 : 200);
          assert.equal(body, failing ? "Internal Server Error\n" : text);
          if (!failing) assert.ok(isZipped);
          assert.equal(response.headers["x-content-type-options"], "nosniff");
          if (!failing) assert.equal(response.headers["x-late"], "1");
          assert.equal(response.headers["set-cookie"]?.length, failing ? undefined : 1);
        }
      });
    });
  }
}

for (const failing of [false, true]) {
  Deno.test(`HTTP/2: ${failing ? "a commit that fails" : "a commit"} before the head is sent`, async () => {
    const store = slow();
    store.failing = failing;
    store.open();
    const middleware = nodeSessions(store.sessions);
    const server = createHttp2Server((request, response) =>
      void middleware(request, response, () => {
        (request as unknown as Request).session.put("count", 1);
        switch (request.url) {
          case "/end":
            return response.end("one two");
          case "/head":
            response.writeHead(200, { "x-own": "yes", "set-cookie": "a=1" });
            return response.end("one two");
          default:
            return Readable.from(["one ", "two"]).pipe(response);
        }
      })
    );
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const client = connectHttp2(`http://127.0.0.1:${port}`);
    try {
      for (const path of ["/end", "/head", "/stream"]) {
        const stream = client.request({ ":path": path });
        stream.setEncoding("utf8");
        const [headers] = await once(stream, "response");
        let body = "";
        for await (const chunk of stream) body += chunk;
        assert.equal(headers[":status"], failing ? 500 : 200);
        assert.equal(body, failing ? "Internal Server Error\n" : "one two");
        const cookies = (headers["set-cookie"] ?? []).map((text: string) => text.split("=")[0]);
        const own = path === "/head" ? ["a", "session"] : ["session"];
        assert.deepEqual(cookies, failing ? [] : own);
        assert.equal(headers.vary, "Cookie");
      }
    } finally {
      client.close();
      await new Promise((resolve) => server.close(resolve));
    }
  });
}

Deno.test("a middleware that is mounted twice loads one session and commits it once", async () => {
  const store = slow();
  store.open();
  const app = express();
  const seen: unknown[] = [];
  for (const _ of [1, 2]) {
    app.use(nodeSessions(store.sessions));
    app.use((request, _response, next) => {
      seen.push((request as unknown as Request).session);
      next();
    });
  }
  app.get("/", (request, response) => {
    (request as unknown as Request).session.put("count", 1);
    response.end();
  });
  await whileServing(app, async (port) => {
    const { headers } = await rawRequest(port, "/");
    assert.equal(valuesOf(headers, "set-cookie").length, 1);
  });
  assert.equal(seen[0], seen[1]);
  assert.deepEqual(store.commits, ["commit"]);
});

// What engine.io gives a middleware in an upgrade: it sends nothing.
Deno.test("in an upgrade, the session is loaded and nothing waits", async () => {
  const store = slow();
  store.open();
  const known = await store.sessions.load(undefined);
  known.put("count", 5);
  await store.sessions.commit(known);
  const request = Object.assign(new EventEmitter(), {
    headers: { cookie: `session=${known.token}`, upgrade: "websocket" },
    method: "GET",
    url: "/",
  }) as unknown as Request;
  const nothing = (): void => {};
  const response = Object.assign(new EventEmitter(), {
    setHeader: nothing,
    writeHead: nothing,
    write: nothing,
    end: nothing,
  });
  const nexts: string[] = [];
  await nodeSessions(store.sessions)(
    request,
    response as unknown as ServerResponse,
    (error) => void nexts.push(String(error)),
  );
  assert.deepEqual(nexts, ["undefined"]);
  assert.equal(request.session.get("count"), 5);
  response.writeHead();

  const broken = new SessionManager<Values>({
    store: withCalls(new MemoryStore(), ALL_CALLS, () => Promise.reject(new Error("down"))),
    onError: () => {},
  });
  await nodeSessions(broken)(
    Object.assign(Object.create(request), { session: undefined }),
    response as unknown as ServerResponse,
    (error) => void nexts.push(String(error)),
  );
  assert.deepEqual(nexts, ["undefined", "Error: down"]);
});

Deno.test("onError of a failed load or commit gets the request", async () => {
  const requests: Request[] = [];
  const store = withCalls(
    new MemoryStore(),
    ALL_CALLS,
    () => Promise.reject(new Error("down")),
  );
  const sessions = new SessionManager<Values>({
    store,
    onError: (_, request) => void requests.push(request as unknown as Request),
  });
  await whileServing(putting(sessions, (response) => response.end()), async (port) => {
    const headers = { cookie: `session=${"t".repeat(43)}`, "x-id": "7" };
    await rawRequest(port, "/load?a=1", { headers });
    await rawRequest(port, "/commit", { method: "POST", headers: { "x-id": "8" } });
    const seen = requests.map((request) => request as unknown as globalThis.Request)
      .map(({ url, method, headers }) => [url, method, headers.get("x-id")]);
    assert.deepEqual(seen, [
      [`http://127.0.0.1:${port}/load?a=1`, "GET", "7"],
      [`http://127.0.0.1:${port}/commit`, "POST", "8"],
    ]);
  });
});

Deno.test("if onError throws, the load's error goes to next, and a commit's answer is 500", async () => {
  const sessions = new SessionManager<Values>({
    store: withCalls(new MemoryStore(), ALL_CALLS, () => Promise.reject(new Error("down"))),
    onError: () => {
      throw new Error("onError failed");
    },
  });
  const app = express();
  app.use(nodeSessions(sessions));
  app.get("/", (request, response) => {
    (request as unknown as Request).session.put("count", 1);
    response.end("page");
  });
  app.use(
    ((error, _request, response, _next) => {
      response.status(502).send(error.message);
    }) as express.ErrorRequestHandler,
  );
  const { error } = console;
  const logged: unknown[] = [];
  console.error = (...args: unknown[]) => void logged.push(...args);
  try {
    await whileServing(app, async (port) => {
      const headers = { cookie: `session=${"t".repeat(43)}` };
      const loaded = await rawRequest(port, "/", { headers });
      assert.deepEqual([loaded.status, loaded.body], [502, "onError failed"]);
      const committed = await rawRequest(port, "/");
      assert.deepEqual([committed.status, committed.body], [500, "Internal Server Error\n"]);
    });
  } finally {
    console.error = error;
  }
  assert.deepEqual(logged, ["Cannot answer the request: Error: onError failed"]);
});

Deno.test("arguments are checked when the middleware is made", () => {
  const sessions = new SessionManager();
  assert.throws(() => nodeSessions({} as SessionManager), {
    message: "Cannot create the middleware: 'manager' must be a SessionManager: received object",
  });
  assert.throws(() => nodeSessions(sessions, { lasy: true } as unknown as { lazy: true }), {
    message: /the nearest is 'lazy'/,
  });
  assert.throws(() => nodeSessions(sessions).wrap(undefined as unknown as () => void), {
    name: "TypeError",
  });
});
