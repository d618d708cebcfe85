// Tokens that look like a parameter, where they stand in a statement as literals.

import assert from "node:assert/strict";
import {
  bytes,
  type Database,
  databases,
  inMs,
  mariadb,
  soon,
  testOn,
  withStore,
} from "../support/databases.ts";

const TOKENS = ["$1", "a-$1", "$2x"];

async function cleansUp(database: Database, inTransaction: boolean): Promise<void> {
  await withStore(database, async ({ store, sequelize }) => {
    for (const token of [...TOKENS, "other"]) await store.commit(token, bytes("data"), inMs(-1000));
    const transaction = inTransaction ? await sequelize.transaction() : null;
    try {
      assert.equal(await store.deleteExpired({ transaction }), 4);
    } finally {
      await transaction?.commit();
    }
  }, { driver: "sequelize" });
}

testOn(databases, "tokens with a $ are cleaned up", (database) => cleansUp(database, false));

testOn(databases, "tokens with a $ are cleaned up in a transaction", (database) => {
  return cleansUp(database, true);
});

testOn(databases, "a walk passes tokens with a $", async (database) => {
  await withStore(database, async ({ store }) => {
    for (const token of TOKENS) await store.commit(token, bytes("data"), soon());
    const met = [];
    for await (const { token } of store.entries({ pageSize: 1 })) met.push(token);
    assert.deepEqual(met, [...TOKENS].sort());
  }, { driver: "sequelize" });
});

// Whoever may choose a cookie must not be able to break up the batches of others.
testOn(mariadb, "a token with a $ does not break up its batch", async (database) => {
  for (const driver of ["direct", "sequelize"] as const) {
    await withStore(database, async ({ store, statements }) => {
      const tokens = ["$1", ...Array.from({ length: 15 }, (_, i) => `token${i}`)];
      await Promise.all(tokens.map((token) => store.commit(token, bytes("data"), soon())));
      await Promise.all(tokens.map((token) => store.find(token)));
      const written = await Promise.all(
        tokens.map((token) => store.replace(token, bytes("data"), bytes("new"), soon())),
      );
      assert.deepEqual(new Set(written), new Set([true]));
      assert.ok(statements.length < 16, `${statements.length} statements`);
    }, { driver });
  }
});
