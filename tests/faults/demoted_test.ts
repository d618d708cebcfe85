// A proxy points at a standby for a while, or a primary becomes one under its connections: the store neither reads
// there nor stays there.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { QueryTypes, Sequelize } from "sequelize";
import { type DriverChoice, SequelizeStore, type SequelizeStoreOptions } from "../../mod.ts";
import { bytes, DRIVER, open, soon, text } from "../support/databases.ts";
import { ownMariadb, ownPostgres } from "./engines.ts";
import { listeningPg } from "./listening_pg.ts";
import { until } from "./process.ts";
import { withReplica } from "./replica.ts";
import { ask, testOnServers, withServer } from "./servers.ts";
import { settle, storm } from "./storm.ts";
import { type Switch, withSwitch } from "./switch.ts";
import { Tally } from "./tally.ts";

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

/** A pool of connections. */
interface Sized {
  readonly size: number;
}

function poolOf(sequelize: Sequelize): Sized {
  return (sequelize.connectionManager as unknown as { pool: Sized }).pool;
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
    assert.ok(store.stats().evicted >= 4 && store.stats().retried >= 4);
    assert.deepEqual([...(await store.all()).keys()], ["other"]);
    await until(async () => await clientsOf(standby) === 0);
  });
});

testOnServers(
  [ownPostgres],
  "with `replication`, only the primary's pool is concerned",
  async () => {
    await behindProxy(async (behind) => {
      const { proxy, primary, standby, store: { model: { tableName } } } = behind;
      const at = (url: string): object => {
        return { host: "127.0.0.1", port: new URL(url).port, username: "postgres" };
      };
      const write = at(proxy.urlOf(primary));
      const sequelize = new Sequelize("test", "postgres", "", {
        dialect: "postgres",
        dialectModule: listeningPg,
        logging: false,
        replication: { write, read: [at(standby)] },
      });
      const { pool } = sequelize.connectionManager as unknown as {
        pool: { readonly read: Sized; readonly write: Sized };
      };
      try {
        const store = await SequelizeStore.open(sequelize, { tableName, cleanupInterval: 0 });
        await sequelize.query("SELECT 1", { type: QueryTypes.SELECT });
        proxy.pointAt(standby);
        proxy.cut();
        await until(() => pool.write.size === 0);
        const calls = [store.find("token"), store.commit("other", bytes("data"), soon())] as const;
        await setTimeout(200);
        proxy.pointAt(primary);
        assert.equal(text((await Promise.all(calls))[0]?.data), "data");
        assert.equal(pool.read.size, 1);
      } finally {
        await sequelize.close();
      }
    });
  },
);

testOnServers([ownPostgres], "a switchover under a storm, with a proxy that is late", async () => {
  await withServer(ownPostgres, async (server) => {
    await withReplica(server.port, async (replica) => {
      await withSwitch(server.url, async (proxy) => {
        await withStoreAt(proxy.urlOf(server.url), DRIVER, async (store) => {
          const tally = new Tally();
          const controller = new AbortController();
          const calls = storm(store, tally, { callers: 20, stop: controller.signal });
          await setTimeout(500);
          await server.stop();
          await ask(replica, "SELECT pg_promote()");
          // The old primary comes back as a standby of the new one, and the proxy still points at it.
          await writeFile(join(server.folder, "data", "standby.signal"), "");
          const { port } = new URL(replica);
          await server.start(
            "-c",
            `primary_conninfo=host=127.0.0.1 port=${port} user=postgres`,
          );
          await setTimeout(1000);
          proxy.pointAt(replica);
          await setTimeout(500);
          const { failed } = tally.counts;
          await setTimeout(500);
          assert.equal(tally.counts.failed, failed, "calls still fail");
          controller.abort();
          await calls;
          await settle(store, tally);
          await until(async () => await clientsOf(server.url) === 0);
        });
      });
    });
  });
});

