import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHmac, hkdfSync, randomBytes } from "node:crypto";
import { inspect } from "node:util";
import fc from "fast-check";
import { DecryptionError, EncryptedStore } from "../../src/encryption/mod.ts";
import type { EncryptionOptions } from "../../src/encryption/mod.ts";
import { MemoryStore } from "../../src/store/memory_store.ts";
import type { CallOptions, FullSessionStore, SessionRecord } from "../../src/store/store.ts";
import { bytes, databases, inMs, soon, text, withStore } from "../support/databases.ts";
import { testOwnedStoreContract, testStoreContract } from "../support/store_contract.ts";
import { ALL_CALLS, recording } from "../support/stores.ts";

type Key = EncryptionOptions["keys"][number];

const OVERHEAD = 36;
const VERSION_AT = 3;
const KEY_ID_AT = 4;

/** What every store has that can be encrypted. */
const FULL = [...ALL_CALLS, "all", "entries", "deleteExpired"] as const;

const [key, older, oldest] = [randomBytes(32), randomBytes(32), "k3y: 0123456789-abcdefghijklmnop"];

testOwnedStoreContract(
  "EncryptedStore over MemoryStore",
  (test) => test(new EncryptedStore(new MemoryStore(), { keys: [key] })),
);
testStoreContract(
  "EncryptedStore over MemoryStore, with several keys and plaintext",
  (test) =>
    test(
      new EncryptedStore(new MemoryStore(), { keys: [key, older, oldest], allowPlaintext: true }),
    ),
);
for (const database of databases) {
  testOwnedStoreContract(
    `EncryptedStore over SequelizeStore on ${database.name}`,
    (test) =>
      withStore(
        database,
        ({ store }) => test(new EncryptedStore(store, { keys: [key] })),
        { owners: true },
      ),
    database.ignored,
  );
}

Deno.test("owners pass through, and are refused if the other store keeps none", async () => {
  const rows = new MemoryStore();
  const others = Object.fromEntries(FULL.map((name) => [name, rows[name].bind(rows)]));
  const without = new EncryptedStore(others as unknown as FullSessionStore, { keys: [key] });
  assert.equal(without.owners, false);
  const message = /Cannot .* the sessions: 'store' must be a store with entriesOf and deleteOwned/;
  await assert.rejects(without.entriesOf("user").next(), { name: "TypeError", message });
  await assert.rejects(without.deleteOwned("user"), { name: "TypeError", message });

  const lost = new EncryptedStore(rows, { keys: [older] });
  const store = new EncryptedStore(rows, { keys: [key] });
  assert.equal(store.owners, true);
  await lost.commit("a", bytes("1"), soon(), { owner: "user" });
  await store.commit("b", bytes("2"), soon(), { owner: "user" });
  const read: string[] = [];
  for await (const record of store.entriesOf("user")) {
    assert.equal(record.owner, "user");
    read.push(record.token);
    if (record.token === "a") assert.throws(() => record.data, DecryptionError);
    else assert.equal(text(record.data), "2");
  }
  assert.deepEqual(read, ["a", "b"]);
  assert.equal(await store.deleteOwned("user"), 2);
});

/** A store whose rows can be read and changed, under encrypted ones. */
interface Fixture {
  readonly rows: FullSessionStore;
  readonly calls: string[];
  open(keys: readonly Key[], allowPlaintext?: boolean): EncryptedStore;
  /** What a row holds. */
  read(token: string): Promise<Uint8Array>;
  /** Changes what a row holds. */
  write(token: string, data: Uint8Array): Promise<void>;
}

function setUp(): Fixture {
  const rows = new MemoryStore();
  const { store, calls } = recording(rows);
  return {
    rows,
    calls,
    open: (keys, allowPlaintext = false) => new EncryptedStore(store, { keys, allowPlaintext }),
    read: async (token) => (await rows.find(token))!.data,
    write: (token, data) => rows.commit(token, data, soon()),
  };
}

