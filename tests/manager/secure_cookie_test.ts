// When the session cookie is Secure, and when its name begins with __Host-.

import assert from "node:assert/strict";
import {
  type CookieSource,
  SessionManager,
  type SessionManagerOptions,
} from "../../src/manager/mod.ts";
import { type Transport, transportOf } from "../../src/manager/transport.ts";
import { cookiesOf, silently, Visitor } from "../support/visitor.ts";

interface Values {
  count: number;
}

type Fields = Record<string, string>;

function requestTo(url: string, headers: Fields = {}): Request {
  return new Request(url, { headers });
}

/** The `Set-Cookie` header of a session that begins with such a request. */
async function setCookieFor(
  source: CookieSource,
  options: SessionManagerOptions = {},
): Promise<string> {
  const sessions = new SessionManager<Values>(options);
  const session = await sessions.loadRequest(source);
  session.put("count", 1);
  const [setCookie] = await sessions.commitHeaders(session);
  return setCookie![1];
}

const LOOPBACK_URLS = [
  "http://localhost/",
  "http://LOCALHOST:4000/path",
  "http://app.localhost:4000/",
  "http://a.b.localhost/",
  "http://127.0.0.1:8080/",
  "http://127.9.8.7/",
  "http://127.1/",
  "http://[::1]/",
  "http://[::1]:4000/",
];

const LAN_URLS = [
  "http://192.168.1.5:4000/",
  "http://10.0.0.1/",
  "http://172.16.0.1/",
  "http://172.31.255.255/",
  "http://169.254.1.1/",
  "http://100.64.0.1/",
  "http://0.0.0.0:4000/",
  "http://[fd00::1]/",
  "http://[fe80::1]:4000/",
  "http://box.local/",
  "http://my-box.lan:4000/",
  "http://box.home.arpa/",
  "http://box/",
];

const OTHER_URLS = [
  "https://localhost/",
  "https://example.com/",
  "https://192.168.1.5/",
  "http://example.com/",
  "http://localhost.example.com/",
  "http://notlocalhost.com/",
  "http://127.0.0.1.example.com/",
  "http://example.com/http://localhost/",
  "http://localhost@example.com/",
  "http://example.com:4000/?localhost",
  "http://172.32.0.1/",
  "http://172.15.0.1/",
  "http://100.63.0.1/",
  "http://100.128.0.1/",
  "http://11.0.0.1/",
  "http://[2001:db8::1]/",
  "http://[::ffff:127.0.0.1]/",
  "http://box.local.example.com/",
];

Deno.test("a request's URL says how it came", () => {
  const every: [Transport, string[]][] = [
    ["loopback", LOOPBACK_URLS],
    ["lan", LAN_URLS],
    ["other", OTHER_URLS],
  ];
  for (const [transport, urls] of every) {
    for (const url of urls) {
      // Without the credentials, which Request refuses.
      const source = { headers: new Headers(), url: new URL(url) };
      assert.equal(transportOf(source), transport, url);
      if (!url.includes("@")) assert.equal(transportOf(requestTo(url)), transport, url);
    }
  }
});

Deno.test("headers of a proxy, and other names of the host, say how a request came", () => {
  const here = "http://localhost:3000/";
  const lan = "http://192.168.1.5/";
  const every: [Transport, string, Fields][] = [
    ["other", here, { "x-forwarded-proto": "https" }],
    ["other", here, { "x-forwarded-proto": "HTTPS, http" }],
    ["loopback", here, { "x-forwarded-proto": "http", "x-forwarded-for": "::1" }],
    ["loopback", here, { "x-forwarded-proto": "ws", "x-forwarded-for": "::1" }],
    ["other", here, { "x-forwarded-proto": "wss", "x-forwarded-for": "::1" }],
    ["other", here, { forwarded: "for=192.0.2.1; proto=https; host=example.com" }],
    ["loopback", here, { forwarded: 'for="[::1]";proto="http"' }],
    ["other", here, { "x-forwarded-for": "192.0.2.1" }],
    ["other", here, { "x-real-ip": "192.0.2.1" }],
    ["other", here, { via: "1.1 proxy" }],
    ["other", here, { host: "example.com" }],
    ["loopback", here, { host: "localhost:3000" }],
    ["other", here, { "x-forwarded-host": "example.com", "x-forwarded-proto": "http" }],
    ["lan", here, { host: "192.168.1.5:3000" }],
    ["other", lan, { "x-forwarded-proto": "https" }],
    ["other", lan, { "x-forwarded-for": "192.0.2.1" }],
    ["lan", lan, { "x-forwarded-proto": "http", "x-forwarded-for": "192.168.1.6" }],
    // What a client says can make its cookie Secure, and never take that away.
    ["other", "https://example.com/", { host: "localhost", "x-forwarded-proto": "http" }],
    ["other", "http://example.com/", { host: "localhost", "x-forwarded-proto": "http" }],
  ];
  for (const [transport, url, headers] of every) {
    assert.equal(transportOf(requestTo(url, headers)), transport, JSON.stringify([url, headers]));
  }
});

