// Options of Sequelize and of the drivers that change what results look like.

import assert from "node:assert/strict";
import type { Options } from "sequelize";
import { down, up } from "../../src/sequelize/migration/mod.ts";
import { SequelizeStore } from "../../mod.ts";
import { databases, mariadb, soon, testOn, withStore } from "../support/databases.ts";

const RESHAPING: Readonly<Record<string, readonly [string, unknown][]>> = {
  mysql: [["rowsAsArray", true], ["nestTables", true], ["nestTables", "_"], ["typeCast", false]],
  mariadb: [
    ["rowsAsArray", true],
    ["nestTables", true],
    ["nestTables", "_"],
    ["metaAsArray", true],
  ],
};

testOn(mariadb, "options that change the shape of all results are refused", async (database) => {
  for (const [name, value] of RESHAPING[database.dialect]!) {
    await database.connect(async (sequelize) => {
      Object.assign(sequelize, { query: () => assert.fail("a query was sent") });
      const rejected = {
        name: "TypeError",
        message: new RegExp(`^Cannot .*: 'dialectOptions\\.${name}' must be left out`),
      };
      for (const sync of [true, false]) {
        await assert.rejects(SequelizeStore.open(sequelize, { sync }), rejected);
      }
      await assert.rejects(up(sequelize.getQueryInterface()), rejected);
      await assert.rejects(down(sequelize.getQueryInterface()), rejected);
    }, { dialectOptions: { [name]: value } });
  }
});

testOn(mariadb, "options that change the shape of no result are taken", async (database) => {
  const harmless: Record<string, unknown>[] = [
    { rowsAsArray: false, nestTables: false },
    { typeCast: true, dateStrings: true, supportBigNumbers: true, bigNumberStrings: true },
    ...database.dialect === "mariadb" ? [{ typeCast: false, metaAsArray: false }] : [],
  ];
  for (const dialectOptions of harmless) {
    await withStore(database, ({ store }) => putThrough(store), {}, { dialectOptions });
  }
});

testOn(
  databases,
  "Sequelize's options that reshape statements do not reach the store",
  async (on) => {
    const options = {
      attributeBehavior: "unsafe-legacy",
      minifyAliases: true,
      operatorsAliases: { token: Symbol("token"), expiry: Symbol("expiry") },
      showWarnings: true,
    } as Options;
    await withStore(on, ({ store }) => putThrough(store), {}, options);
  },
);

async function putThrough(store: SequelizeStore): Promise<void> {
  const expiry = soon();
  const session = { token: "token", data: new Uint8Array([1, 2, 3]), expiry };
  await store.commit("token", session.data, expiry);
  assert.deepEqual(await store.find("token"), session);
  assert.deepEqual([...await store.all()], [["token", session.data]]);
  assert.deepEqual(await Array.fromAsync(store.entries({ pageSize: 1 })), [session]);
  assert.equal(await store.touch("token", expiry), true);
  assert.equal(await store.replace("token", session.data, new Uint8Array([4]), expiry), true);
  const both = ["token", "none"];
  assert.deepEqual(await Promise.all(both.map((token) => store.touch(token, expiry))), [
    true,
    false,
  ]);
  await store.commit("expired", session.data, new Date(Date.now() - 1000));
  assert.equal(await store.deleteExpired(), 1);
  await store.delete("token");
  assert.equal((await store.all()).size, 0);
}
