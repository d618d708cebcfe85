// What statements must not do: see destroyed sessions, reveal tokens, or hand on a connection that has ended.

import assert from "node:assert/strict";
import { inspect } from "node:util";
import { QueryTypes } from "sequelize";
import { SequelizeStore } from "../../mod.ts";
import {
  bytes,
  databases,
  freshTableName,
  mariadb,
  postgres,
  servers,
  soon,
  testOn,
  withStore,
} from "../support/databases.ts";

// A transaction with a snapshot still sees the row that its UPDATE no longer found.
testOn(
  mariadb,
  "touch() and replace() in an older snapshot do not find a destroyed session",
  async (database) => {
    await withStore(database, async ({ store, sequelize }) => {
      const expiry = soon();
      await store.commit("token", bytes("data"), expiry);
      const transaction = await sequelize.transaction();
      try {
        await store.find("token", { transaction });
        await store.delete("token");
        assert.equal(await store.touch("token", expiry, { transaction }), false);
        const data = bytes("data");
        assert.equal(await store.replace("token", data, data, expiry, { transaction }), false);
      } finally {
        await transaction.rollback();
      }
    });
  },
);

testOn(databases, "`logging` gets the time of each statement as a number", async (database) => {
  for (const driver of ["direct", "sequelize"] as const) {
    const timings: unknown[] = [];
    await withStore(database, async ({ store, sequelize }) => {
      timings.length = 0;
      await store.find("token");
      const transaction = await sequelize.transaction();
      await store.find("token", { transaction });
      await transaction.commit();
      assert.deepEqual(timings.map((timing) => typeof timing), ["number", "number"], driver);
    }, { driver, logging: (_sql, timing) => timings.push(timing) });
  }
});

testOn(
  postgres,
  "an error about a token that is not a UUID does not hold the token",
  async (database) => {
    await database.connect(async (sequelize) => {
      const tableName = freshTableName();
      await sequelize.query(
        `CREATE TABLE ${tableName} (token uuid PRIMARY KEY, data bytea, expiry timestamptz)`,
      );
      try {
        const options = { tableName, sync: false, cleanupInterval: 0 };
        const store = await SequelizeStore.open(sequelize, options);
        await assert.rejects(store.find("secret-token"), (error) => {
          assert.doesNotMatch(inspect(error, { depth: 9, showHidden: true }), /secret/);
          return true;
        });
      } finally {
        await sequelize.query(`DROP TABLE ${tableName}`);
      }
    });
  },
);

testOn(
  mariadb,
  "an error about a token that is not a number does not hold the token",
  async (database) => {
    await database.connect(async (sequelize) => {
      const tableName = freshTableName();
      await sequelize.query(
        `CREATE TABLE ${tableName} (token int PRIMARY KEY, data longblob, expiry datetime(3))`,
      );
      try {
        const options = { tableName, sync: false, cleanupInterval: 0 };
        const store = await SequelizeStore.open(sequelize, options);
        await assert.rejects(store.commit("secret-token", bytes("data"), soon()), (error) => {
          assert.doesNotMatch(inspect(error, { depth: 9, showHidden: true }), /secret/);
          return true;
        });
      } finally {
        await sequelize.query(`DROP TABLE ${tableName}`);
      }
    });
  },
);

// The pool must not lend a connection again that the server has ended.
testOn(servers, "an ended connection fails one call only", async (database) => {
  await withStore(
    database,
    async ({ store, sequelize }) => {
      await database.connect(async (admin) => {
        const { tableName } = store.model;
        const isPostgres = database.dialect === "postgres";
        const idOf = isPostgres ? "pg_backend_pid()" : "CONNECTION_ID()";
        const failed: unknown[] = [];
        for (let i = 0; i < 20; i++) {
          await store.commit("token", bytes("data"), soon());
          const [own] = await sequelize.query<{ id: number }>(`SELECT ${idOf} AS id`, {
            type: QueryTypes.SELECT,
          });
          const lock = await admin.transaction();
          await admin.query(`UPDATE ${tableName} SET data = 'x'`, { transaction: lock });
          const touching = assert.rejects(store.touch("token", soon()));
          await new Promise((resolve) => setTimeout(resolve, 30));
          const waiting = store.find("other").catch((error: Error) => failed.push(error.message));
          await admin.query(
            isPostgres ? `SELECT pg_terminate_backend(${own!.id})` : `KILL ${own!.id}`,
          );
          await touching;
          await waiting;
          await lock.rollback();
        }
        assert.deepEqual(failed, []);
      });
    },
    // Sequelize itself lends it again.
    { driver: "direct" },
    { pool: { max: 1 } },
  );
});