Deno.test("headers alone say how a request came, and a cookie's text does not", () => {
  const every: [Transport, CookieSource][] = [
    ["other", undefined],
    ["other", null],
    ["other", "session=x"],
    ["other", new Headers()],
    ["loopback", new Headers({ host: "localhost:3000" })],
    ["loopback", new Headers({ host: "localhost:3000", "x-forwarded-proto": "http" })],
    ["other", new Headers({ host: "localhost:3000", "x-forwarded-proto": "https" })],
    ["other", new Headers({ host: "example.com" })],
    ["other", new Headers({ host: "192.168.1.5" })],
    ["lan", new Headers({ host: "192.168.1.5", "x-forwarded-proto": "http" })],
    ["loopback", { headers: new Headers({ host: "127.0.0.1" }), url: "/path" }],
    ["loopback", { get: (name) => name === "host" ? "[::1]:80" : "" }],
  ];
  for (const [i, [transport, source]] of every.entries()) {
    assert.equal(transportOf(source), transport, `source ${i}`);
  }
});

Deno.test("the cookie is Secure, except for plain HTTP to a loopback host", async () => {
  await silently(async () => {
    for (const url of LOOPBACK_URLS) {
      assert.doesNotMatch(await setCookieFor(requestTo(url)), /Secure/, url);
    }
    for (const url of [...OTHER_URLS, ...LAN_URLS]) {
      if (url.includes("@")) continue;
      assert.match(await setCookieFor(requestTo(url)), /; Secure;/, url);
    }
    assert.match(await setCookieFor("session=x"), /; Secure;/);
  });
});

Deno.test("'secure' is obeyed, and what demands Secure has it everywhere", async () => {
  const every: [SessionManagerOptions["cookie"], boolean][] = [
    [{ secure: true }, true],
    [{ secure: false }, false],
    [{ sameSite: "none" }, true],
    [{ partitioned: true }, true],
    [{ name: "__Host-x" }, true],
    [{ name: "__Secure-x" }, true],
  ];
  for (const [cookie, isSecure] of every) {
    for (const url of ["http://localhost/", "https://example.com/", "http://example.com/"]) {
      const setCookie = await setCookieFor(requestTo(url), { cookie });
      assert.equal(setCookie.includes("; Secure"), isSecure, JSON.stringify([cookie, url]));
    }
  }
});

Deno.test("every cookie of a session has the attributes of its request, without a request as well", async () => {
  for (
    const [url, isSecure] of [["http://localhost/", false], ["https://a.test/", true]] as const
  ) {
    const sessions = new SessionManager<Values>({ cookie: { hostPrefix: true } });
    const session = await sessions.loadRequest(requestTo(url));
    const check = (setCookie: string | undefined): void => {
      assert.equal(setCookie!.includes("; Secure"), isSecure);
      assert.equal(setCookie!.startsWith("__Host-session="), isSecure);
    };
    session.put("count", 1);
    await sessions.commit(session);
    check(sessions.toSetCookie(session));
    session.renewToken();
    check((await sessions.commitHeaders(session))[0]![1]);
    session.destroy();
    const [cleared] = await sessions.commitHeaders(session);
    assert.match(cleared![1], /session=; Max-Age=0;/);
    check(cleared![1]);
    const lazy = sessions.loadLazily(requestTo(url));
    (await lazy).put("count", 1);
    check((await sessions.commitHeaders(lazy))[0]![1]);
    const response = await sessions.toErrorResponse(new Error("expected"), { session: lazy });
    check(response.headers.getSetCookie()[0]);
  }
});

Deno.test("a session without a request gets a Secure cookie", async () => {
  const sessions = new SessionManager<Values>({ cookie: { hostPrefix: true } });
  const session = await sessions.load(undefined);
  session.put("count", 1);
  await sessions.commit(session);
  assert.match(sessions.toSetCookie(session)!, /^__Host-session=.*; Secure;/);
});