async function failure(store: FullSessionStore, token = "token"): Promise<string> {
  const error: unknown = await store.find(token).then(() => undefined, (error) => error);
  assert.ok(error instanceof DecryptionError, `received ${inspect(error)}`);
  assert.equal(error.name, "DecryptionError");
  assert.equal(error.code, "DECRYPTION_FAILED");
  return error.reason;
}

Deno.test("a row holds neither the data nor the token nor the key", async () => {
  const { open, read } = setUp();
  const data = bytes("a secret that is long enough not to occur by chance");
  await open([key]).commit("the-token", data, soon());
  const row = Buffer.from(await read("the-token"));
  assert.equal(row.length, data.length + OVERHEAD);
  for (const secret of [data, data.subarray(0, 8), bytes("the-token"), key, key.subarray(0, 8)]) {
    assert.equal(row.includes(Buffer.from(secret)), false);
  }
});

Deno.test("the same data becomes the same bytes under one token and key, and no others", async () => {
  const { open, read } = setUp();
  const encrypt = async (keys: readonly Key[], token: string, data: string): Promise<string> => {
    await open(keys).commit(token, bytes(data), soon());
    return Buffer.from(await read(token)).toString("hex");
  };
  const same = await encrypt([key], "token", "data");
  assert.equal(await encrypt([key], "token", "data"), same);
  assert.equal(await encrypt([key, older], "token", "data"), same);
  const others = [
    await encrypt([older], "token", "data"),
    await encrypt([key], "another", "data"),
    await encrypt([key], "token", "date"),
    await encrypt([key], "token", ""),
  ];
  // Nor do they have a nonce or a key stream in common.
  const parts = [same, ...others].flatMap((hex) => [hex.slice(16, 40), hex.slice(72) || hex]);
  assert.equal(new Set(parts).size, 10);
});

// So that a change that makes existing sessions unreadable does not go unnoticed.
Deno.test("the format stays what it is", async () => {
  const { open, read, write } = setUp();
  const fixed = Uint8Array.from({ length: 32 }, (_, i) => i);
  const secret = "0123456789abcdefghijklmnopqrstuv";
  const rows = [
    [
      fixed,
      "c153450100c622f0443f238a2eebb02d7ff890056fa05a45c434260f64810b1f33c9c89ed1810a7d67081dd3f096aa94",
    ],
    [
      secret,
      "c153450106ce7355c0f5fdedca35c2b493e20885a247f49a05c55677ad131656d73b90a0cc06862034e4e9befd08a036",
    ],
  ] as const;
  for (const [key, hex] of rows) {
    const store = open([key]);
    await store.commit("token", bytes('{"userId":7}'), soon());
    assert.equal(Buffer.from(await read("token")).toString("hex"), hex);
    await write("token", Buffer.from(hex, "hex"));
    assert.equal(text((await store.find("token"))?.data), '{"userId":7}');
  }
});

Deno.test("a secret stands for the key that the documentation says", async () => {
  const { open } = setUp();
  const secret = "Grüße: 0123456789-abcdefghijklmno";
  const derived = new Uint8Array(
    hkdfSync("sha256", secret, "", "@scs/sequelize-store encryption v1: key from secret", 32),
  );
  await open([secret]).commit("token", bytes("data"), soon());
  assert.equal(text((await open([derived]).find("token"))?.data), "data");
});

Deno.test("the nonce is the MAC of the data under a key that every token has for itself", async () => {
  const { open, read } = setUp();
  await open([key]).commit("token", bytes("data"), soon());
  const info = "@scs/sequelize-store encryption v1: root of token keys";
  const root = new Uint8Array(hkdfSync("sha256", key, "", info, 32));
  const nonceKey = createHmac("sha512", root).update("token").digest().subarray(32);
  const mac = createHmac("sha256", nonceKey).update("data").digest();
  assert.deepEqual(Buffer.from(await read("token")).subarray(8, 20), mac.subarray(0, 12));
});

// scripts: deno run -A benches/encryption.ts --nonces counts a million.
Deno.test("100 000 contents of one session have as many nonces", async () => {
  const { open, read } = setUp();
  const store = open([key]);
  const data = new Uint8Array(64);
  const view = new DataView(data.buffer);
  const nonces = new Set<string>();
  for (let i = 0; i < 100_000; i++) {
    view.setUint32(i % 61, i); // changes a few bytes of what was there before
    view.setUint32(60, i);
    await store.commit("token", data, soon());
    nonces.add(Buffer.from((await read("token")).subarray(8, 20)).toString("latin1"));
  }
  assert.equal(nonces.size, 100_000);
});

