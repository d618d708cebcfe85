// A proxy points at a standby for a while, or a primary becomes one under its connections: the store neither reads
// there nor stays there.

import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import type { Sequelize } from "sequelize";
import { type DriverChoice, SequelizeStore, type SequelizeStoreOptions } from "../../mod.ts";
import { bytes, open, soon, text } from "../support/databases.ts";
import { ownMariadb, ownPostgres } from "./engines.ts";
import { listeningPg } from "./listening_pg.ts";
import { until } from "./process.ts";
import { withReplica } from "./replica.ts";
import { ask, testOnServers, withServer } from "./servers.ts";
import { type Switch, withSwitch } from "./switch.ts";

const DRIVERS: readonly DriverChoice[] = ["direct", "sequelize"];

/** A store behind a proxy that points at the primary, and the URLs of both servers. */
interface Behind {
  readonly store: SequelizeStore;
  readonly sequelize: Sequelize;
  readonly proxy: Switch;
  readonly primary: string;
  readonly standby: string;
}

async function withStoreAt(
  url: string,
  options: SequelizeStoreOptions,
  test: (store: SequelizeStore, sequelize: Sequelize) => Promise<void>,
): Promise<void> {
  const driver = url.startsWith("postgres:") ? { dialectModule: listeningPg } : {};
  const sequelize = open(url, driver);
  try {
    await test(await SequelizeStore.open(sequelize, { cleanupInterval: 0, ...options }), sequelize);
  } finally {
    await sequelize.close();
  }
}

/** Runs a test with each driver, on a primary and a standby that has the table and lacks the session "token". */
async function behindProxy(test: (behind: Behind) => Promise<void>): Promise<void> {
  await withServer(ownPostgres, async ({ url: primary, port }) => {
    await withReplica(port, async (standby) => {
      await withSwitch(primary, async (proxy) => {
        for (const driver of DRIVERS) {
          const tableName = `by_${driver}`;
          await withStoreAt(
            proxy.urlOf(primary),
            { driver, tableName },
            async (store, sequelize) => {
              await until(async () =>
                (await ask(standby, `SELECT * FROM ${tableName}`)).length === 0
              );
              await ask(standby, "SELECT pg_wal_replay_pause()");
              await store.commit("token", bytes("data"), soon());
              await test({ store, sequelize, proxy, primary, standby });
              await ask(standby, "SELECT pg_wal_replay_resume()");
            },
          );
        }
      });
    });
  });
}

/** Ends all connections; new ones lead to the standby. */
async function loseThePrimary({ proxy, standby, sequelize }: Behind): Promise<void> {
  proxy.pointAt(standby);
  proxy.cut();
  await until(() => poolOf(sequelize).size === 0);
}

function poolOf(sequelize: Sequelize): { readonly size: number } {
  return (sequelize.connectionManager as unknown as { pool: { size: number } }).pool;
}

/** How many clients a server has, besides the one that asks. */
async function clientsOf(url: string): Promise<number> {
  const sql = url.startsWith("postgres:")
    ? "SELECT pid FROM pg_stat_activity WHERE datname = 'test' AND pid <> pg_backend_pid()"
    : "SELECT id FROM information_schema.processlist WHERE user = 'app'";
  return (await ask(url, sql)).length;
}

testOnServers([ownPostgres], "a connection to a standby is never read from", async () => {
  await behindProxy(async (behind) => {
    const { store, proxy, primary, standby } = behind;
    for (
      const find of [
        async () => (await store.find("token"))?.data,
        async () => (await store.all()).get("token"),
        async () => {
          for await (const { data } of store.entries()) return data;
          return undefined;
        },
      ]
    ) {
      await loseThePrimary(behind);
      const finding = find();
      await setTimeout(200);
      proxy.pointAt(primary);
      assert.equal(text(await finding), "data");
    }
    await until(async () => await clientsOf(standby) === 0);
  });
});

