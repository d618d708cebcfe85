// The contract of a session store as tests, for any store: see testStoreContract.

import assert from "node:assert/strict";
import fc from "fast-check";
import type { FullSessionStore, OwnedSessionStore, SessionRecord } from "../../mod.ts";
import { bytes, inMs, soon, text } from "./databases.ts";

type Use<Store> = (test: (store: Store) => Promise<void>) => Promise<void>;
type Rules<Store> = Readonly<Record<string, (store: Store) => Promise<void>>>;

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

const CONTRACT: Rules<FullSessionStore> = {
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

  "deleteExpired() deletes `limit` sessions at most": async (store) => {
    for (let i = 0; i < 5; i++) await store.commit(`expired${i}`, bytes("data"), inMs(-i));
    await store.commit("active", bytes("data"), soon());
    assert.equal(await store.deleteExpired({ limit: 2 }), 2);
    assert.equal(await store.deleteExpired({ limit: 1 }), 1);
    assert.equal(await store.deleteExpired({ limit: 100 }), 2);
    await store.commit("expired", bytes("data"), inMs(-1));
    assert.equal(await store.deleteExpired({ limit: Infinity }), 1);
    assert.deepEqual([...(await store.all()).keys()], ["active"]);
  },

  "deleteExpired() refuses a limit that is none, and deletes nothing": async (store) => {
    await store.commit("expired", bytes("data"), inMs(-1));
    for (const limit of [0, -1, 1.5, NaN, -Infinity]) {
      await assert.rejects(store.deleteExpired({ limit }), RangeError);
    }
    for (const limit of [null, "10", 10n]) {
      await assert.rejects(store.deleteExpired({ limit: limit as unknown as number }), TypeError);
    }
    assert.equal(await store.deleteExpired({ limit: undefined }), 1);
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

/** Owners that a database may confuse with one another, or with a part of a statement. */
export const HOSTILE_OWNERS: readonly string[] = [
  "user",
  "User",
  "USER",
  "user ",
  "user  ",
  " user",
  "user\t",
  "us\u200ber",
  "üser",
  "u\u0308ser",
  "ß",
  "ss",
  "ﬁ",
  "it's",
  "''",
  '"',
  "`",
  "\\",
  "\\'",
  "a\\",
  "\\x41",
  "$1",
  ":owner",
  "?",
  "%",
  "{a,b}",
  "NULL",
  "0",
  "\n",
  "\x1a",
  "\ufeffuser",
  "🍪",
  "🍪".repeat(255),
  "🍪".repeat(254) + "🍫",
  "x".repeat(255),
];

/** Strings that are no owners. */
const WRONG_OWNERS: readonly string[] = [
  "",
  "nul\0",
  "\0",
  "\ud83c",
  "\udf6a\ud83c",
  "x".repeat(256),
  "🍪".repeat(256),
];

const anyOwner = fc.string({ unit: "binary", minLength: 1, maxLength: 255 })
  .filter((owner) => !owner.includes("\0"));

async function tokensOf(sessions: AsyncIterable<SessionRecord>): Promise<string[]> {
  const tokens = [];
  for await (const { token } of sessions) tokens.push(token);
  return tokens;
}

/** The rules of stores that can tell whose session is whose. */
const OWNED_CONTRACT: Rules<OwnedSessionStore> = {
  "find() and entries() return the owner, and none if the session is nobody's": async (store) => {
    const expiry = soon();
    const [anonymous, owned] = [
      { token: "anonymous", data: bytes("data"), expiry },
      { token: "owned", data: bytes("data"), expiry, owner: "user" },
    ];
    await store.commit("anonymous", bytes("data"), expiry);
    await store.commit("owned", bytes("data"), expiry, { owner: "user" });
    assert.deepEqual(await store.find("anonymous"), anonymous);
    assert.deepEqual(await store.find("owned"), owned);
    const entries = [];
    for await (const record of store.entries()) entries.push(record);
    assert.deepEqual(entries, [anonymous, owned]);
    const entriesOf = [];
    for await (const record of store.entriesOf("user")) entriesOf.push(record);
    assert.deepEqual(entriesOf, [owned]);
  },

  "commit() overwrites the owner, and clears it if there is none": async (store) => {
    await store.commit("token", bytes("1"), soon(), { owner: "first" });
    await store.commit("token", bytes("2"), soon(), { owner: "second" });
    assert.deepEqual(await tokensOf(store.entriesOf("first")), []);
    assert.equal((await store.find("token"))?.owner, "second");
    await store.commit("token", bytes("3"), soon());
    assert.equal((await store.find("token"))?.owner, undefined);
    assert.equal(await store.deleteOwned("second"), 0);
    assert.equal(text((await store.find("token"))?.data), "3");
  },

  "commits with and without owners that share statements keep their owners": async (store) => {
    const ownerOf = (i: number): string | undefined => i % 3 === 0 ? undefined : `user${i % 3}`;
    const numbers = Array.from({ length: 60 }, (_, i) => i);
    await Promise.all(numbers.map((i) => {
      return store.commit(`token${i}`, bytes("data"), soon(), { owner: ownerOf(i) });
    }));
    for (const i of numbers) assert.equal((await store.find(`token${i}`))?.owner, ownerOf(i));
  },

  "replace() leaves the owner, changes or clears it": async (store) => {
    await store.commit("token", bytes("1"), soon(), { owner: "user" });
    const replace = (current: string, next: string, owner?: string | null): Promise<boolean> =>
      store.replace("token", bytes(current), bytes(next), soon(), { owner });
    assert.equal(await replace("1", "2"), true);
    assert.equal((await store.find("token"))?.owner, "user");
    assert.equal(await replace("2", "3", "another"), true);
    assert.equal((await store.find("token"))?.owner, "another");
    assert.equal(await replace("2", "4", "nobody"), false);
    assert.equal((await store.find("token"))?.owner, "another");
    assert.equal(await replace("3", "3", null), true);
    assert.equal((await store.find("token"))?.owner, undefined);
    assert.equal(await replace("3", "3", "user"), true);
    assert.deepEqual(await tokensOf(store.entriesOf("user")), ["token"]);
  },

  "replaces that share statements change some owners and leave the others": async (store) => {
    const numbers = Array.from({ length: 40 }, (_, i) => i);
    const owners = [undefined, null, "new"];
    const [data, next] = [bytes("data"), bytes("next")];
    const replaceAll = async (
      current: Uint8Array,
      choose: (i: number) => string | null | undefined,
    ) => {
      const replaced = await Promise.all(numbers.map((i) => {
        return store.replace(`token${i}`, current, next, soon(), { owner: choose(i) });
      }));
      assert.deepEqual(replaced, numbers.map(() => true));
    };
    await Promise.all(numbers.map((i) => {
      return store.commit(`token${i}`, data, soon(), { owner: "old" });
    }));
    await replaceAll(data, (i) => owners[i % 3]);
    const expected = ["old", undefined, "new"];
    for (const i of numbers) assert.equal((await store.find(`token${i}`))?.owner, expected[i % 3]);
    await replaceAll(next, () => undefined);
    for (const i of numbers) assert.equal((await store.find(`token${i}`))?.owner, expected[i % 3]);
  },

  "touch() leaves the owner alone": async (store) => {
    await store.commit("token", bytes("data"), soon(), { owner: "user" });
    assert.equal(await store.touch("token", inMs(120_000)), true);
    assert.equal((await store.find("token"))?.owner, "user");
  },

  "entriesOf() walks the active sessions of one owner in the order of their tokens": async (
    store,
  ) => {
    const expiry = soon();
    const tokens = ["!", "A", "Z", "a", "b", "~"];
    for (const token of tokens) {
      await store.commit(token, bytes(token), expiry, { owner: "user" });
      await store.commit(`${token}${token}`, bytes(token), expiry, { owner: "another" });
    }
    await store.commit("anonymous", bytes("x"), expiry);
    await store.commit("expired", bytes("x"), inMs(-1), { owner: "user" });
    for (const pageSize of [1, 2, 3, 5, 6, 7, undefined]) {
      const met = [];
      for await (const session of store.entriesOf("user", { pageSize })) met.push(session);
      const expected = tokens.map((token) => {
        return { token, data: bytes(token), expiry, owner: "user" };
      });
      assert.deepEqual(met, expected);
    }
    assert.deepEqual(await tokensOf(store.entriesOf("nobody")), []);
  },

  "deleteOwned() deletes the sessions of one owner, and counts the active ones": async (store) => {
    await Promise.all(["a", "b", "c"].map((token) => {
      return store.commit(token, bytes(token), soon(), { owner: "user" });
    }));
    await store.commit("another", bytes("data"), soon(), { owner: "another" });
    await store.commit("anonymous", bytes("data"), soon());
    await store.commit("expired", bytes("data"), inMs(-1), { owner: "user" });
    assert.equal(await store.deleteOwned("user"), 3);
    assert.equal(await store.deleteOwned("user"), 0);
    assert.deepEqual([...(await store.all()).keys()].sort(), ["anonymous", "another"]);
    assert.equal(await store.deleteExpired(), 0);
  },

  "deleteOwned() keeps the sessions that are excepted": async (store) => {
    const tokens = ["a", "b", "c", "\\"];
    await Promise.all(tokens.map((token) => {
      return store.commit(token, bytes(token), soon(), { owner: "user" });
    }));
    const except = ["b", "\\", "missing", "mal formed", "it's", ""];
    assert.equal(await store.deleteOwned("user", { except }), 2);
    assert.deepEqual(await tokensOf(store.entriesOf("user")), ["\\", "b"]);
    assert.equal(await store.deleteOwned("user", { except: ["b"] }), 1);
    assert.equal(await store.deleteOwned("user", { except: [] }), 1);
  },

  // Everybody who signs out everywhere counts on it.
  "deleteOwned() ends what was committed before it, awaited or not": async (store) => {
    for (let round = 0; round < 5; round++) {
      const done: Promise<unknown>[] = [];
      for (let i = 0; i < 100; i++) {
        const token = `token${i}`;
        done.push(store.commit(token, bytes("1"), soon()));
        if (i % 2) done.push(store.delete(token));
        if (i % 3) done.push(store.commit(token, bytes("2"), soon(), { owner: "user" }));
        else done.push(store.replace(token, bytes("1"), bytes("2"), soon(), { owner: "user" }));
        done.push(store.touch(token, inMs(90_000)));
        done.push(store.replace(token, bytes("2"), bytes("3"), soon()));
      }
      await new Promise((resolve) => setTimeout(resolve, round));
      await store.deleteOwned("user");
      await Promise.all(done);
      assert.deepEqual(await tokensOf(store.entriesOf("user")), []);
    }
  },

  "a session that deleteOwned() has ended is not brought back": async (store) => {
    await store.commit("token", bytes("data"), soon(), { owner: "user" });
    await store.deleteOwned("user");
    assert.equal(await store.touch("token", soon()), false);
    const replaced = store.replace("token", bytes("data"), bytes("new"), soon(), { owner: "user" });
    assert.equal(await replaced, false);
    assert.equal((await store.all()).size, 0);
    await store.commit("token", bytes("data"), soon(), { owner: "user" });
    assert.deepEqual(await tokensOf(store.entriesOf("user")), ["token"]);
  },

  "owners are compared byte for byte, whatever they hold": async (store) => {
    const tokens = HOSTILE_OWNERS.map((_, i) => `token${String(i).padStart(2, "0")}`);
    const [data, next] = [bytes("data"), bytes("next")];
    // The first ones alone, the others together.
    for (const i of [0, 13, 17, 30, 32]) {
      await store.commit(tokens[i]!, data, soon(), { owner: HOSTILE_OWNERS[i] });
      const owner = HOSTILE_OWNERS[i + 1];
      assert.equal(await store.replace(tokens[i]!, data, data, soon(), { owner }), true);
      assert.equal((await store.find(tokens[i]!))?.owner, owner);
    }
    await Promise.all(tokens.map((token) => store.commit(token, data, soon())));
    await Promise.all(tokens.map((token, i) => {
      return i % 2
        ? store.commit(token, next, soon(), { owner: HOSTILE_OWNERS[i] })
        : store.replace(token, data, next, soon(), { owner: HOSTILE_OWNERS[i] });
    }));
    for (const [i, owner] of HOSTILE_OWNERS.entries()) {
      assert.equal((await store.find(tokens[i]!))?.owner, owner);
      assert.deepEqual(await tokensOf(store.entriesOf(owner)), [tokens[i]]);
    }
    for (const [i, owner] of HOSTILE_OWNERS.entries()) {
      assert.equal(await store.deleteOwned(owner), 1, tokens[i]);
      assert.equal((await store.all()).size, HOSTILE_OWNERS.length - i - 1);
    }
  },

  "any owner is found as it was committed": async (store) => {
    const property = async (owner: string, another: string): Promise<void> => {
      await store.commit("token", bytes("data"), soon(), { owner });
      assert.equal((await store.find("token"))?.owner, owner);
      assert.deepEqual(await tokensOf(store.entriesOf(owner)), ["token"]);
      if (another !== owner) assert.deepEqual(await tokensOf(store.entriesOf(another)), []);
      assert.equal(await store.deleteOwned(owner), 1);
    };
    await fc.assert(fc.asyncProperty(anyOwner, anyOwner, property), { numRuns: 40 });
  },

  "wrong owners are refused with a message that does not hold them": async (store) => {
    const [data, next] = [bytes("data"), bytes("next")];
    const calls = (owner: string): [Promise<unknown>, string][] => [
      [store.commit("token", data, soon(), { owner }), "commit the session: 'owner'"],
      [store.replace("token", data, next, soon(), { owner }), "replace the session: 'owner'"],
      [store.entriesOf(owner).next(), "walk the sessions: 'owner'"],
      [store.deleteOwned(owner), "delete the sessions: 'owner'"],
    ];
    for (const owner of WRONG_OWNERS) {
      for (const [call, message] of calls(owner)) {
        await assert.rejects(call, (error: Error) => {
          assert.ok(error.message.startsWith(`Cannot ${message} must be`), error.message);
          assert.match(error.message, /received a string of \d+ characters$/);
          return error instanceof RangeError;
        });
      }
    }
    for (const owner of [1, {}, ["user"]] as unknown as string[]) {
      for (const [call] of calls(owner)) await assert.rejects(call, TypeError);
    }
    for (const owner of [undefined, null] as unknown as string[]) {
      await assert.rejects(store.entriesOf(owner).next(), TypeError);
      await assert.rejects(store.deleteOwned(owner), TypeError);
    }
    for (const except of ["token", [1], null] as unknown as string[][]) {
      await assert.rejects(store.deleteOwned("user", { except }), TypeError);
    }
    await assert.rejects(store.entriesOf("user", { pageSize: 0 }).next(), RangeError);
    assert.equal((await store.all()).size, 0);
  },

  "an aborted signal rejects with its reason, and no owner's session ends": async (store) => {
    const reason = new Error("gone");
    const signal = AbortSignal.abort(reason);
    const rejected = (promise: Promise<unknown>): Promise<void> =>
      assert.rejects(promise, (error) => error === reason);
    await store.commit("token", bytes("data"), soon(), { owner: "user" });
    await rejected(store.commit("other", bytes("data"), soon(), { owner: "user", signal }));
    await rejected(store.entriesOf("user", { signal }).next());
    await rejected(store.deleteOwned("user", { signal }));
    assert.deepEqual(await tokensOf(store.entriesOf("user")), ["token"]);
    assert.equal(await store.deleteOwned("user"), 1);
  },
};

/**
 * Tests that a store keeps the contract.
 *
 * @param name The store's name, which begins the names of the tests.
 * @param use Lends an empty store for the length of a test.
 * @param ignored Why the tests are ignored, or `undefined` if they run.
 */
export function testStoreContract(
  name: string,
  use: Use<FullSessionStore>,
  ignored?: string,
): void {
  testRules(CONTRACT, name, use, ignored);
}

/** Tests the same, and what a store promises about owners. */
export function testOwnedStoreContract(
  name: string,
  use: Use<OwnedSessionStore>,
  ignored?: string,
): void {
  testRules(CONTRACT, name, use, ignored);
  testRules(OWNED_CONTRACT, name, use, ignored);
}

function testRules<Store>(
  rules: Rules<Store>,
  name: string,
  use: Use<Store>,
  ignored: string | undefined,
): void {
  const reason = ignored === undefined ? "" : ` (ignored: ${ignored})`;
  for (const [rule, test] of Object.entries(rules)) {
    Deno.test({
      name: `${name}: ${rule}${reason}`,
      ignore: ignored !== undefined,
      fn: () => use(test),
    });
  }
}
