// touch() says whether the session was active when it was called, whatever the new expiry is.

import assert from "node:assert/strict";
import { bytes, databases, inMs, soon, testOn, withStore } from "../support/databases.ts";

testOn(
  databases,
  "touches into the past that share a statement say which sessions were active",
  async (database) => {
    await withStore(database, async ({ store, sequelize }) => {
      for (const transaction of [false, true]) {
        await Promise.all(
          ["a", "b", "c"].map((token) => store.commit(token, bytes(token), soon())),
        );
        await store.commit("expired", bytes("expired"), inMs(-60_000));
        const tokens = ["a", "missing", "b", "expired", "c"];
        const past = inMs(-1000);
        let results: boolean[] = [];
        if (transaction) {
          const transaction = await sequelize.transaction();
          for (const token of tokens) results.push(await store.touch(token, past, { transaction }));
          await transaction.commit();
        } else {
          results = await Promise.all(tokens.map((token) => store.touch(token, past)));
        }
        assert.deepEqual(results, [true, false, true, false, true]);
        assert.equal((await store.all()).size, 0);
        const again = await Promise.all(tokens.map((token) => store.touch(token, soon())));
        assert.deepEqual(again, tokens.map(() => false));
        assert.equal(await store.deleteExpired(), 4);
      }
    });
  },
);

testOn(
  databases,
  "a touch into the past alone says whether the session was active",
  async (database) => {
    await withStore(database, async ({ store }) => {
      await store.commit("token", bytes("data"), soon());
      assert.equal(await store.touch("token", inMs(-1000)), true);
      assert.equal(await store.touch("token", inMs(-1000)), false);
      assert.equal(await store.touch("missing", inMs(-1000)), false);
    });
  },
);

testOn(
  databases,
  "touches to the expiry that is there are true, alone and together",
  async (database) => {
    await withStore(database, async ({ store }) => {
      const expiry = soon();
      const tokens = ["a", "b", "c"];
      await Promise.all(tokens.map((token) => store.commit(token, bytes("data"), expiry)));
      assert.equal(await store.touch("a", expiry), true);
      assert.deepEqual(
        await Promise.all([...tokens, "missing"].map((token) => store.touch(token, expiry))),
        [true, true, true, false],
      );
      // Some to the same, some to another, some into the past.
      assert.deepEqual(
        await Promise.all([
          store.touch("a", expiry),
          store.touch("b", inMs(120_000)),
          store.touch("c", inMs(-1000)),
          store.touch("missing", expiry),
        ]),
        [true, true, true, false],
      );
      assert.deepEqual([...(await store.all()).keys()].sort(), ["a", "b"]);
    });
  },
);
