// Prepared statements of sqlite3 after SQLITE_BUSY, and those that could not be prepared.

import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { QueryTypes, type Sequelize } from "sequelize";
import { SequelizeStore } from "../../mod.ts";
import { bytes, databases, inMs, open, soon, testOn } from "../support/databases.ts";

const inFiles = databases.filter(({ name }) => name.endsWith("in a file"));

/** Opens a store and another connection to the file, and has the store's commit refused as busy. */
async function afterBusyCommit(
  address: string,
  sequelize: Sequelize,
  test: (store: SequelizeStore, other: Sequelize) => Promise<void>,
): Promise<void> {
  const other = open(address);
  try {
    const store = await SequelizeStore.open(sequelize, { cleanupInterval: 0 });
    await store.commit("destroyed", bytes("data"), soon());
    await store.commit("kept", bytes("data"), soon());
    await sequelize.query("PRAGMA busy_timeout = 10");
    const transaction = await other.transaction();
    await other.query("DELETE FROM sessions WHERE token = 'none'", { transaction });
    await assert.rejects(store.commit("refused", bytes("data"), soon()), /SQLITE_BUSY/);
    await transaction.rollback();
    await test(store, other);
  } finally {
    await other.close();
  }
}

testOn(inFiles, "what is acknowledged after a busy error is in the file", async (database) => {
  await database.connect(async (sequelize, address) => {
    await afterBusyCommit(address, sequelize, async (store, other) => {
      await store.delete("destroyed");
      const rows = await other.query<{ token: string }>("SELECT token FROM sessions", {
        type: QueryTypes.SELECT,
      });
      assert.deepEqual(rows.map(({ token }) => token), ["kept"]);
    });
  });
});

testOn(inFiles, "after a busy error the file is not locked", async (database) => {
  await database.connect(async (sequelize, address) => {
    await afterBusyCommit(address, sequelize, async (store, other) => {
      assert.equal(await store.touch("kept", inMs(120_000)), true);
      await other.query("PRAGMA busy_timeout = 10");
      await other.query("DELETE FROM sessions WHERE token = 'kept'");
      assert.equal(await store.find("kept"), undefined);
    });
  });
});

// In WAL mode a reader that stays open sees the file as it was, for as long as it is open.
testOn(inFiles, "after a busy error reads are not stale", async (database) => {
  await database.connect(async (sequelize, address) => {
    await sequelize.query("PRAGMA journal_mode = WAL");
    await afterBusyCommit(address, sequelize, async (store, other) => {
      await store.find("kept");
      await other.query("DELETE FROM sessions WHERE token = 'kept'");
      assert.equal(await store.find("kept"), undefined);
      assert.equal(await store.touch("destroyed", inMs(120_000)), true);
    });
  });
});

testOn(
  databases.filter(({ dialect }) => dialect === "sqlite"),
  "calls that share a statement that cannot be prepared all fail",
  async (database) => {
    await database.connect(async (sequelize) => {
      const store = await SequelizeStore.open(sequelize, { cleanupInterval: 0, sync: false });
      const first = store.find("a");
      // A batch leaves after a microtask: the two calls are statements of their own.
      for (let i = 0; i < 10; i++) await Promise.resolve();
      const second = store.find("b");
      const calls = [first, second].map((call) => call.then(() => "found", () => "failed"));
      const late = setTimeout(1000, "no answer");
      const outcomes = calls.map((call) => Promise.race([call, late]));
      assert.deepEqual(await Promise.all(outcomes), ["failed", "failed"]);
    });
  },
);
