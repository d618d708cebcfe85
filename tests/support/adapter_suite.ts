// One website, which every adapter serves over real HTTP, and what it must then keep to.

import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import {
  type LazySession,
  MemoryStore,
  type Session,
  SessionManager,
  type SessionManagerOptions,
  type SessionStore,
} from "../../src/manager/mod.ts";
import { gate } from "./gate.ts";
import { ALL_CALLS, type Call, withCalls } from "./stores.ts";
import { cookiesOf, fetchFrom, Visitor } from "./visitor.ts";

/** What the website's sessions hold: a count under each letter. */
export type Values = Record<string, number>;

/** What the website answers; a framework's app has to send it in its own way. */
export interface Page {
  readonly status: number;
  readonly headers: readonly [name: string, value: string][];
  /** Several chunks are to be streamed. */
  readonly body: readonly string[];
}

/** What an adapter's app has to serve. */
export interface Site {
  readonly sessions: SessionManager<Values>;
  /** The store of these sessions, which fails when the suite wants it to. */
  readonly store: SessionStore;
  /** Whether the adapter has to hand out lazy sessions. */
  readonly lazy: boolean;
  /** Makes the answer to a request; throws for some paths. */
  respond(path: string, session: Session<Values> | LazySession<Values>): Promise<Page>;
}

/** A server that serves a site. */
export interface Served {
  readonly port: number;
  close(): Promise<void>;
}

/** Serves a site. If a page throws, nothing must be saved, and the answer must be a 500. */
export type Serve = (site: Site) => Promise<Served>;

/** What sets an adapter apart. */
export interface Traits {
  /** Whether it can hand out lazy sessions; by default it can. */
  readonly canBeLazy?: boolean;
  /** Who answers if the store fails: by default the manager's `onError`; else the framework, with a 500. */
  readonly answersErrors?: "manager" | "framework";
  /** The tests that ask for what the framework promises otherwise, by their names, and why. */
  readonly except?: Readonly<Record<string, string>>;
  /** Why the suite does not run on this runtime, if so. */
  readonly ignore?: string | false;
}

interface Fixture {
  readonly sessions: SessionManager<Values>;
  readonly calls: Call[];
  readonly errors: unknown[];
  readonly port: number;
  readonly visitor: Visitor;
  readonly paths: string[];
  another(): Visitor;
  /** These calls fail from now on. */
  fail(...calls: Call[]): void;
  /** The calls of the store wait for this. */
  waitFor(opened: Promise<void> | undefined): void;
}

async function respond(
  path: string,
  lazy: Session<Values> | LazySession<Values>,
): Promise<Page> {
  const page = (status: number, body: string | string[], ...headers: [string, string][]): Page => ({
    status,
    headers: [["Content-Type", "text/plain;charset=UTF-8"], ...headers],
    body: [body].flat(),
  });
  if (path === "/static") return page(200, "static");
  const session = await lazy;
  const [, action = "", key = "count"] = path.split("/");
  switch (action) {
    case "get":
      return page(200, String(session.get(key)));
    case "put":
      session.put(key, (session.get(key) ?? 0) + 1);
      return page(200, String(session.get(key)));
    case "redirect":
      session.put(key, 7);
      return page(303, "", ["Location", `/get/${key}`]);
    case "throw":
      session.put(key, 13);
      throw new Error("the page throws");
    case "stream":
      session.put(key, 8);
      return page(200, ["one ", "two ", "three"]);
    case "destroy":
      session.destroy();
      return page(200, "destroyed");
    case "renew":
      session.renewToken();
      return page(200, "renewed");
    case "own":
      session.put(key, 9);
      return page(
        200,
        "own",
        ["Set-Cookie", "one=1; Path=/"],
        ["Set-Cookie", "two=2"],
        ["Vary", "Accept"],
        ["Cache-Control", "private"],
      );
    case "not-modified":
      session.put(key, 10);
      return { status: 304, headers: [["ETag", '"1"']], body: [] };
    case "nothing":
      session.put(key, 11);
      return { status: 204, headers: [], body: [] };
  }
  return page(404, "not found");
}

