// The contract of a session store as tests, for any store: see testStoreContract.

import assert from "node:assert/strict";
import fc from "fast-check";
import type { FullSessionStore } from "../../mod.ts";
import { bytes, inMs, soon, text } from "./databases.ts";

type Use = (test: (store: FullSessionStore) => Promise<void>) => Promise<void>;

/** Malformed tokens: too long, empty, or with a character that is not allowed. */
export const MALFORMED_TOKENS: readonly string[] = [
  "",
  "x".repeat(256),
  "a b",
  "abc ",
  "it's",
  'say "x"',
  "nul\0",
  "tab\t",
  "new\nline",
  "ünïcode",
  "\ud83c\udf6a",
  "\ud800",
];

/** The characters that are allowed in a token. */
const TOKEN_CHARACTERS = Array.from({ length: 94 }, (_, i) => String.fromCharCode(0x21 + i))
  .filter((character) => character !== '"' && character !== "'");

const anyToken = fc.string({
  unit: fc.constantFrom(...TOKEN_CHARACTERS),
  minLength: 1,
  maxLength: 255,
});
const anyExpiry = fc.date({
  min: new Date("2100-01-01T00:00:00Z"),
  max: new Date("9999-12-30T00:00:00Z"),
  noInvalidDate: true,
});

const CONTRACT: Readonly<Record<string, (store: FullSessionStore) => Promise<void>>> = {
  "find() returns undefined if the token is missing": async (store) => {
    assert.equal(await store.find("missing"), undefined);
  },

  "find() returns what was committed, to the byte and the millisecond": async (store) => {
    const expiry = new Date("2100-02-03T04:05:06.789Z");
    await store.commit("token", bytes("data"), expiry);
    assert.deepEqual(await store.find("token"), { token: "token", data: bytes("data"), expiry });
  },

  "commit() takes empty data": async (store) => {
    await store.commit("token", new Uint8Array(), soon());
    assert.deepEqual((await store.find("token"))?.data, new Uint8Array());
  },

  "commit() overwrites data and expiry": async (store) => {
    const expiry = inMs(120_000);
    await store.commit("token", bytes("old"), soon());
    await store.commit("token", bytes("new"), expiry);
    assert.deepEqual(await store.find("token"), { token: "token", data: bytes("new"), expiry });
  },

  "commit() brings an expired session back": async (store) => {
    await store.commit("token", bytes("old"), inMs(-1));
    await store.commit("token", bytes("new"), soon());
    assert.equal(text((await store.find("token"))?.data), "new");
  },

  "find() returns undefined once the expiry has passed": async (store) => {
    await store.commit("token", bytes("data"), inMs(0));
    assert.equal(await store.find("token"), undefined);
  },

  "delete() removes a session, and does nothing if there is none": async (store) => {
    await store.commit("token", bytes("data"), soon());
    await store.delete("token");
    assert.equal(await store.find("token"), undefined);
    await store.delete("token");
  },

  "tokens that differ in case are different sessions": async (store) => {
    await store.commit("abc", bytes("lower"), soon());
    assert.equal(await store.find("ABC"), undefined);
    await store.commit("ABC", bytes("upper"), soon());
    assert.equal(text((await store.find("abc"))?.data), "lower");
    assert.equal(text((await store.find("ABC"))?.data), "upper");
  },

  "malformed tokens are not found, and cannot be committed": async (store) => {
    await store.commit("abc", bytes("data"), soon());
    for (const token of MALFORMED_TOKENS) {
      assert.equal(await store.find(token), undefined, token);
      assert.equal(await store.touch(token, soon()), false, token);
      assert.equal(await store.replace(token, bytes(""), bytes(""), soon()), false, token);
      await store.delete(token);
      await assert.rejects(store.commit(token, bytes("data"), soon()), RangeError, token);
    }
    assert.equal((await store.all()).size, 1);
  },

  "tokens of other types are not found, and cannot be committed": async (store) => {
    for (const token of [undefined, null, 1, ["abc"], { token: "abc" }] as unknown as string[]) {
      assert.equal(await store.find(token), undefined);
      await store.delete(token);
      await assert.rejects(store.commit(token, bytes("data"), soon()), TypeError);
    }
  },

  "wrong arguments are refused with a message that names them and not their value": async (
    store,
  ) => {
    const secret = "a token with spaces";
    await assert.rejects(store.commit(secret, bytes(""), soon()), (error: Error) => {
      assert.match(error.message, /^Cannot commit the session: 'token' must be .*: received/);
      assert.doesNotMatch(error.message, /a token/);
      return error instanceof RangeError;
    });
    const noBytes = "data" as unknown as Uint8Array;
    const noDate = Date.now() as unknown as Date;
    await assert.rejects(store.commit("token", noBytes, soon()), TypeError);
    await assert.rejects(store.commit("token", bytes(""), noDate), TypeError);
    await assert.rejects(store.commit("token", bytes(""), new Date(NaN)), RangeError);
    await assert.rejects(store.commit("token", bytes(""), new Date(8.64e15)), RangeError);
    await assert.rejects(store.touch("token", noDate), TypeError);
    await assert.rejects(store.touch("token", new Date(NaN)), RangeError);
    await assert.rejects(store.replace("token", noBytes, bytes(""), soon()), TypeError);
    await assert.rejects(store.replace("token", bytes(""), noBytes, soon()), TypeError);
    await assert.rejects(store.replace("token", bytes(""), bytes(""), noDate), TypeError);
    assert.equal((await store.all()).size, 0);
  },

  "the caller may change its array and date right after the call": async (store) => {
    const data = bytes("data");
    const expiry = new Date("2100-01-01T00:00:00Z");
    const calls = Array.from({ length: 20 }, (_, i) => store.commit(`token${i}`, data, expiry));
    data.fill(0);
    expiry.setTime(0);
    await Promise.all(calls);
    for (const [token, stored] of await store.all()) assert.equal(text(stored), "data", token);
    assert.equal((await store.all()).size, 20);
  },

  "the caller may do so after replace() and touch() as well": async (store) => {
    await store.commit("replaced", bytes("old"), soon());
    await store.commit("touched", bytes("data"), soon());
    const [current, next] = [bytes("old"), bytes("new")];
    const expiry = new Date("2100-01-01T00:00:00Z");
    const calls = [
      store.replace("replaced", current, next, expiry),
      store.touch("touched", expiry),
    ];
    for (const array of [current, next]) array.fill(0);
    expiry.setTime(0);
    assert.deepEqual(await Promise.all(calls), [true, true]);
    const [replaced, touched] = [await store.find("replaced"), await store.find("touched")];
    assert.equal(text(replaced!.data), "new");
    for (const session of [replaced, touched]) {
      assert.deepEqual(session!.expiry, new Date("2100-01-01T00:00:00Z"));
    }
  },

  "find() returns a copy to each caller": async (store) => {
    await store.commit("token", bytes("data"), soon());
    const found = await Promise.all(Array.from({ length: 20 }, () => store.find("token")));
    found[0]!.data.fill(0);
    found[0]!.expiry.setTime(0);
    for (const session of found.slice(1)) {
      assert.equal(text(session!.data), "data");
      assert.ok(session!.expiry.getTime() > 0);
    }
  },

  // Stores that read and then write fail with a unique violation, or leave two rows.
  "100 parallel first commits of one token make one session": async (store) => {
    const commits = Array.from({ length: 100 }, (_, i) => `data${i}`);
    await Promise.all(commits.map((data) => store.commit("token", bytes(data), soon())));
    const all = await store.all();
    assert.equal(all.size, 1);
    assert.equal(text(all.get("token")), "data99");
  },

  "an un-awaited delete() after a commit() wins": async (store) => {
    const done = [store.commit("token", bytes("data"), soon()), store.delete("token")];
    await Promise.all(done);
    assert.equal(await store.find("token"), undefined);
  },

  "an un-awaited commit() after a delete() wins": async (store) => {
    await store.commit("token", bytes("old"), soon());
    const done = [store.delete("token"), store.commit("token", bytes("new"), soon())];
    await Promise.all(done);
    assert.equal(text((await store.find("token"))?.data), "new");
  },

  "un-awaited writes of many tokens keep the order of each token": async (store) => {
    const tokens = Array.from({ length: 50 }, (_, i) => `token${i}`);
    const done: Promise<unknown>[] = [];
    for (let round = 0; round < 5; round++) {
      for (const token of tokens) {
        done.push(store.commit(token, bytes(`round ${round}`), soon()));
        if (round < 4) done.push(store.delete(token));
      }
      await new Promise((resolve) => setTimeout(resolve, round));
    }
    const odd = tokens.filter((_, i) => i % 2 === 1);
    done.push(...odd.map((token) => store.delete(token)));
    await Promise.all(done);
    const all = await store.all();
    assert.deepEqual([...all.keys()].sort(), tokens.filter((_, i) => i % 2 === 0).sort());
    for (const data of all.values()) assert.equal(text(data), "round 4");
  },

  "an aborted signal rejects with its reason, and nothing is written": async (store) => {
    const reason = new Error("gone");
    const signal = AbortSignal.abort(reason);
    const rejected = (promise: Promise<unknown>): Promise<void> =>
      assert.rejects(promise, (error) => error === reason);
    await store.commit("kept", bytes("data"), soon());
    await rejected(store.commit("token", bytes("data"), soon(), { signal }));
    await rejected(store.delete("kept", { signal }));
    await rejected(store.find("kept", { signal }));
    await rejected(store.touch("kept", inMs(-1), { signal }));
    await rejected(store.replace("kept", bytes("data"), bytes("new"), soon(), { signal }));
    await rejected(store.all({ signal }));
    await rejected(store.entries({ signal }).next());
    await rejected(store.deleteExpired({ signal }));
    assert.deepEqual([...await store.all()], [["kept", bytes("data")]]);
  },

  "touch() moves the expiry and leaves the data alone": async (store) => {
    const expiry = inMs(120_000);
    await store.commit("token", bytes("data"), soon());
    assert.equal(await store.touch("token", expiry), true);
    assert.deepEqual(await store.find("token"), { token: "token", data: bytes("data"), expiry });
  },

  // MySQL and MariaDB count only rows that an update changes.
  "touch() with the expiry that the session has returns true": async (store) => {
    const expiry = soon();
    await store.commit("token", bytes("data"), expiry);
    assert.equal(await store.touch("token", expiry), true);
    const twice = [store.touch("token", inMs(70_000)), store.touch("token", inMs(70_000))];
    assert.deepEqual(await Promise.all(twice), [true, true]);
  },

  "touch() can end a session, and a later one does not revive it": async (store) => {
    await store.commit("token", bytes("data"), soon());
    const touches = [inMs(90_000), inMs(-1), soon()].map((at) => store.touch("token", at));
    assert.deepEqual(await Promise.all(touches), [true, true, false]);
    assert.equal(await store.find("token"), undefined);
  },

  // A slow request must not bring back a session that was logged out meanwhile.
  "touch() of a missing, deleted or expired session returns false and inserts nothing": async (
    store,
  ) => {
    await store.commit("deleted", bytes("data"), soon());
    await store.commit("expired", bytes("data"), inMs(-1));
    const calls = [store.delete("deleted"), store.touch("deleted", soon())];
    assert.equal((await Promise.all(calls))[1], false);
    assert.equal(await store.touch("missing", soon()), false);
    assert.equal(await store.touch("expired", soon()), false);
    assert.equal((await store.all()).size, 0);
  },

  "replace() writes if the session holds the data that the caller has seen": async (store) => {
    const expiry = inMs(120_000);
    await store.commit("token", bytes("old"), soon());
    assert.equal(await store.replace("token", bytes("old"), bytes("new"), expiry), true);
    assert.deepEqual(await store.find("token"), { token: "token", data: bytes("new"), expiry });
    assert.equal(await store.replace("token", bytes("old"), bytes("newer"), soon()), false);
    assert.equal(text((await store.find("token"))?.data), "new");
  },

  "replace() with the data and expiry that the session has returns true": async (store) => {
    const expiry = soon();
    await store.commit("token", bytes("data"), expiry);
    assert.equal(await store.replace("token", bytes("data"), bytes("data"), expiry), true);
    assert.equal(await store.replace("token", bytes("else"), bytes("else"), expiry), false);
  },

  "replace() of a missing, deleted or expired session returns false and inserts nothing": async (
    store,
  ) => {
    const [old, next] = [bytes("old"), bytes("new")];
    await store.commit("deleted", old, soon());
    await store.commit("expired", old, inMs(-1));
    const calls = [store.delete("deleted"), store.replace("deleted", old, next, soon())];
    assert.equal((await Promise.all(calls))[1], false);
    assert.equal(await store.replace("missing", old, next, soon()), false);
    assert.equal(await store.replace("expired", old, next, soon()), false);
    assert.equal((await store.all()).size, 0);
  },

  // Stores that overwrite lose all except one of the parallel increments.
  "50 parallel increments by find() and replace() lose none": async (store) => {
    await store.commit("counter", bytes("0"), soon());
    const increment = async (): Promise<void> => {
      for (;;) {
        const { data } = (await store.find("counter"))!;
        const next = bytes(String(Number(text(data)) + 1));
        if (await store.replace("counter", data, next, soon())) return;
      }
    };
    await Promise.all(Array.from({ length: 50 }, increment));
    assert.equal(text((await store.find("counter"))?.data), "50");
  },

  "all() returns an empty map if no session is active": async (store) => {
    await store.commit("expired", bytes("data"), inMs(-1));
    assert.deepEqual(await store.all(), new Map());
  },

  "all() returns the active sessions": async (store) => {
    await store.commit("a", bytes("1"), soon());
    await store.commit("b", bytes("2"), soon());
    await store.commit("expired", bytes("3"), inMs(-1));
    const all = [...await store.all()].sort();
    assert.deepEqual(all, [["a", bytes("1")], ["b", bytes("2")]]);
  },

  "entries() walks the active sessions in the order of their tokens": async (store) => {
    const expiry = soon();
    const tokens = ["!", "A", "Z", "a", "b", "~"];
    for (const token of tokens) await store.commit(token, bytes(token), expiry);
    await store.commit("expired", bytes("x"), inMs(-1));
    for (const pageSize of [1, 2, 3, 5, 6, 7, undefined]) {
      const met = [];
      for await (const session of store.entries({ pageSize })) met.push(session);
      assert.deepEqual(met, tokens.map((token) => ({ token, data: bytes(token), expiry })));
    }
  },

  "entries() refuses a page size that is out of range": async (store) => {
    for (const pageSize of [0, -1, 1.5, NaN, 10_001]) {
      await assert.rejects(store.entries({ pageSize }).next(), RangeError);
    }
  },

  "deleteExpired() deletes and counts the expired sessions, and keeps the others": async (
    store,
  ) => {
    assert.equal(await store.deleteExpired(), 0);
    for (let i = 0; i < 25; i++) await store.commit(`expired${i}`, bytes("data"), inMs(-i));
    await store.commit("active", bytes("data"), soon());
    assert.equal(await store.deleteExpired(), 25);
    assert.equal(await store.deleteExpired(), 0);
    assert.deepEqual([...(await store.all()).keys()], ["active"]);
  },

  "any token and any bytes are found as they were committed": async (store) => {
    const property = async (token: string, data: Uint8Array, expiry: Date): Promise<void> => {
      await store.commit(token, data, expiry);
      assert.deepEqual(await store.find(token), { token, data: new Uint8Array(data), expiry });
      const changed = Uint8Array.of(...data.subarray(0, 100), 0, 255);
      assert.equal(await store.replace(token, data, changed, expiry), true);
      assert.deepEqual((await store.find(token))?.data, changed);
      await store.delete(token);
      assert.equal(await store.find(token), undefined);
    };
    const anyData = fc.uint8Array({ maxLength: 2000 });
    await fc.assert(fc.asyncProperty(anyToken, anyData, anyExpiry, property), { numRuns: 60 });
  },

  "data from 0 bytes to 1 MiB is found as it was committed": async (store) => {
    const property = async (size: number, seed: number): Promise<void> => {
      const data = Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8) * seed) % 256);
      await store.commit("large", data, soon());
      assert.deepEqual((await store.find("large"))?.data, data);
    };
    // Around the limits of TINYBLOB, BLOB and the range, and anywhere in between.
    for (const size of [0, 1, 255, 256, 65_535, 65_536, 1024 * 1024]) await property(size, 1);
    const anySize = fc.nat({ max: 1024 * 1024 });
    await fc.assert(fc.asyncProperty(anySize, fc.nat(), property), { numRuns: 5 });
  },

  "many tokens at once are found as they were committed": async (store) => {
    const property = async (tokens: string[], data: Uint8Array): Promise<void> => {
      const expiry = soon();
      await Promise.all(tokens.map((token) => store.commit(token, data, expiry)));
      const found = await Promise.all(tokens.map((token) => store.find(token)));
      assert.deepEqual(found, tokens.map((token) => ({ token, data, expiry })));
      await Promise.all(tokens.map((token) => store.delete(token)));
      assert.equal((await store.all()).size, 0);
    };
    const anyTokens = fc.uniqueArray(anyToken, { minLength: 1, maxLength: 100 });
    const anyData = fc.uint8Array({ maxLength: 100 }).map((data) => new Uint8Array(data));
    await fc.assert(fc.asyncProperty(anyTokens, anyData, property), { numRuns: 10 });
  },
};

/**
 * Tests that a store keeps the contract.
 *
 * @param name The store's name, which begins the names of the tests.
 * @param use Lends an empty store for the length of a test.
 * @param ignored Why the tests are ignored, or `undefined` if they run.
 */
export function testStoreContract(name: string, use: Use, ignored?: string): void {
  const reason = ignored === undefined ? "" : ` (ignored: ${ignored})`;
  for (const [rule, test] of Object.entries(CONTRACT)) {
    Deno.test({
      name: `${name}: ${rule}${reason}`,
      ignore: ignored !== undefined,
      fn: () => use(test),
    });
  }
}