testOnServers([ownPostgres], "a connection to a standby is not kept for writes", async () => {
  await behindProxy(async (behind) => {
    const { store, proxy, primary, standby } = behind;
    for (
      const write of [
        () => store.commit("other", bytes("data"), soon()),
        () => store.touch("token", soon()),
        () => store.replace("token", bytes("data"), bytes("next"), soon()),
        () => store.delete("token"),
      ]
    ) {
      await loseThePrimary(behind);
      const writing = write();
      await setTimeout(200);
      proxy.pointAt(primary);
      assert.notEqual(await writing, false);
    }
    assert.deepEqual([...(await store.all()).keys()], ["other"]);
    await until(async () => await clientsOf(standby) === 0);
  });
});

testOnServers([ownPostgres], "the caller's transaction on a standby is the caller's", async () => {
  await behindProxy(async (behind) => {
    const { store, sequelize, proxy, primary } = behind;
    await loseThePrimary(behind);
    const transaction = await sequelize.transaction();
    proxy.pointAt(primary);
    // What it finds there is old.
    assert.equal(await store.find("token", { transaction }), undefined);
    await assert.rejects(store.commit("other", bytes("data"), soon(), { transaction }), {
      name: "SequelizeDatabaseError",
      message: /: the server is a standby/,
    });
    // Rolled back by the caller, on its own connection.
    assert.equal(poolOf(sequelize).size, 1);
    await transaction.rollback();
    assert.equal(poolOf(sequelize).size, 1);
    assert.equal(text((await store.find("token"))?.data), "data");
  });
});

testOnServers([ownPostgres], "if there is only a standby, calls end with an error", async () => {
  await behindProxy(async (behind) => {
    const { store, sequelize, proxy, standby, primary } = behind;
    await loseThePrimary(behind);
    const isRefused = { message: /: the server is a standby, was demoted to one, or is set to/ };
    await Promise.all([
      assert.rejects(store.find("token"), { name: "StandbyError", ...isRefused }),
      assert.rejects(store.commit("token", bytes("next"), soon()), {
        name: "SequelizeDatabaseError",
        ...isRefused,
      }),
      assert.rejects(SequelizeStore.open(sequelize), { name: "StandbyError" }),
    ]);
    await assert.rejects(store.find("token"), isRefused);
    const { tableName } = store.model;
    await withStoreAt(standby, { tableName, standbyReads: true }, async (reader) => {
      assert.equal(await reader.find("token"), undefined);
      assert.equal((await reader.all()).size, 0);
    });
    proxy.pointAt(primary);
    assert.equal(text((await store.find("token"))?.data), "data");
    await store.commit("token", bytes("next"), soon());
  });
});

testOnServers([ownPostgres], "a read-only database ends calls with an error", async () => {
  await withServer(ownPostgres, async ({ url }) => {
    for (const driver of DRIVERS) {
      await withStoreAt(url, { driver }, async (store) => {
        await store.commit("token", bytes("data"), soon());
        await ask(url, "ALTER DATABASE test SET default_transaction_read_only = on");
        await ask(
          url,
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()" +
            " AND datname = 'test'",
        );
        await until(async () => text((await store.find("token"))?.data) === "data");
        await assert.rejects(store.commit("token", bytes("next"), soon()), {
          message: /: the server is a standby, was demoted to one, or is set to take no writes$/,
        });
        const reset = "ALTER DATABASE test RESET default_transaction_read_only";
        await ask(url, "SET default_transaction_read_only = off", reset);
        await store.commit("token", bytes("next"), soon());
      });
    }
  });
});

/** The two drivers of MariaDB. */
const SCHEMES = ["mariadb:", "mysql:"];