Deno.test("with hostPrefix, only the name in force is read", async () => {
  const sessions = new SessionManager<Values>({ cookie: { hostPrefix: true } });
  const session = await sessions.load(undefined);
  session.put("count", 1);
  await sessions.commit(session);
  const token = session.token!;
  const seen = async (source: string, cookie: string): Promise<number | undefined> =>
    (await sessions.loadRequest(requestTo(source, { cookie }))).get("count");
  for (const url of ["https://example.com/", "http://example.com/", "https://localhost/"]) {
    assert.equal(await seen(url, `__Host-session=${token}`), 1, url);
    // A subdomain can set this one for the whole domain.
    assert.equal(await seen(url, `session=${token}`), undefined, url);
    assert.equal(await seen(url, `session=${token}; __Host-session=${"x".repeat(43)}`), undefined);
  }
  assert.equal(await seen("http://localhost/", `session=${token}`), 1);
  assert.equal(await seen("http://localhost/", `__Host-session=${token}`), undefined);
  assert.equal((await sessions.loadRequest(`session=${token}`)).get("count"), undefined);
  assert.equal((await sessions.loadRequest(`__Host-session=${token}`)).get("count"), 1);
});

Deno.test("with hostPrefix and 'secure', the prefix is there everywhere", async () => {
  const cookie = { hostPrefix: true, secure: true, name: "id" };
  const setCookie = await setCookieFor(requestTo("http://localhost/"), { cookie });
  assert.match(setCookie, /^__Host-id=[\w-]{43}; .*Path=\/; .*Secure/);
});

Deno.test("a browser on the same machine keeps its session with hostPrefix", async () => {
  const sessions = new SessionManager<Values>({ cookie: { hostPrefix: true } });
  const visitor = new Visitor(sessions.loadAndSave((request, session) => {
    if (request.url.endsWith("/end")) session.destroy();
    else session.put("count", (session.get("count") ?? 0) + 1);
    return new Response(String(session.get("count")));
  }));
  assert.deepEqual([await visitor.text(), await visitor.text()], ["1", "2"]);
  assert.deepEqual([...visitor.cookies.keys()], ["session"]);
  await visitor.fetch("/end");
  assert.deepEqual([...visitor.cookies], []);
});

Deno.test("onError is called once if browsers on a private network drop the cookie", async () => {
  const told: [unknown, Request | undefined][] = [];
  const sessions = new SessionManager<Values>({
    onError: (...args) => {
      told.push(args);
      return new Response("ignored");
    },
  });
  const handler = sessions.loadAndSave((request, session) => {
    if (request.url.endsWith("/put")) session.put("count", Math.random());
    return new Response("page");
  });
  for (const url of ["http://example.com/put", "https://box.local/put", "http://localhost/put"]) {
    await handler(requestTo(url));
  }
  // Nothing is lost if no cookie is sent.
  await handler(requestTo("http://box.local/"));
  assert.equal(told.length, 0);
  const request = requestTo("http://box.local/put");
  const response = await handler(request);
  assert.equal(await response.text(), "page");
  assert.equal(cookiesOf(response)[0]!.secure, true);
  await handler(requestTo("http://192.168.1.5/put"));
  assert.equal(told.length, 1);
  assert.equal(told[0]![1], request);
  assert.match(
    String(told[0]![0]),
    /^Error: Cannot keep the session: browsers drop its cookie, which is Secure, because the request came by plain HTTP: serve HTTPS, .*'cookie\.secure' to false$/,
  );
  const again = new SessionManager<Values>({
    onError: (error, request) => void told.push([error, request]),
  });
  const session = await again.loadRequest(request);
  session.put("count", 1);
  await again.commitHeaders(session);
  assert.equal(told.length, 2);
});

Deno.test("onError is not told about the cookie if 'secure' is given", async () => {
  for (const secure of [true, false]) {
    const told: unknown[] = [];
    const onError = (error: unknown): void => void told.push(error);
    await setCookieFor(requestTo("http://192.168.1.5/"), { cookie: { secure }, onError });
    assert.deepEqual(told, []);
  }
});

Deno.test("by default, a dropped cookie is printed", async () => {
  const printed = await silently(async () => {
    await setCookieFor(requestTo("http://192.168.1.5/"));
  });
  assert.equal(printed.length, 1);
  assert.match(String(printed[0]), /browsers drop its cookie/);
});
