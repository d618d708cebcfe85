// `sync: false` without a table: the error says what to do, and is Sequelize's own.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { inspect } from "node:util";
import { up } from "../../src/sequelize/migration/mod.ts";
import { SequelizeStore } from "../../mod.ts";
import { bytes, databases, freshTableName, soon, testOn, text } from "../support/databases.ts";

const SECRET_TOKEN = "secret-token";
const SECRET_DATA = "secret-data";

testOn(databases, "without its table, each call's error says how to make it", async (database) => {
  await database.connect(async (sequelize) => {
    const tableName = freshTableName();
    const options = { tableName, sync: false, cleanupInterval: 0 };
    const data = bytes(SECRET_DATA);
    const calls: Record<string, (store: SequelizeStore) => Promise<unknown>> = {
      find: (store) => store.find(SECRET_TOKEN),
      commit: (store) => store.commit(SECRET_TOKEN, data, soon()),
      touch: (store) => store.touch(SECRET_TOKEN, soon()),
      replace: (store) => store.replace(SECRET_TOKEN, data, data, soon()),
      delete: (store) => store.delete(SECRET_TOKEN),
      all: (store) => store.all(),
      entries: (store) => store.entries()[Symbol.asyncIterator]().next(),
      deleteExpired: (store) => store.deleteExpired(),
      "several touches": (store) =>
        Promise.all(["a", "b", SECRET_TOKEN].map((token) => store.touch(token, soon()))),
      "several replaces": (store) =>
        Promise.all(
          ["a", "b", SECRET_TOKEN].map((token) => store.replace(token, data, data, soon())),
        ),
    };
    for (const [name, call] of Object.entries(calls)) {
      const store = await SequelizeStore.open(sequelize, options);
      await assert.rejects(call(store), (error: Error & { parent?: unknown }) => {
        assert.equal(error.name, "SequelizeDatabaseError", name);
        assert.ok(error.parent instanceof Error, name);
        assert.match(error.message, /@scs\/sequelize-store\/migration/, name);
        const printed = inspect(error, { depth: 9, showHidden: true }) + JSON.stringify(error);
        for (const secret of [SECRET_TOKEN, SECRET_DATA]) {
          assert.ok(!printed.includes(secret), name);
          for (const encoding of ["hex", "base64"] as const) {
            assert.ok(!printed.includes(Buffer.from(secret).toString(encoding)), name);
          }
        }
        return true;
      });
    }
    // Once the table is there, the store that has failed goes on.
    const store = await SequelizeStore.open(sequelize, options);
    await assert.rejects(store.find("token"));
    await up(sequelize.getQueryInterface(), { tableName });
    await store.commit("token", bytes("data"), soon());
    assert.equal(text((await store.find("token"))?.data), "data");
    await store.model.drop();
  });
});