/** Runs a test with every driver, behind a proxy to a server with a user that has no SUPER, and another server. */
async function behindMariadb(
  test: (behind: Behind, standbyStore: SequelizeStore) => Promise<void>,
): Promise<void> {
  await withServer(ownMariadb, async ({ url: standby }) => {
    await withServer(ownMariadb, async ({ url: primary }) => {
      for (const url of [primary, standby]) {
        await ask(url, "CREATE USER app@'%'", "GRANT ALL ON test.* TO app@'%'");
      }
      await withSwitch(standby, async (proxy) => {
        for (const scheme of SCHEMES) {
          for (const driver of DRIVERS) {
            const url = proxy.urlOf(primary).replace("mariadb:", scheme).replace("root@", "app@");
            const tableName = `by_${driver}_${scheme.slice(0, -1)}`;
            proxy.pointAt(primary);
            await withStoreAt(url, { driver, tableName }, async (store, sequelize) => {
              await store.commit("token", bytes("data"), soon());
              // The standby is the server that the store is connected to from here on.
              proxy.pointAt(standby);
              proxy.cut();
              await until(() => poolOf(sequelize).size === 0);
              await withStoreAt(
                standby,
                { tableName },
                (standbyStore) => test({ store, sequelize, proxy, primary, standby }, standbyStore),
              );
            });
            await ask(standby, "SET GLOBAL read_only = 0");
          }
        }
      });
    });
  });
}

testOnServers([ownMariadb], "a primary that was demoted is left at once", async () => {
  await behindMariadb(async ({ store, proxy, primary, standby }) => {
    // Some connections that lead there.
    await Promise.all([store.find("a"), store.commit("a", bytes("a"), soon()), store.all()]);
    await ask(standby, "SET GLOBAL read_only = 1");
    const many = Array.from({ length: 10 }, (_, i) => store.commit(`${i}`, bytes("data"), soon()));
    const touching = store.touch("token", soon());
    await setTimeout(200);
    proxy.pointAt(primary);
    await Promise.all(many);
    assert.equal(await touching, true);
    const tokens = ["token", "0", "1", "2"];
    const next = tokens.map((token) => store.replace(token, bytes("data"), bytes("next"), soon()));
    assert.deepEqual(await Promise.all(next), [true, true, true, true]);
    assert.equal((await store.all()).size, 11);
    await until(async () => await clientsOf(standby) === 0);
  });
});

testOnServers([ownMariadb], "a primary that was demoted is not read from", async () => {
  await behindMariadb(async ({ store, proxy, primary, standby }, standbyStore) => {
    await standbyStore.commit("old", bytes("old"), soon());
    assert.equal(text((await store.find("old"))?.data), "old");
    await ask(standby, "SET GLOBAL read_only = 1");
    // After a second, it is asked again.
    await setTimeout(1100);
    const finding = store.find("token");
    await setTimeout(200);
    proxy.pointAt(primary);
    assert.equal(text((await finding)?.data), "data");
    const all = await Promise.all(["old", "token"].map((token) => store.find(token)));
    assert.deepEqual(all.map((found) => text(found?.data)), [undefined, "data"]);
    await until(async () => await clientsOf(standby) === 0);
  });
});

testOnServers(
  [ownMariadb],
  "several replaced on a demoted primary are replaced on the new one",
  async () => {
    await behindMariadb(async ({ store, proxy, primary, standby }) => {
      await store.commit("held", bytes("data"), soon());
      await ask(standby, "SET GLOBAL read_only = 1");
      await setTimeout(1100);
      // In a transaction of the store's own, which finds nothing there.
      const replacing = ["token", "missing"].map((token) =>
        store.replace(token, bytes("data"), bytes("next"), soon())
      );
      await setTimeout(200);
      proxy.pointAt(primary);
      assert.deepEqual(await Promise.all(replacing), [true, false]);
      await until(async () => await clientsOf(standby) === 0);
    });
  },
);

testOnServers(
  [ownMariadb],
  "the caller's transaction on a demoted primary is the caller's",
  async () => {
    await behindMariadb(async ({ store, sequelize, standby, proxy, primary }) => {
      const transaction = await sequelize.transaction();
      await store.find("token", { transaction });
      await ask(standby, "SET GLOBAL read_only = 1");
      proxy.pointAt(primary);
      await assert.rejects(store.commit("other", bytes("data"), soon(), { transaction }), {
        message: /: the server is a standby/,
      });
      assert.equal(poolOf(sequelize).size, 1);
      await transaction.rollback();
      await store.commit("other", bytes("data"), soon());
    });
  },
);
