// The application and the store share a pool of connections.

import assert from "node:assert/strict";
import type { Transaction } from "sequelize";
import { bytes, inMs, servers, soon, testOn, text, withStore } from "../support/databases.ts";
import { until } from "./process.ts";

/** Takes two connections during a test. */
async function whileTaken(
  begin: () => Promise<Transaction>,
  test: () => Promise<void>,
): Promise<void> {
  const transactions = [await begin(), await begin()];
  try {
    await test();
  } finally {
    for (const transaction of transactions) await transaction.rollback();
  }
}

testOn(
  servers,
  "if the application holds all connections, calls time out",
  async (database) => {
    await withStore(
      database,
      async ({ store, sequelize }) => {
        await store.commit("kept", bytes("kept"), soon());
        await whileTaken(() => sequelize.transaction(), async () => {
          const timedOut = { name: "SequelizeConnectionAcquireTimeoutError" };
          const calls = [
            store.find("kept"),
            store.commit("new", bytes("new"), soon()),
            store.touch("kept", soon()),
            store.delete("kept"),
            store.all(),
            store.deleteExpired(),
          ];
          await Promise.all(calls.map((call) => assert.rejects(call, timedOut)));
        });
        assert.equal(text((await store.find("kept"))?.data), "kept");
        await store.commit("new", bytes("new"), soon());
        assert.equal((await store.all()).size, 2);
      },
      {},
      { pool: { max: 2, acquire: 200 } },
    );
  },
);

testOn(
  servers,
  "if the application holds all connections, calls wait for one",
  async (database) => {
    await withStore(
      database,
      async ({ store, sequelize, statements }) => {
        let calls: Promise<unknown>[] = [];
        await whileTaken(() => sequelize.transaction(), async () => {
          calls = Array.from(
            { length: 100 },
            (_, i) => store.commit(`${i}`, bytes(`${i}`), soon()),
          );
          const signal = AbortSignal.timeout(50);
          await assert.rejects(store.find("0", { signal }), { name: "TimeoutError" });
          assert.deepEqual(statements.filter((sql) => sql.includes("INSERT")), []);
        });
        await Promise.all(calls);
        await until(async () => (await store.all()).size === 100);
      },
      {},
      { pool: { max: 2 } },
    );
  },
);

// A call that needs a second connection while it holds one would wait for itself.
testOn(
  servers,
  "in a transaction on the pool's only connection, all calls work",
  async (on) => {
    await withStore(
      on,
      async ({ store, sequelize }) => {
        const signal = AbortSignal.timeout(10_000);
        await sequelize.transaction(async (transaction) => {
          const options = { transaction, signal };
          await store.commit("token", bytes("old"), soon(), options);
          await store.commit("expired", bytes("old"), inMs(-1), options);
          assert.equal(await store.touch("token", soon(), options), true);
          assert.equal(await store.touch("missing", soon(), options), false);
          const replaced = store.replace("token", bytes("old"), bytes("old"), soon(), options);
          assert.equal(await replaced, true);
          for await (const { token } of store.entries(options)) assert.equal(token, "token");
          assert.equal(await store.deleteExpired(options), 1);
          await store.delete("token", options);
          assert.equal(await store.find("token", options), undefined);
        });
      },
      {},
      { pool: { max: 1, acquire: 10_000 } },
    );
  },
);
