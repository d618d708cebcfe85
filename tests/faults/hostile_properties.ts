// Properties that hold for any input; the tests check a few cases of each, the drill many.

import session from "express-session";
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { inspect } from "node:util";
import fc from "fast-check";
import { EncryptedStore } from "../../src/encryption/mod.ts";
import { ExpressStore } from "../../src/express/mod.ts";
import { SessionManager } from "../../src/manager/mod.ts";
import type { FullSessionStore } from "../../src/store/store.ts";
import { hashToken } from "../../src/store/token.ts";
import { bytes, inMs, soon, text } from "../support/databases.ts";
import { altered, hostileCookie, hostileData, hostileToken, SECRET } from "./hostile.ts";

const KEPT = "kept-session";

/** The token of the visitor whose row is hostile. */
const VISITOR = "t".repeat(43);

/** Asserts that an error holds nothing of the input, however it is printed, and is not a bug's. */
function assertDiscreet(error: unknown): void {
  assert.doesNotMatch(inspect(error, { depth: 10, showHidden: true }), new RegExp(SECRET));
}

/** Calls a store with tokens and data of all kinds: each call succeeds or rejects, without side effects. */
export async function fuzzStore(store: FullSessionStore, numRuns: number): Promise<void> {
  await store.commit(KEPT, bytes("kept"), inMs(3_600_000));
  const property = async (anyToken: unknown, data: Uint8Array): Promise<void> => {
    const token = anyToken as string;
    assert.equal(await store.find(token), undefined);
    assert.equal(await store.touch(token, soon()), false);
    assert.equal(await store.replace(token, data, data, soon()), false);
    try {
      await store.commit(token, data, soon());
      assert.deepEqual((await store.find(token))?.data, new Uint8Array(data));
    } catch (error) {
      assert.ok(error instanceof TypeError || error instanceof RangeError, String(error));
      assertDiscreet(error);
    }
    await store.delete(token);
    const all = [...await store.all()].map(([token, data]) => [token, text(data)]);
    assert.deepEqual(all, [[KEPT, "kept"]]);
  };
  await fc.assert(fc.asyncProperty(hostileToken, hostileData, property), { numRuns });
}

/** Sends cookies of all kinds: each request gets a new session, and none takes over a token. */
export async function fuzzCookies(store: FullSessionStore, numRuns: number): Promise<void> {
  const failures: unknown[] = [];
  const sessions = new SessionManager<{ visited: boolean }>({
    store,
    onError: (error) => void failures.push(error),
  });
  const handler = sessions.loadAndSave((_, session) => {
    const known = session.get("visited") === true;
    session.put("visited", true);
    return new Response(String(known));
  });
  const property = async (cookie: string): Promise<void> => {
    let headers: Headers;
    try {
      headers = new Headers({ cookie });
    } catch {
      // No server accepts such a header.
      return;
    }
    const response = await handler(new Request("http://localhost/", { headers }));
    assert.equal(response.status, 200);
    assert.equal(await response.text(), "false");
    const setCookie = response.headers.getSetCookie();
    assert.equal(setCookie.length, 1);
    assert.match(setCookie[0]!, /^session=[\w-]{43};/);
    assert.doesNotMatch(setCookie[0]!, new RegExp(SECRET));
  };
  await fc.assert(fc.asyncProperty(hostileCookie("session"), property), { numRuns });
  assert.deepEqual(failures, []);
}

/**
 * Reads rows of another program: the visitor gets a session, and no error holds any of the row.
 *
 * @param rows Where they are written, if it is not `store` itself: below one that encrypts.
 */
export async function fuzzRows(
  store: FullSessionStore,
  numRuns: number,
  { rows = store, data = hostileData }: {
    readonly rows?: FullSessionStore;
    readonly data?: fc.Arbitrary<Uint8Array>;
  } = {},
): Promise<void> {
  const failures: unknown[] = [];
  const sessions = new SessionManager<Record<string, unknown>>({
    store,
    hashToken: false,
    onError: (error) => void failures.push(error),
  });
  const handler = sessions.loadAndSave((_, session) => {
    session.keys();
    session.put("visited", true);
    return new Response();
  });
  const property = async (data: Uint8Array): Promise<void> => {
    await rows.commit(VISITOR, data, soon());
    const headers = { cookie: `session=${VISITOR}` };
    const response = await handler(new Request("http://localhost/", { headers }));
    assert.equal(response.status, 200);
    assert.equal(({} as { polluted?: unknown }).polluted, undefined);
    failures.forEach(assertDiscreet);
    failures.length = 0;
    for await (const session of sessions.iterate()) session.keys();
    for (const each of (await rows.all()).keys()) await store.delete(each);
  };
  await fc.assert(fc.asyncProperty(data, property), { numRuns });
}

/** Does the same over encryption, with rows that resemble encrypted ones. */
export async function fuzzEncryptedRows(rows: FullSessionStore, numRuns: number): Promise<void> {
  const keys = [randomBytes(32), randomBytes(32)] as const;
  const envelopes: Uint8Array[] = [];
  for (const key of keys) {
    for (const token of [VISITOR, "another-token"]) {
      await new EncryptedStore(rows, { keys: [key] }).commit(token, bytes(SECRET), soon());
      envelopes.push((await rows.find(token))!.data);
      await rows.delete(token);
    }
  }
  const store = new EncryptedStore(rows, { keys: [keys[0]] });
  await fuzzRows(store, numRuns, { rows, data: fc.oneof(hostileData, altered(envelopes)) });
}

/**
 * Saves a middleware's sessions under ids of all kinds, over rows of another program: data that cannot be
 * parsed is an error that holds none of it, and a saved session can be loaded.
 */
export async function fuzzExpress(inner: FullSessionStore, numRuns: number): Promise<void> {
  const store = new ExpressStore(inner);
  session({ store, secret: SECRET, resave: false, saveUninitialized: false });
  const load = (sid: string): Promise<unknown> =>
    new Promise((resolve, reject) => {
      store.load(sid, (error, loaded) => error ? reject(error) : resolve(loaded));
    });
  const property = async (anySid: unknown, data: Uint8Array): Promise<void> => {
    const sid = anySid as string;
    const isSid = typeof anySid === "string" && anySid !== "";
    if (isSid) await inner.commit(hashToken(sid), data, soon());
    await load(sid).catch(assertDiscreet);
    assert.equal(({} as { polluted?: unknown }).polluted, undefined);
    try {
      await store.set(sid, { cookie: { expires: null }, sid: String(data) });
      assert.equal((await store.get(sid))?.sid, String(data));
    } catch (error) {
      assert.ok(!isSid && (error instanceof TypeError || error instanceof RangeError));
      assertDiscreet(error);
    }
    await store.destroy(sid);
    assert.equal(await store.length(), 0);
  };
  await fc.assert(fc.asyncProperty(hostileToken, hostileData, property), { numRuns });
}
