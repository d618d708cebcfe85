// Hostile tokens, cookies, data and rows: 2000 random cases and a few chosen ones. The drill has more.

import assert from "node:assert/strict";
import type { Sequelize } from "sequelize";
import { SequelizeStore } from "../../mod.ts";
import { MemoryStore, SessionManager } from "../../src/manager/mod.ts";
import {
  bytes,
  databases,
  DRIVER,
  freshTableName,
  soon,
  testOn,
  withStore,
} from "../support/databases.ts";
import { until } from "./process.ts";
import {
  fuzzCookies,
  fuzzEncryptedRows,
  fuzzExpress,
  fuzzRows,
  fuzzStore,
} from "./hostile_properties.ts";

testOn(databases, "hostile tokens and data do no harm", async (database) => {
  await withStore(database, ({ store }) => fuzzStore(store, 150));
});

Deno.test("hostile cookies do no harm", () => fuzzCookies(new MemoryStore(), 650));

Deno.test("hostile rows do no harm", () => fuzzRows(new MemoryStore(), 650));

Deno.test("hostile rows under encryption do no harm", () =>
  fuzzEncryptedRows(new MemoryStore(), 650));

Deno.test("hostile ids and rows do no harm with express-session", () =>
  fuzzExpress(new MemoryStore(), 400));

/** A table without the constraints of the store's own. */
async function withLooseTable(
  sequelize: Sequelize,
  test: (store: SequelizeStore, table: string) => Promise<void>,
): Promise<void> {
  const table = freshTableName();
  const types: Record<string, [string, string]> = {
    postgres: ["BYTEA", "TIMESTAMPTZ"],
    sqlite: ["BLOB", "DATETIME"],
  };
  const [data, expiry] = types[sequelize.getDialect()] ?? ["LONGBLOB", "DATETIME(3)"];
  await sequelize.query(
    `CREATE TABLE ${table} (token VARCHAR(255) PRIMARY KEY, data ${data}, expiry ${expiry})`,
  );
  const options = { tableName: table, cleanupInterval: 0, sync: false };
  const store = await SequelizeStore.open(sequelize, { ...DRIVER, ...options });
  try {
    await test(store, table);
  } finally {
    await store.model.drop();
  }
}

testOn(databases, "a row with a NULL is no session, or an empty one", async (database) => {
  await database.connect((sequelize) =>
    withLooseTable(sequelize, async (store, table) => {
      const expiry = "'2100-01-01 00:00:00'";
      await sequelize.query(`INSERT INTO ${table} VALUES ('no-data', NULL, ${expiry})`);
      await sequelize.query(`INSERT INTO ${table} (token) VALUES ('no-expiry')`);
      await store.commit("good", bytes("good"), soon());
      assert.equal((await store.find("no-data"))?.data.length ?? 0, 0);
      assert.equal(await store.find("no-expiry"), undefined);
      assert.equal(await store.touch("no-expiry", soon()), false);
      assert.deepEqual([...(await store.all()).keys()].sort(), ["good", "no-data"]);
      assert.equal(await store.deleteExpired(), 0);
      const sessions = new SessionManager({ store, onError: () => {} });
      for await (const session of sessions.iterate()) session.keys();
    })
  );
});

testOn(databases.slice(0, 2), "an invalid expiry makes no session", async (database) => {
  await withStore(database, async ({ store, sequelize }) => {
    const { tableName } = store.model;
    for (const expiry of ["'zzz'", "x'ff'", "''", "1e308", "'2100-99-99 00:00:00.000 +00:00'"]) {
      await sequelize.query(`INSERT OR REPLACE INTO ${tableName} VALUES ('bad', x'00', ${expiry})`);
      const found = await store.find("bad");
      assert.ok(found === undefined || !Number.isNaN(found.expiry.getTime()), expiry);
      for await (const session of store.entries()) assert.ok(session.expiry.getTime(), expiry);
    }
  });
});

testOn(
  databases,
  "a session of 16 MiB is kept, or is refused by the server",
  async (database) => {
    await withStore(database, async ({ store }) => {
      const data = new Uint8Array(16 * 1024 * 1024).fill(7);
      await store.commit("small", bytes("small"), soon());
      const neighbours = [store.commit("neighbour", bytes("data"), soon())];
      try {
        await store.commit("huge", data, soon());
        assert.equal((await store.find("huge"))?.data.length, data.length);
      } catch (error) {
        // MySQL and MariaDB limit the size of a packet, and may close the connection.
        const refusal = /max_allowed_packet|packet bigger|ECONNRESET|EPIPE|ECANCELED|closed/;
        assert.match((error as Error).message, refusal);
      }
      await Promise.all(neighbours);
      // The pool may still hold the closed connection.
      await until(() => store.find("small").then(Boolean));
    });
  },
);

// A cookie that a subdomain has set for the whole domain must not hide the visitor's own.
Deno.test("a tossed cookie does not replace the visitor's own session", async () => {
  const sessions = new SessionManager<{ user: string }>({ store: new MemoryStore() });
  const handler = sessions.loadAndSave((request, session) => {
    if (request.url.endsWith("/in")) session.put("user", "visitor");
    return new Response(session.get("user") ?? "nobody");
  });
  const signedIn = await handler(new Request("http://localhost/in"));
  const own = signedIn.headers.getSetCookie()[0]!.split(";")[0]!;
  const tossed = `session=${"a".repeat(43)}`;
  for (const cookie of [`${own}; ${tossed}`, `${tossed}; ${own}`, `${own}; ${own}`]) {
    const response = await handler(new Request("http://localhost/", { headers: { cookie } }));
    assert.equal(await response.text(), "visitor");
  }
});

// Cookies of the name are looked up one after another until one is found.
Deno.test("a header with thousands of cookies costs a few look-ups", async () => {
  const store = new MemoryStore();
  let finds = 0;
  const find = (token: string): ReturnType<typeof store.find> => {
    finds++;
    return store.find(token);
  };
  const commit = store.commit.bind(store);
  const sessions = new SessionManager({
    store: { find, commit, delete: store.delete.bind(store) },
  });
  const handler = sessions.loadAndSave(() => new Response());
  const cookies = Array.from({ length: 2000 }, (_, i) => `session=${String(i).padStart(43, "a")}`);
  const headers = { cookie: cookies.join("; ") };
  const response = await handler(new Request("http://localhost/", { headers }));
  assert.equal(response.status, 200);
  assert.ok(finds <= 10, `${finds} look-ups`);
});
