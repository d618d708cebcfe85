// SQLite beside other connections to the file, and as it is closed.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { QueryTypes, type Sequelize } from "sequelize";
import { SequelizeStore } from "../../mod.ts";
import {
  bytes,
  type Database,
  databases,
  fileOf,
  inMs,
  open,
  soon,
  testOn,
} from "../support/databases.ts";

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

testOn(
  inFiles,
  "calls on a file that is no database all fail",
  async (database) => {
    await database.connect(async (sequelize, address) => {
      await writeFile(fileOf(address), "no database".repeat(1000));
      const store = await SequelizeStore.open(sequelize, { cleanupInterval: 0, sync: false });
      const calls: Promise<string>[] = [];
      for (let i = 0; i < 4; i++) {
        const call = i % 2 ? store.find(`${i}`) : store.commit(`${i}`, bytes("data"), soon());
        calls.push(call.then(() => "succeeded", () => "failed"));
        for (let j = 0; j < 10; j++) await Promise.resolve();
      }
      const late = setTimeout(1000, "no answer");
      const outcomes = await Promise.all(calls.map((call) => Promise.race([call, late])));
      assert.deepEqual(new Set(outcomes), new Set(["failed"]));
    });
  },
);

// A statement that is prepared once the closing has begun is never finalized.
testOn(
  databases.filter(({ dialect }) => dialect === "sqlite"),
  "Sequelize can be closed while calls are on their way",
  async (database) => {
    for (let microtasks = 0; microtasks < 10; microtasks++) {
      await database.connect(async (_, address) => {
        const sequelize = open(address);
        const store = await SequelizeStore.open(sequelize, { cleanupInterval: 0 });
        const calls: Promise<unknown>[] = [];
        calls.push(store.find("a"), store.commit("b", bytes("data"), soon()));
        for (let i = 0; i < microtasks; i++) {
          await Promise.resolve();
          calls.push(store.find(`${i}`), store.commit(`${i}`, bytes("data"), soon()));
        }
        const settled = Promise.allSettled(calls);
        await sequelize.close();
        await settled;
      });
    }
  },
);

// A busy statement that is not reset yet keeps those beside it from being committed, and undoes them once it is
// sent again.
async function assertNothingLostBeside(
  database: Database,
  send: (store: SequelizeStore, sequelize: Sequelize) => Promise<unknown>,
): Promise<void> {
  await database.connect(async (sequelize, address) => {
    const other = open(address);
    try {
      const store = await SequelizeStore.open(sequelize, { cleanupInterval: 0 });
      await sequelize.query("PRAGMA busy_timeout = 10");
      let lost = 0;
      for (let round = 0; round < 60; round++) {
        await store.commit("destroyed", bytes("data"), soon());
        const transaction = await other.transaction();
        await other.query("DELETE FROM sessions WHERE token = 'none'", { transaction });
        const committing = send(store, sequelize).catch(() => {});
        for (let i = 0; i < 10; i++) await Promise.resolve();
        const deleting = store.delete("destroyed").then(() => true, () => false);
        await setTimeout(round % 20);
        await transaction.commit();
        const isDeleted = await deleting;
        await committing;
        const rows = await other.query("SELECT token FROM sessions WHERE token = 'destroyed'", {
          type: QueryTypes.SELECT,
        });
        if (isDeleted && rows.length > 0) lost++;
      }
      assert.equal(lost, 0);
    } finally {
      await other.close();
    }
  });
}

testOn(inFiles, "what is acknowledged beside a busy statement is in the file", (database) => {
  return assertNothingLostBeside(
    database,
    (store) => store.commit("beside", bytes("data"), soon()),
  );
});

testOn(
  inFiles,
  "what is acknowledged beside the application's busy statement is in the file",
  (database) => {
    return assertNothingLostBeside(
      database,
      (_, sequelize) => sequelize.query("DELETE FROM sessions WHERE token = 'none'"),
    );
  },
);