Deno.test("16 MiB of data come back as they were", async () => {
  const store = setUp().open([key, older]);
  const data = new Uint8Array(16 * 1024 * 1024).map((_, i) => (i * 31 + (i >> 8)) % 256);
  await store.commit("token", data, soon());
  assert.equal(Buffer.compare((await store.find("token"))!.data, data), 0);
  const next = data.toReversed();
  assert.equal(await store.replace("token", data, next, soon()), true);
  assert.equal(Buffer.compare((await store.find("token"))!.data, next), 0);
});

Deno.test("data in shared memory is encrypted and compared", async () => {
  const store = setUp().open([key]);
  const shared = new Uint8Array(new SharedArrayBuffer(4));
  shared.set([1, 2, 3, 4]);
  await store.commit("token", shared, soon());
  assert.deepEqual((await store.find("token"))?.data, Uint8Array.of(1, 2, 3, 4));
  assert.equal(await store.replace("token", shared, Uint8Array.of(5), soon()), true);
});

Deno.test("a row with any bit flipped is refused", async () => {
  const { open, read, write } = setUp();
  // The key that a flipped id may name by chance is not among them.
  const store = open([key, older]);
  await store.commit("token", bytes("data!"), soon());
  const row = await read("token");
  const reasons = new Map<string, number>();
  for (let bit = 0; bit < row.length * 8; bit++) {
    const changed = row.slice();
    changed[bit >> 3]! ^= 1 << (bit & 7);
    await write("token", changed);
    const reason = await failure(store);
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  const altered = (row.length - 8) * 8;
  assert.deepEqual(Object.fromEntries(reasons), { plaintext: 24, version: 8, key: 32, altered });
});

Deno.test("a row with any bit flipped is refused or, if it is no envelope, plaintext", async () => {
  const { open, read, write } = setUp();
  const store = open([key], true);
  await store.commit("token", bytes("data!"), soon());
  const row = await read("token");
  for (let bit = 0; bit < row.length * 8; bit++) {
    const changed = row.slice();
    changed[bit >> 3]! ^= 1 << (bit & 7);
    await write("token", changed);
    if (bit < 24) assert.deepEqual((await store.find("token"))?.data, changed);
    else await failure(store);
  }
});

Deno.test("a row of any other length is refused", async () => {
  const { open, read, write } = setUp();
  const store = open([key]);
  await store.commit("token", bytes("some data"), soon());
  const row = await read("token");
  for (let length = 0; length < row.length; length++) {
    await write("token", row.subarray(0, length));
    const cut = length < VERSION_AT ? "plaintext" : length < KEY_ID_AT ? "version" : "altered";
    assert.equal(await failure(store), cut, `${length} bytes`);
  }
  await write("token", Uint8Array.of(...row, 0));
  assert.equal(await failure(store), "altered");
});

Deno.test("a row of another version, or of another key, is refused", async () => {
  const { open, read, write } = setUp();
  const store = open([key]);
  await store.commit("token", bytes("data"), soon());
  const row = await read("token");
  for (let version = 0; version < 256; version++) {
    if (version === row[VERSION_AT]) continue;
    await write("token", row.with(VERSION_AT, version));
    assert.equal(await failure(store), "version");
  }
  await write("token", row);
  assert.equal(await failure(open([older, oldest])), "key");
  // The other key's id, on what this key has encrypted.
  await open([older]).commit("other", bytes("data"), soon());
  const forged = row.slice();
  forged.set((await read("other")).subarray(KEY_ID_AT, KEY_ID_AT + 4), KEY_ID_AT);
  await write("token", forged);
  assert.equal(await failure(open([key, older])), "altered");
});

Deno.test("a row that was copied to another token is refused, and not written over", async () => {
  const { open, read, write } = setUp();
  const store = open([key, older]);
  await store.commit("mine", bytes("role=user"), soon());
  await store.commit("admin", bytes("role=admin"), soon());
  await write("mine", await read("admin"));
  assert.equal(await failure(store, "mine"), "altered");
  for (const seen of ["role=user", "role=admin"]) {
    assert.equal(await store.replace("mine", bytes(seen), bytes("next"), soon()), false);
  }
  assert.equal(text((await store.find("admin"))?.data), "role=admin");
});

Deno.test("a row that cannot be decrypted is kept, and can be touched, overwritten and deleted", async () => {
  const { open, read } = setUp();
  await open([older]).commit("token", bytes("data"), soon());
  const row = await read("token");
  const store = open([key]);
  assert.equal(await failure(store), "key");
  assert.equal(await store.replace("token", bytes("data"), bytes("next"), soon()), false);
  assert.equal(await store.touch("token", soon()), true);
  assert.deepEqual(await read("token"), row);
  assert.equal(text((await open([older]).find("token"))?.data), "data");
  await store.commit("token", bytes("new"), soon());
  assert.equal(text((await store.find("token"))?.data), "new");
  await open([older]).delete("token");
  assert.equal(await store.find("token"), undefined);
});

Deno.test("entries() has the rows that cannot be decrypted, and their data throws", async () => {
  const { open, write } = setUp();
  const store = open([key]);
  const expiry = soon();
  for (const token of ["a", "c", "e"]) await store.commit(token, bytes(token), expiry);
  await open([older]).commit("b", bytes("b"), expiry);
  await write("d", bytes("[1,2]"));
  const met: SessionRecord[] = [];
  for await (const record of store.entries({ pageSize: 2 })) met.push(record);
  assert.deepEqual(met.map(({ token }) => token), ["a", "b", "c", "d", "e"]);
  assert.deepEqual(met[1]!.expiry, expiry);
  for (const { token, data } of [met[0]!, met[2]!, met[4]!]) assert.equal(text(data), token);
  for (const [record, reason] of [[met[1]!, "key"], [met[3]!, "plaintext"]] as const) {
    const isReason = (error: unknown): boolean =>
      error instanceof DecryptionError && error.reason === reason;
    assert.throws(() => record.data, isReason);
    assert.throws(() => record.data, isReason);
    assert.doesNotMatch(inspect(record), /data: (Uint8Array|Buffer)/);
  }
  await assert.rejects(store.all(), DecryptionError);
  for (const { token } of [met[1]!, met[3]!]) await store.delete(token);
  assert.deepEqual([...(await store.all()).keys()], ["a", "c", "e"]);
});

Deno.test("a new key takes over: what the older ones have encrypted is read, and written with it", async () => {
  const { open, calls } = setUp();
  for (const [i, writer] of [key, older, oldest].entries()) {
    await open([writer]).commit("token", bytes("old"), soon());
    const store = open([key, older, oldest]);
    assert.equal(text((await store.find("token"))?.data), "old");
    calls.length = 0;
    assert.equal(await store.replace("token", bytes("old"), bytes("new"), soon()), true);
    assert.deepEqual(calls, Array.from({ length: i + 1 }, () => "replace"));
    assert.equal(text((await open([key]).find("token"))?.data), "new");
  }
  await open([older]).commit("token", bytes("old"), soon());
  await open([key, older]).commit("token", bytes("new"), soon());
  assert.equal(text((await open([key]).find("token"))?.data), "new");
});

Deno.test("the documented walk encrypts every session with the new key, and changes nothing else", async () => {
  const { open } = setUp();
  const expiry = soon();
  const tokens = ["a", "b", "c"];
  for (const token of tokens) await open([older]).commit(token, bytes(token), expiry);
  await open([oldest]).commit("b-lost", bytes("lost"), expiry);
  const store = open([key, older]);
  for await (const { token } of store.entries()) {
    try {
      const session = await store.find(token);
      if (session) {
        assert.ok(await store.replace(token, session.data, session.data, session.expiry));
      }
    } catch (error) {
      if (!(error instanceof DecryptionError)) throw error;
      assert.equal(token, "b-lost");
    }
  }
  assert.equal(text((await open([oldest]).find("b-lost"))?.data), "lost");
  for (const token of tokens) {
    assert.deepEqual(await open([key]).find(token), { token, data: bytes(token), expiry });
  }
});

Deno.test("replace() tries each key once, and is false if the data is another", async () => {
  const { open, calls } = setUp();
  const tries = async (keys: readonly Key[], allowPlaintext: boolean): Promise<number> => {
    const store = open(keys, allowPlaintext);
    await store.commit("token", bytes("data"), soon());
    calls.length = 0;
    assert.equal(await store.replace("token", bytes("other"), bytes("next"), soon()), false);
    assert.equal(text((await store.find("token"))?.data), "data");
    return calls.filter((call) => call === "replace").length;
  };
  assert.equal(await tries([key], false), 1);
  assert.equal(await tries([key], true), 2);
  assert.equal(await tries([key, older], false), 2);
  assert.equal(await tries([key, older, oldest], true), 4);
});

Deno.test("replace() takes its arguments as they are when it is called", async () => {
  const { open } = setUp();
  await open([oldest]).commit("token", bytes("old"), soon());
  const store = open([key, older, oldest]);
  const [current, next, expiry] = [bytes("old"), bytes("new"), new Date("2100-01-01T00:00:00Z")];
  const replaced = store.replace("token", current, next, expiry);
  current.fill(0);
  next.fill(0);
  expiry.setTime(0);
  assert.equal(await replaced, true);
  assert.deepEqual(await store.find("token"), {
    token: "token",
    data: bytes("new"),
    expiry: new Date("2100-01-01T00:00:00Z"),
  });
});

for (const database of databases) {
  const reason = database.ignored ? ` (ignored: ${database.ignored})` : "";
  Deno.test({
    name:
      `${database.name}: 50 parallel increments lose none while processes have different keys${reason}`,
    ignore: database.ignored !== undefined,
    fn: () =>
      withStore(database, async ({ store }) => {
        await store.commit("counter", bytes("0"), soon());
        const stores = [[key, older], [older, key], [older, key, oldest]].map((keys) =>
          new EncryptedStore(store, { keys, allowPlaintext: true })
        );
        const increment = async (_: unknown, i: number): Promise<void> => {
          const mine = stores[i % stores.length]!;
          for (;;) {
            const { data } = (await mine.find("counter"))!;
            const next = bytes(String(Number(text(data)) + 1));
            if (await mine.replace("counter", data, next, soon())) return;
          }
        };
        await Promise.all(Array.from({ length: 50 }, increment));
        assert.equal(text((await stores[0]!.find("counter"))?.data), "50");
      }),
  });
}

Deno.test("of parallel replaces of one content exactly one succeeds, whichever key it is under", async () => {
  for (const writer of [key, older, oldest]) {
    const { open } = setUp();
    await open([writer]).commit("token", bytes("old"), soon());
    const stores = [[key, older, oldest], [oldest, older, key]].map((keys) => open(keys));
    const replaced = await Promise.all(Array.from({ length: 20 }, (_, i) => {
      return stores[i % 2]!.replace("token", bytes("old"), bytes(`new ${i}`), soon());
    }));
    const winners = [...replaced.keys()].filter((i) => replaced[i]);
    assert.equal(winners.length, 1);
    assert.equal(text((await stores[0]!.find("token"))?.data), `new ${winners[0]}`);
  }
});

Deno.test("plaintext is read if it is allowed, and encrypted when it is written", async () => {
  const { open, read, write } = setUp();
  for (const plain of ['[{"deadline":1}]', '{"cookie":{}}', "", "\x0f\xff\x81", " null"]) {
    await write("token", bytes(plain));
    assert.equal(await failure(open([key])), "plaintext");
    const store = open([key], true);
    assert.equal(text((await store.find("token"))?.data), plain);
    assert.equal(text((await store.all()).get("token")), plain);
    assert.equal(await store.replace("token", bytes(plain), bytes("next"), soon()), true);
    assert.equal((await read("token")).length, 4 + OVERHEAD);
    assert.equal(text((await open([key]).find("token"))?.data), "next");
  }
});

Deno.test("plaintext is not written over if it is not allowed", async () => {
  const { open, read, write } = setUp();
  await write("token", bytes("plain"));
  assert.equal(await open([key]).replace("token", bytes("plain"), bytes("next"), soon()), false);
  assert.equal(text(await read("token")), "plain");
});

Deno.test("data that looks like an envelope is encrypted like any other, and never taken for plaintext", async () => {
  const { open, read } = setUp();
  const store = open([key], true);
  await store.commit("token", bytes("data"), soon());
  const row = await read("token");
  // The row's own bytes are no content that anybody has seen.
  assert.equal(await store.replace("token", row, bytes("next"), soon()), false);
  await store.commit("token", row, soon());
  assert.deepEqual((await store.find("token"))?.data, row);
  assert.equal(await store.replace("token", row, bytes("next"), soon()), true);
  assert.equal(text((await store.find("token"))?.data), "next");
});

Deno.test("any data comes back under any key, and under no other", async () => {
  const anyKey = fc.uint8Array({ minLength: 32, maxLength: 32 })
    .filter((bytes) => new Set(bytes).size >= 8);
  const anyKeys = fc.uniqueArray(anyKey, { minLength: 2, maxLength: 2, selector: String });
  const property = async ([one, another]: Uint8Array[], data: Uint8Array): Promise<void> => {
    const { open } = setUp();
    await open([one!]).commit("token", data, soon());
    assert.deepEqual((await open([another!, one!]).find("token"))?.data, new Uint8Array(data));
    assert.equal(await failure(open([another!])), "key");
  };
  await fc.assert(fc.asyncProperty(anyKeys, fc.uint8Array({ maxLength: 500 }), property));
});

// A store keeps what it has encrypted or decrypted last, and one that has just been made keeps nothing.
Deno.test("what a store has read and written before does not change what it writes", async () => {
  const token = fc.constantFrom("a", "b");
  // Few, so that they come again; and one that is too long to be kept.
  const data = fc.constantFrom("", "1", "2", "2".repeat(5000)).map(bytes);
  const step = fc.record({
    verb: fc.constantFrom("commit", "replace", "find"),
    token,
    current: data,
    next: data,
    process: fc.constantFrom(0, 1, 2),
  });
  const keys = [[key], [key, older], [older, key]];
  const anySteps = fc.array(step, { maxLength: 40, size: "max" });
  await fc.assert(fc.asyncProperty(anySteps, async (steps) => {
    const [mine, fresh] = [setUp(), setUp()];
    const stores = keys.map((each) => mine.open(each));
    for (const { verb, token, current, next, process } of steps) {
      const both = [stores[process]!, fresh.open(keys[process]!)];
      const outcomes = await Promise.all(both.map(async (each) => {
        if (verb === "commit") return await each.commit(token, next, soon());
        if (verb === "replace") return await each.replace(token, current, next, soon());
        return await each.find(token).then((record) => text(record?.data), String);
      }));
      assert.deepEqual(outcomes[0], outcomes[1]);
      assert.deepEqual(await mine.rows.all(), await fresh.rows.all());
    }
  }));
});

Deno.test("a key that is changed after the store was created changes nothing", async () => {
  const { open } = setUp();
  const [mine, keys] = [randomBytes(32), [] as Key[]];
  keys.push(mine);
  const kept = Uint8Array.from(mine);
  const store = open(keys);
  mine.fill(0);
  keys.length = 0;
  await store.commit("token", bytes("data"), soon());
  assert.equal(text((await open([kept]).find("token"))?.data), "data");
});

Deno.test("a session of which many others came in between is still read and replaced", async () => {
  const store = setUp().open([key]);
  for (let i = 0; i < 2500; i++) await store.commit(`t${i}`, bytes(`${i}`), soon());
  for (let i = 0; i < 2500; i += 499) {
    assert.equal(text((await store.find(`t${i}`))?.data), `${i}`);
    assert.equal(await store.replace(`t${i}`, bytes(`${i}`), bytes("next"), soon()), true);
  }
});

Deno.test("every call passes its options on as they are, and what fails fails as it did", async () => {
  const passed: unknown[] = [];
  const down = new Error("The store is down");
  const names = ["find", "commit", "delete", "replace", "touch", "all", "deleteExpired"] as const;
  const call = (...args: unknown[]): Promise<never> => {
    passed.push(args.at(-1));
    return Promise.reject(down);
  };
  const failing = Object.fromEntries(names.map((name) => [name, call]));
  // deno-lint-ignore require-yield -- it fails before
  const entries = async function* (options: unknown): AsyncGenerator<never> {
    await call(options);
  };
  type Options = CallOptions & { transaction?: object; owner?: string; pageSize?: number };
  const store = new EncryptedStore<Options>(
    { ...failing, entries } as unknown as FullSessionStore,
    { keys: [key, older], allowPlaintext: true },
  );
  const options = { transaction: {}, owner: "7", signal: new AbortController().signal };
  const data = bytes("data");
  const calls = [
    () => store.find("token", options),
    () => store.commit("token", data, soon(), options),
    () => store.delete("token", options),
    () => store.replace("token", data, data, soon(), options),
    () => store.touch("token", soon(), options),
    () => store.all(options),
    () => store.deleteExpired(options),
    () => store.entries(options).next(),
  ];
  for (const call of calls) await assert.rejects(call, (error) => error === down);
  assert.equal(passed.length, calls.length);
  for (const one of passed) assert.equal(one, options);
});

Deno.test("what other fields a record has are kept", async () => {
  const rows = new MemoryStore();
  const find: FullSessionStore["find"] = async (token) => {
    const record = await rows.find(token);
    return record && Object.assign(record, { owner: "7" });
  };
  const { store } = recording(rows);
  const owned = new Proxy(store, {
    get: (target, name) => name === "find" ? find : Reflect.get(target, name),
  });
  const encrypted = new EncryptedStore(owned, { keys: [key] });
  const expiry = soon();
  await encrypted.commit("token", bytes("data"), expiry);
  assert.deepEqual(
    await encrypted.find("token"),
    { token: "token", data: bytes("data"), expiry, owner: "7" } as SessionRecord,
  );
});

Deno.test("wrong arguments are refused before anything is sent", async () => {
  const { open, calls } = setUp();
  const store = open([key, older], true);
  const noBytes = "data" as unknown as Uint8Array;
  const noDate = 0 as unknown as Date;
  const data = bytes("data");
  await assert.rejects(store.commit("a token", data, soon()), RangeError);
  await assert.rejects(store.commit("token", noBytes, soon()), TypeError);
  await assert.rejects(store.commit("token", data, noDate), TypeError);
  await assert.rejects(store.commit("token", data, new Date(NaN)), RangeError);
  await assert.rejects(store.replace("token", noBytes, data, soon()), TypeError);
  await assert.rejects(store.replace("token", data, noBytes, soon()), TypeError);
  await assert.rejects(store.replace("token", data, data, noDate), TypeError);
  await assert.rejects(store.replace("token", data, data, new Date(NaN)), RangeError);
  assert.equal(await store.replace("a token", data, data, soon()), false);
  assert.equal(await store.replace(1 as unknown as string, data, data, soon()), false);
  assert.deepEqual(calls, []);
});

Deno.test("wrong options are refused with a message that holds no key", () => {
  const store = new MemoryStore();
  const create = (options: unknown, over: unknown = store) => (): unknown =>
    new EncryptedStore(over as FullSessionStore, options as EncryptionOptions);
  const keys = [key];
  const must = "Cannot create the encrypted store:";
  const keyRule = "must be a Uint8Array of 32 bytes or a string of 32 characters or more, " +
    "8 of them different: received";
  const full = "a store with find, commit, delete, replace, touch, all, entries and deleteExpired";
  const minimal = { find: () => {}, commit: () => {}, delete: () => {} };
  const short = "a short secret";
  const TYPE: readonly [() => unknown, string][] = [
    [create({ keys }, null), `${must} 'store' must be ${full}: received null`],
    [create({ keys }, minimal), `${must} 'store' must be ${full}: received object`],
    [create(undefined), `${must} 'options' must be an object: received undefined`],
    [create(null), `${must} 'options' must be an object: received null`],
    [create({}), `${must} 'keys' must be an array of 1 key or more: received undefined`],
    [
      create({ keys: key }),
      `${must} 'keys' must be an array of 1 key or more: received an instance of Buffer`,
    ],
    [create({ keys: [key, 7] }), `${must} 'keys[1]' ${keyRule} number`],
    [create({ keys: [null] }), `${must} 'keys[0]' ${keyRule} null`],
    [create({ keys: new Array(1) }), `${must} 'keys[0]' ${keyRule} undefined`],
    [create({ keys: [key.buffer] }), `${must} 'keys[0]' ${keyRule} an instance of ArrayBuffer`],
    [
      create({ keys, allowPlaintext: 1 }),
      `${must} 'allowPlaintext' must be a boolean: received number`,
    ],
  ];
  const RANGE: readonly [() => unknown, string][] = [
    [
      create({ keys: [] }),
      `${must} 'keys' must be an array of 1 key or more: received an empty array`,
    ],
    [
      create({ keys: [key, key] }),
      `${must} 'keys' must be keys that all differ: received the same one twice`,
    ],
    [
      create({ keys: [key, new Uint8Array(32)] }),
      `${must} 'keys[1]' ${keyRule} a Uint8Array of 32 bytes, 1 of them different`,
    ],
    [
      create({ keys: [key.subarray(1)] }),
      `${must} 'keys[0]' ${keyRule} a Uint8Array of 31 bytes, ${
        new Set(key.subarray(1)).size
      } of them different`,
    ],
    [
      create({ keys: [short] }),
      `${must} 'keys[0]' ${keyRule} a string of 14 characters, ${
        new Set(short).size
      } of them different`,
    ],
    [
      create({ keys: ["secret".repeat(10)] }),
      `${must} 'keys[0]' ${keyRule} a string of 60 characters, 5 of them different`,
    ],
  ];
  for (const [call, message] of TYPE) assert.throws(call, { name: "TypeError", message });
  for (const [call, message] of RANGE) assert.throws(call, { name: "RangeError", message });
});

/** Prints a value in every way that a runtime has. */
function printed(value: unknown): string {
  const { Deno: deno } = globalThis as { Deno?: { inspect?: typeof Deno.inspect } };
  const options = { showHidden: true, getters: true, depth: 9, colors: false };
  return inspect(value, options) + deno?.inspect?.(value, options) + String(value);
}

Deno.test("neither errors nor the store show a key, a token or any data", async () => {
  const { open, read, write } = setUp();
  const secret = "S3cret: 0123456789-ABCDEFGHIJKLMNOP";
  const store = open([secret, key]);
  await store.commit("the-token", bytes("the-data"), soon());
  const row = await read("the-token");
  const errors: unknown[] = [];
  for (const at of [0, VERSION_AT, KEY_ID_AT, 8, 20, row.length - 1]) {
    await write("the-token", row.with(at, row[at]! ^ 1));
    errors.push(await store.find("the-token").catch((error) => error));
  }
  assert.deepEqual(new Set(errors.map((error) => (error as DecryptionError).reason)).size, 4);
  await store.commit("the-token", bytes("the-data"), soon());
  await store.find("the-token"); // what it keeps of a session is not shown either
  for (const shown of [store, ...errors]) {
    const all = printed(shown) + JSON.stringify(shown) + (shown as Error).stack;
    for (const hidden of ["the-token", "the-data", "S3cret", "0123456789"]) {
      assert.equal(all.includes(hidden), false, hidden);
    }
    const numbers = `${key[0]}, ${key[1]}, ${key[2]}`;
    for (const hidden of [key.toString("hex"), key.toString("base64"), numbers]) {
      assert.equal(all.includes(hidden), false);
    }
    assert.equal((shown as Error).cause, undefined);
  }
});

Deno.test("an expired session is not found, whatever it holds", async () => {
  const { open, rows } = setUp();
  await rows.commit("token", bytes("plain"), inMs(-1));
  assert.equal(await open([key]).find("token"), undefined);
});