async function withSite(
  serve: Serve,
  { lazy = false, ...options }: SessionManagerOptions & { readonly lazy?: boolean },
  test: (fixture: Fixture) => Promise<void>,
): Promise<void> {
  const calls: Call[] = [];
  const errors: unknown[] = [];
  const paths: string[] = [];
  let failing: readonly Call[] = [];
  let opened: Promise<void> | undefined;
  const store = withCalls(new MemoryStore(), ALL_CALLS, async (name, make) => {
    calls.push(name);
    await opened;
    if (failing.includes(name)) throw new Error(`${name} failed`);
    return await make();
  });
  const sessions = new SessionManager<Values>({
    store,
    onError: (error) => void errors.push(error),
    ...options,
  });
  const { port, close } = await serve({
    sessions,
    store,
    lazy,
    respond: (path, session) => {
      paths.push(path);
      return respond(path, session);
    },
  });
  const fetch = fetchFrom(`http://127.0.0.1:${port}`);
  try {
    const another = (): Visitor => new Visitor(fetch);
    const fail = (...names: Call[]): void => void (failing = names);
    const waitFor = (promise: Promise<void> | undefined): void => void (opened = promise);
    const fixture = { sessions, calls, errors, port, paths, another, fail, waitFor };
    await test({ ...fixture, visitor: another() });
  } finally {
    await close();
  }
}

/** Sends a request as it is, and returns the response's raw headers along with its body. */
export async function rawRequest(
  port: number,
  path: string,
  { method = "GET", headers = {} }: { method?: string; headers?: Record<string, string> } = {},
): Promise<
  { readonly status: number; readonly headers: [string, string][]; readonly body: string }
> {
  return await new Promise((resolve, reject) => {
    const sent = httpRequest({ port, host: "127.0.0.1", path, method, headers }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk) => body += chunk);
      response.on("error", reject);
      response.on("end", () => {
        const all = response.rawHeaders;
        const pairs = all.flatMap((name, i): [string, string][] =>
          i % 2 === 0 ? [[name.toLowerCase(), all[i + 1]!]] : []
        );
        resolve({ status: response.statusCode!, headers: pairs, body });
      });
    });
    sent.on("error", reject);
    sent.end();
  });
}

/** The fields of a header that is a list. */
function fieldsOf(response: Response, name: string): string[] {
  return (response.headers.get(name) ?? "").split(",").map((field) => field.trim().toLowerCase());
}

