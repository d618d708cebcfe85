// Puts the first and the last expiry that the store takes through every verb: a script, so that it can run
// under any time zone of the process.

import assert from "node:assert/strict";
import process from "node:process";
import { SequelizeStore } from "../../mod.ts";
import { bytes, open, soon } from "./databases.ts";
import { everyVerb } from "./every_verb.ts";

// pg warns of calls that are made together in one transaction, as they are here; the test expects no output.
process.noDeprecation = true;

const [address, tableName] = process.argv.slice(2);
const FIRST = new Date("1000-01-01T00:00:00.000Z");
const LAST = new Date("9999-12-31T23:59:59.999Z");

const sequelize = open(address!, { dialectOptions: { connectTimeout: 30_000 } });
const store = await SequelizeStore.open(sequelize, { tableName, cleanupInterval: 0 });
try {
  await everyVerb(store, { expiry: LAST });
  const transaction = await sequelize.transaction();
  await everyVerb(store, { expiry: LAST, transaction });
  await transaction.commit();
  // The first expiry passed long ago.
  const tokens = ["one", "two", "three"];
  const data = bytes("data");
  for (const some of [tokens.slice(0, 1), tokens]) {
    const together = <T>(act: (token: string) => Promise<T>): Promise<T[]> =>
      Promise.all(some.map(act));
    const yes = some.map(() => true);
    await together((token) => store.commit(token, data, FIRST));
    assert.deepEqual(await together((token) => store.find(token)), some.map(() => undefined));
    assert.equal(await store.deleteExpired(), some.length);
    await together((token) => store.commit(token, data, soon()));
    assert.deepEqual(await together((token) => store.touch(token, FIRST)), yes);
    assert.equal((await store.all()).size, 0);
    assert.equal(await store.deleteExpired(), some.length);
    await together((token) => store.commit(token, data, LAST));
    assert.deepEqual(await together((token) => store.replace(token, data, data, FIRST)), yes);
    assert.equal((await store.all()).size, 0);
    assert.equal(await store.deleteExpired(), some.length);
    // From one boundary to the other, and both in one statement.
    const expiries = some.map((_, i) => i % 2 === 0 ? LAST : FIRST);
    await Promise.all(some.map((token, i) => store.commit(token, data, expiries[i]!)));
    assert.equal((await store.all()).size, Math.ceil(some.length / 2));
    assert.equal(await store.deleteExpired(), Math.floor(some.length / 2));
    await together((token) => store.delete(token));
  }
} finally {
  await store.model.drop();
  await sequelize.close();
}