testOnServers([ownPostgres], "the caller's transaction on a standby is the caller's", async () => {
  await behindProxy(async (behind) => {
    const { store, sequelize, proxy, primary } = behind;
    await loseThePrimary(behind);
    const transaction = await sequelize.transaction();
    try {
      proxy.pointAt(primary);
      // What it finds there is old.
      assert.equal(await store.find("token", { transaction }), undefined);
      await assert.rejects(store.commit("other", bytes("data"), soon(), { transaction }), {
        name: "SequelizeDatabaseError",
        message: /: the server is a standby/,
      });
      assert.equal(poolOf(sequelize).size, 1);
    } finally {
      await transaction.rollback();
    }
    // Until the store meets it without a transaction.
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
    const aborted = AbortSignal.timeout(1);
    await assert.rejects(store.find("token", { signal: aborted }), { name: "TimeoutError" });
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

/** A server that is demoted under a store's connections, and the one that is promoted in its place. */
interface Demotion {
  readonly store: SequelizeStore;
  readonly sequelize: Sequelize;
  /** A store at the demoted server alone. */
  readonly atDemoted: SequelizeStore;
  /** Makes the server read-only; the connections to it stay. */
  demote(): Promise<void>;
  /** Sends new connections to the other server. */
  promote(): void;
}

/** How calls fare when their server is demoted. The promoted one has the session "token", the other one has not. */
const DEMOTIONS: Readonly<Record<string, (demotion: Demotion) => Promise<void>>> = {
  "writes leave it at once": async ({ store, demote, promote }) => {
    // Several connections lead there.
    await Promise.all([store.find("a"), store.commit("a", bytes("a"), soon()), store.all()]);
    await demote();
    const many = Array.from({ length: 10 }, (_, i) => store.commit(`${i}`, bytes("data"), soon()));
    const touching = store.touch("token", soon());
    await setTimeout(200);
    promote();
    await Promise.all(many);
    assert.equal(await touching, true);
    const tokens = ["token", "0", "1", "2"];
    const next = tokens.map((token) => store.replace(token, bytes("data"), bytes("next"), soon()));
    assert.deepEqual(await Promise.all(next), [true, true, true, true]);
    assert.equal((await store.all()).size, 11);
  },
  "reads leave it within a second": async ({ store, atDemoted, demote, promote }) => {
    await atDemoted.commit("old", bytes("old"), soon());
    assert.equal(text((await store.find("old"))?.data), "old");
    await demote();
    await setTimeout(1100);
    const finding = store.find("token");
    await setTimeout(200);
    promote();
    assert.equal(text((await finding)?.data), "data");
    assert.equal(await store.find("old"), undefined);
  },
  "transactions of the store's own leave it": async ({ store, demote, promote }) => {
    await store.commit("held", bytes("data"), soon());
    await demote();
    await setTimeout(1100);
    // They would find no such session there.
    const replacing = ["token", "missing"].map((token) => {
      return store.replace(token, bytes("data"), bytes("next"), soon());
    });
    await setTimeout(200);
    promote();
    assert.deepEqual(await Promise.all(replacing), [true, false]);
  },
  "the caller's transaction stays": async ({ store, sequelize, demote, promote }) => {
    const transaction = await sequelize.transaction();
    const { size } = poolOf(sequelize);
    try {
      await store.find("token", { transaction });
      await demote();
      promote();
      await assert.rejects(store.commit("other", bytes("data"), soon(), { transaction }), {
        message: /: the server is a standby/,
      });
      assert.equal(poolOf(sequelize).size, size);
    } finally {
      await transaction.rollback();
    }
    await store.commit("other", bytes("data"), soon());
  },
};

/** Runs each of them with both drivers of MariaDB and both ways to send statements. */
async function demoteOften(demoted: string, promoted: string, proxy: Switch): Promise<void> {
  let tables = 0;
  for (const scheme of ["mariadb:", "mysql:"]) {
    const url = proxy.urlOf(promoted).replace("mariadb:", scheme).replace("root@", "app@");
    for (const driver of DRIVERS) {
      for (const demotion of Object.values(DEMOTIONS)) {
        const options = { driver, tableName: `sessions${++tables}` };
        proxy.pointAt(promoted);
        await withStoreAt(url, options, async (store, sequelize) => {
          await store.commit("token", bytes("data"), soon());
          proxy.pointAt(demoted);
          proxy.cut();
          await withStoreAt(demoted, options, async (atDemoted) => {
            await until(async () => await store.find("token") === undefined);
            await demotion({
              store,
              sequelize,
              atDemoted,
              demote: async () => void await ask(demoted, "SET GLOBAL read_only = 1"),
              promote: () => proxy.pointAt(promoted),
            });
          });
          await until(async () => await clientsOf(demoted) === 0);
        });
        await ask(demoted, "SET GLOBAL read_only = 0");
      }
    }
  }
}

testOnServers(
  [ownMariadb],
  `when a primary is demoted, ${Object.keys(DEMOTIONS).join(", ")}`,
  async () => {
    await withServer(
      ownMariadb,
      ({ url: demoted }) =>
        withServer(ownMariadb, ({ url: promoted }) =>
          withSwitch(promoted, async (proxy) => {
            for (const url of [demoted, promoted]) {
              // Without SUPER, which writes to a read-only server.
              await ask(url, "CREATE USER app@'%'", "GRANT ALL ON test.* TO app@'%'");
            }
            await demoteOften(demoted, promoted, proxy);
          })),
    );
  },
);