/** Defines the tests of an adapter. */
export function testAdapter(name: string, serve: Serve, traits: Traits = {}): void {
  const { canBeLazy = true, answersErrors = "manager", except = {}, ignore = false } = traits;
  const exceptions = new Map(Object.entries(except));
  const test = (
    what: string,
    options: SessionManagerOptions & { readonly lazy?: boolean },
    run: (fixture: Fixture) => Promise<void>,
  ): void => {
    const reason = exceptions.get(what) ?? ignore;
    exceptions.delete(what);
    Deno.test({
      name: `${name}: ${what}${reason ? ` (ignored: ${reason})` : ""}`,
      ignore: reason !== false,
      fn: () => withSite(serve, options, run),
    });
  };

  for (const lazy of canBeLazy ? [false, true] : [false]) {
    const kind = lazy ? "lazy: " : "";
    test(
      `${kind}a visitor keeps a session, and each has another one`,
      { lazy },
      async (fixture) => {
        const { visitor, another } = fixture;
        assert.equal(await visitor.text("/put"), "1");
        assert.equal(await visitor.text("/put"), "2");
        assert.equal(await visitor.text("/get"), "2");
        assert.equal(await another().text("/get"), "undefined");
      },
    );

    test(`${kind}a page that only reads sets no cookie, and varies`, { lazy }, async (fixture) => {
      const { visitor, calls } = fixture;
      const anonymous = await visitor.fetch("/get");
      assert.deepEqual([anonymous.headers.getSetCookie(), calls], [[], []]);
      assert.ok(fieldsOf(anonymous, "vary").includes("cookie"));
      await anonymous.text();
      const first = await visitor.fetch("/put");
      assert.ok(fieldsOf(first, "vary").includes("cookie"));
      assert.ok(fieldsOf(first, "cache-control").includes('no-cache="set-cookie"'));
      assert.equal(cookiesOf(first).length, 1);
      await first.text();
      const known = await visitor.fetch("/get");
      assert.deepEqual(known.headers.getSetCookie(), []);
      assert.ok(fieldsOf(known, "vary").includes("cookie"));
      assert.equal(known.headers.get("cache-control"), null);
      await known.text();
    });

    test(`${kind}if the store fails to save, the page is not sent`, { lazy }, async (fixture) => {
      const { visitor, fail, errors } = fixture;
      for (const path of ["/put", "/redirect", "/stream", "/own", "/nothing"]) {
        fail("commit");
        const response = await visitor.fetch(path);
        assert.equal(response.status, 500, path);
        assert.deepEqual([response.headers.getSetCookie(), response.headers.get("location")], [
          [],
          null,
        ]);
        const text = await response.text();
        if (answersErrors === "framework") continue;
        assert.equal(text, "Internal Server Error\n");
        assert.match(String(errors.pop()), /commit failed/);
      }
      fail();
      assert.equal(await visitor.text("/get"), "undefined");
    });

    test(`${kind}if the store fails to load, the answer is 500`, { lazy }, async (fixture) => {
      const { visitor, fail, errors } = fixture;
      await visitor.text("/put");
      const before = visitor.cookies.get("session");
      fail("find");
      const response = await visitor.fetch("/get");
      assert.equal(response.status, 500);
      assert.deepEqual(response.headers.getSetCookie(), []);
      await response.text();
      if (!lazy && answersErrors === "manager") {
        assert.match(String(errors.pop()), /find failed/);
      }
      fail();
      assert.equal(await visitor.text("/get"), "1");
      assert.equal(visitor.cookies.get("session"), before);
    });
  }

  if (canBeLazy) {
    test("lazy: a page without a session costs no query, and does not vary", {
      lazy: true,
    }, async ({ visitor, calls }) => {
      await visitor.text("/put");
      calls.length = 0;
      const response = await visitor.fetch("/static");
      assert.equal(await response.text(), "static");
      assert.deepEqual(calls, []);
      assert.ok(!fieldsOf(response, "vary").includes("cookie"));
      assert.deepEqual(response.headers.getSetCookie(), []);
      assert.equal(await visitor.text("/put"), "2");
    });
  }

  test("a redirect does not overtake the session", {}, async ({ visitor, waitFor }) => {
    const { opened, open } = gate();
    waitFor(opened);
    let isAnswered = false;
    const redirect = visitor.fetch("/redirect").finally(() => isAnswered = true);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(isAnswered, false);
    open();
    waitFor(undefined);
    const response = await redirect;
    await response.text();
    assert.deepEqual([response.status, response.headers.get("location")], [303, "/get/count"]);
    assert.equal(await visitor.text("/get"), "7");
  });

  test("a page that throws saves nothing", {}, async ({ visitor, another }) => {
    await visitor.text("/put");
    const response = await visitor.fetch("/throw");
    assert.equal(response.status, 500);
    assert.deepEqual(response.headers.getSetCookie(), []);
    await response.text();
    assert.equal(await visitor.text("/get"), "1");
    const stranger = another();
    await stranger.text("/throw");
    assert.equal(await stranger.text("/get"), "undefined");
    assert.deepEqual([...stranger.cookies], []);
  });

  test("a streaming page has the cookie and all of its chunks", {}, async ({ visitor }) => {
    const response = await visitor.fetch("/stream");
    assert.equal(cookiesOf(response).length, 1);
    assert.equal(await response.text(), "one two three");
    assert.equal(await visitor.text("/get"), "8");
  });

  test("destroy() ends the session and clears the cookie", {}, async ({ visitor, sessions }) => {
    await visitor.text("/put");
    const token = visitor.cookies.get("session");
    const otherWindow = visitor.clone();
    const response = await visitor.fetch("/destroy");
    await response.text();
    const [cookie] = cookiesOf(response);
    assert.deepEqual([cookie?.name, cookie?.value, cookie?.maxAge], ["session", "", 0]);
    assert.equal(await visitor.text("/get"), "undefined");
    assert.equal(await otherWindow.text("/get"), "undefined");
    assert.deepEqual((await sessions.load(token)).keys(), []);
  });

  test("renewToken() gives the visitor a new token", {}, async ({ visitor, sessions }) => {
    await visitor.text("/put");
    const token = visitor.cookies.get("session");
    const otherWindow = visitor.clone();
    await visitor.text("/renew");
    assert.notEqual(visitor.cookies.get("session"), token);
    assert.equal(await visitor.text("/get"), "1");
    assert.equal(await otherWindow.text("/get"), "undefined");
    assert.deepEqual((await sessions.load(token)).keys(), []);
  });

  test("parallel requests lose nothing", {}, async ({ visitor }) => {
    await visitor.text("/put");
    const keys = [..."abcdefghijkl"];
    await Promise.all(keys.map((key) => visitor.clone().text(`/put/${key}`)));
    for (const key of ["count", ...keys]) assert.equal(await visitor.text(`/get/${key}`), "1");
  });

  test("the handler does not run if the session cannot be loaded", {}, async (fixture) => {
    const { visitor, fail, paths } = fixture;
    await visitor.text("/put");
    fail("find");
    paths.length = 0;
    await (await visitor.fetch("/get")).text();
    assert.deepEqual(paths, []);
  });

  if (answersErrors === "manager") {
    test("onError answers if the store fails", {
      onError: () =>
        new Response("come back later", { status: 503, headers: { "retry-after": "9" } }),
    }, async ({ visitor, fail }) => {
      for (const call of ["commit", "find"] as const) {
        fail(call);
        const response = await visitor.fetch("/put");
        assert.deepEqual([response.status, response.headers.get("retry-after")], [503, "9"]);
        assert.equal(await response.text(), "come back later");
        fail();
        await visitor.text("/put");
      }
    });
  }

  test("the page's own headers stay, next to the session's", {}, async ({ port }) => {
    const { headers, body } = await rawRequest(port, "/own");
    const all = (name: string): string[] =>
      headers.filter(([each]) => each === name).map(([, value]) => value);
    assert.equal(body, "own");
    assert.deepEqual(all("set-cookie").map((value) => value.split(/[=;]/)[0]).sort(), [
      "one",
      "session",
      "two",
    ]);
    assert.deepEqual(all("vary").join(", ").toLowerCase().split(/, */), ["accept", "cookie"]);
    assert.deepEqual(all("cache-control").join(", ").split(/, */), [
      "private",
      'no-cache="Set-Cookie"',
    ]);
  });

  test("HEAD, 304 and 204 save the session and have no body", {}, async (fixture) => {
    const { port, visitor } = fixture;
    for (
      const [method, path, status, value] of [
        ["HEAD", "/put", 200, "1"],
        ["GET", "/not-modified", 304, "10"],
        ["GET", "/nothing", 204, "11"],
        ["HEAD", "/stream", 200, "8"],
      ] as const
    ) {
      const response = await rawRequest(port, path, { method });
      const cookie = response.headers.find(([name]) => name === "set-cookie")?.[1];
      assert.deepEqual([response.status, response.body], [status, ""], `${method} ${path}`);
      visitor.cookies.set("session", /session=([^;]+)/.exec(cookie ?? "")?.[1] ?? "");
      assert.equal(await visitor.text("/get"), value);
    }
  });

  assert.deepEqual([...exceptions.keys()], [], "there are tests of these names");
}
