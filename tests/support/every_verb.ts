// One sequence of calls with every verb, alone and several at once.

import assert from "node:assert/strict";
import type { Transaction } from "sequelize";
import type { SequelizeStore } from "../../mod.ts";
import { inMs, soon } from "./databases.ts";

/** The bytes that mean something to one database or another: zero, the quotes, the backslash, no UTF-8. */
const ODD_BYTES = new Uint8Array([
  0x00,
  0x0a,
  0x1a,
  0x22,
  0x24,
  0x27,
  0x5c,
  0x60,
  0x7f,
  0x80,
  0xff,
]);
const OTHER = new Uint8Array([0x5c, 0x27, 0x00, 0x5c]);
const TOKENS = ["one", "two", "three"];

export interface Calls {
  /** At least two. */
  readonly tokens?: readonly string[];
  readonly expiry?: Date;
  readonly transaction?: Transaction | undefined;
}

/** Puts sessions through every verb of an empty store, and leaves it empty. */
export async function everyVerb(
  store: SequelizeStore,
  { tokens = TOKENS, expiry = soon(), transaction }: Calls = {},
): Promise<void> {
  const call = { transaction };
  const missing = "missing";
  const found = async (data: Uint8Array, expected: readonly string[], at: Date): Promise<void> => {
    const records = expected.map((token) => ({ token, data, expiry: at })).sort((a, b) =>
      a.token < b.token ? -1 : 1
    );
    for (const record of records) assert.deepEqual(await store.find(record.token, call), record);
    assert.deepEqual(
      await Promise.all(records.map(({ token }) => store.find(token, call))),
      records,
    );
    const all = await store.all(call);
    assert.deepEqual([...all.keys()].sort(), records.map(({ token }) => token));
    for (const each of all.values()) assert.deepEqual(each, data);
    for (const pageSize of [1, 2, 1000]) {
      const walked = [];
      for await (const record of store.entries({ ...call, pageSize })) {
        walked.push(record);
        assert.ok(walked.length <= records.length, "the walk ends");
      }
      assert.deepEqual(walked, records);
    }
  };
  const together = async <T>(act: (token: string) => Promise<T>): Promise<T[]> => {
    const results = [];
    // A transaction has one connection: its calls follow one another.
    if (transaction) { for (const token of tokens) results.push(await act(token)); }
    else results.push(...await Promise.all(tokens.map(act)));
    return results;
  };
  const yes = tokens.map(() => true);
  const no = tokens.map(() => false);
  const [first] = tokens as [string];

  // Alone.
  await store.commit(first, OTHER, soon(), call);
  await store.commit(first, ODD_BYTES, expiry, call);
  await found(ODD_BYTES, [first], expiry);
  assert.equal(await store.touch(first, expiry, call), true);
  assert.equal(await store.touch(missing, expiry, call), false);
  assert.equal(await store.replace(first, OTHER, OTHER, expiry, call), false);
  assert.equal(await store.replace(first, ODD_BYTES, ODD_BYTES, expiry, call), true);
  assert.equal(await store.replace(first, ODD_BYTES, OTHER, expiry, call), true);
  await found(OTHER, [first], expiry);
  await store.delete(first, call);
  assert.equal(await store.find(first, call), undefined);

  // Several at once.
  await together((token) => store.commit(token, ODD_BYTES, expiry, call));
  await found(ODD_BYTES, tokens, expiry);
  assert.deepEqual(await together((token) => store.touch(token, expiry, call)), yes);
  assert.deepEqual(
    await together((token) => store.replace(token, OTHER, OTHER, expiry, call)),
    no,
  );
  assert.deepEqual(
    await together((token) => store.replace(token, ODD_BYTES, OTHER, expiry, call)),
    yes,
  );
  await found(OTHER, tokens, expiry);
  await together((token) => store.delete(token, call));
  assert.equal((await store.all(call)).size, 0);

  // Expired.
  await together((token) => store.commit(token, ODD_BYTES, inMs(-60_000), call));
  assert.equal(await store.find(first, call), undefined);
  assert.deepEqual(await together((token) => store.touch(token, expiry, call)), no);
  assert.deepEqual(
    await together((token) => store.replace(token, ODD_BYTES, OTHER, expiry, call)),
    no,
  );
  assert.equal(await store.deleteExpired(call), tokens.length);
}
