// Several hosts without a proxy, and a hook that finds the primary among them.

import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { type Options, QueryTypes, type Sequelize } from "sequelize";
import { SequelizeStore } from "../../mod.ts";
import { primaryOf } from "../../src/sequelize/failover/mod.ts";
import { bytes, DRIVER, open, soon, text } from "../support/databases.ts";
import { ownMariadb, ownPostgres } from "./engines.ts";
import { listeningPg } from "./listening_pg.ts";
import { freePort, until } from "./process.ts";
import { withReplica } from "./replica.ts";
import { ask, testOnServers, withServer } from "./servers.ts";

/** So that a test need not wait for a server that never answers. */
const timeout = { milliseconds: 500 };

function hostOf(url: string): string {
  return `127.0.0.1:${new URL(url).port}`;
}

/** Runs a test with an instance that connects to the primary among the servers of some URLs. */
async function withPrimaryOf(
  urls: readonly string[],
  test: (sequelize: Sequelize) => Promise<void>,
  options: Options = {},
): Promise<void> {
  // The instance's own host is not asked.
  const url = Object.assign(new URL(urls[0]!), { hostname: "nowhere.invalid", port: "1" }).href;
  const driver = url.startsWith("postgres:") ? { dialectModule: listeningPg } : {};
  const sequelize = open(url, { ...driver, ...options });
  sequelize.addHook("beforeConnect", primaryOf(urls.map(hostOf), { timeout }));
  try {
    await test(sequelize);
  } finally {
    await sequelize.close();
  }
}

/** Ends the connections of an instance that is not in use. */
async function endIdle(sequelize: Sequelize): Promise<void> {
  const { pool } = sequelize.connectionManager as unknown as {
    pool: { destroyAllNow(): Promise<void> };
  };
  await pool.destroyAllNow();
}

async function isOnStandby(sequelize: Sequelize, useMaster = true): Promise<unknown> {
  const sql = "SELECT pg_is_in_recovery() AS standby";
  const options = { type: QueryTypes.SELECT, useMaster } as const;
  const [row] = await sequelize.query<{ standby: boolean }>(sql, options);
  return row?.standby;
}

testOnServers(
  [ownPostgres],
  "primaryOf() finds the primary, and the one promoted later",
  async () => {
    await withServer(ownPostgres, async (server) => {
      await withReplica(server.port, async (standby) => {
        const nobody = `postgres://127.0.0.1:${await freePort()}/test`;
        await withPrimaryOf([standby, server.url, nobody], async (sequelize) => {
          await using store = await SequelizeStore.open(sequelize, {
            ...DRIVER,
            cleanupInterval: 0,
          });
          assert.equal(await isOnStandby(sequelize), false);
          await store.commit("token", bytes("data"), soon());
          await until(async () => (await ask(standby, "SELECT * FROM sessions")).length === 1);
          await endIdle(sequelize);
          // The old primary, which is asked first, accepts connections and answers none of them.
          server.freeze();
          await ask(standby, "SELECT pg_promote()");
          await store.commit("token", bytes("next"), soon());
          assert.equal(text((await store.find("token"))?.data), "next");
          assert.deepEqual((await ask(standby, "SELECT token FROM sessions")).length, 1);
          server.thaw();
        });
      });
    });
  },
);

testOnServers(
  [ownPostgres],
  "primaryOf() finds a host that is promoted while another does not answer",
  async () => {
    await withServer(ownPostgres, async (server) => {
      await withReplica(server.port, async (standby) => {
        const sequelize = open(standby, { dialectModule: listeningPg });
        const hosts = [server.url, standby].map(hostOf);
        sequelize.addHook("beforeConnect", primaryOf(hosts, { timeout: 30_000 }));
        try {
          server.freeze();
          const found = isOnStandby(sequelize);
          // By then, the standby has answered that it is one.
          await setTimeout(1000);
          await ask(standby, "SELECT pg_promote()");
          assert.equal(await Promise.race([found, setTimeout(15_000, "no answer")]), false);
        } finally {
          server.thaw();
          await sequelize.close();
        }
      });
    });
  },
);

testOnServers(
  [ownPostgres],
  "primaryOf() asks no host any more once it has the primary",
  async () => {
    await withServer(ownPostgres, async ({ url, port }) => {
      await withReplica(port, async (standby) => {
        await withPrimaryOf([standby, url], async (sequelize) => {
          const manager = sequelize.connectionManager as unknown as {
            connect(config: object): Promise<object>;
          };
          const connect = manager.connect.bind(manager);
          let connections = 0;
          manager.connect = (config) => {
            connections++;
            return connect(config);
          };
          assert.equal(await isOnStandby(sequelize), false);
          const before = connections;
          await setTimeout(1000);
          assert.equal(connections, before);
        });
      });
    });
  },
);

testOnServers([ownPostgres], "primaryOf() leaves the replicas of `replication` alone", async () => {
  await withServer(ownPostgres, async ({ url, port }) => {
    await withReplica(port, async (standby) => {
      const read = [{ host: "127.0.0.1", port: new URL(standby).port, username: "postgres" }];
      const replication = { write: { host: "nowhere.invalid", username: "postgres" }, read };
      await withPrimaryOf([standby, url], async (sequelize) => {
        assert.equal(await isOnStandby(sequelize, true), false);
        assert.equal(await isOnStandby(sequelize, false), true);
      }, { replication });
    });
  });
});

testOnServers([ownPostgres], "primaryOf() says why no host is the primary", async () => {
  await withServer(ownPostgres, async ({ port }) => {
    await withReplica(port, async (standby) => {
      const nobody = `127.0.0.1:${await freePort()}`;
      const sequelize = open(standby, { dialectModule: listeningPg });
      sequelize.addHook("beforeConnect", primaryOf([hostOf(standby), nobody], { timeout }));
      await assert.rejects(sequelize.query("SELECT 1"), {
        name: "SequelizeConnectionError",
        message: `Cannot find the primary: ${hostOf(standby)}: is a standby;` +
          ` ${nobody}: connect ECONNREFUSED ${nobody}`,
      });
      await sequelize.close();
    });
  });
});

testOnServers(
  [ownMariadb],
  "primaryOf() finds the one that is not read-only, and a store follows it",
  async () => {
    await withServer(ownMariadb, async ({ url: one }) => {
      await withServer(ownMariadb, async ({ url: other }) => {
        for (const url of [one, other]) {
          await ask(url, "CREATE USER app@'%'", "GRANT ALL ON test.* TO app@'%'");
        }
        for (const scheme of ["mariadb:", "mysql:"]) {
          await ask(one, "SET GLOBAL read_only = 1");
          await ask(other, "SET GLOBAL read_only = 0");
          const urls = [one, other].map((url) => {
            return url.replace("mariadb:", scheme).replace("root@", "app@");
          });
          const tableName = `by_${scheme.slice(0, -1)}`;
          await withPrimaryOf(urls, async (sequelize) => {
            const options = { ...DRIVER, tableName, cleanupInterval: 0 };
            await using store = await SequelizeStore.open(sequelize, options);
            await store.commit("token", bytes("data"), soon());
            assert.equal((await ask(other, `SELECT * FROM ${tableName}`)).length, 1);
            await ask(other, "SET GLOBAL read_only = 1");
            await ask(one, "SET GLOBAL read_only = 0");
            const sql =
              `CREATE TABLE IF NOT EXISTS ${tableName} (token VARCHAR(255) PRIMARY KEY, ` +
              "data LONGBLOB, expiry DATETIME(3))";
            await ask(one, sql);
            await store.commit("token", bytes("next"), soon());
            assert.equal((await ask(one, `SELECT * FROM ${tableName}`)).length, 1);
          });
        }
      });
    });
  },
);

Deno.test("primaryOf() refuses a malformed list, and an instance without standbys", async () => {
  const refused = (hosts: unknown): RegExpMatchArray | null => {
    try {
      primaryOf(hosts as string[]);
    } catch (error) {
      return String(error).match(/^(?:Type|Range)Error: Cannot find the primary: 'hosts'.*/);
    }
    return null;
  };
  for (
    const hosts of [
      undefined,
      "db1",
      [],
      [5432],
      [""],
      ["db1:0"],
      ["db1:65536"],
      ["db1:port"],
      ["db1, db2"],
      ["::1"],
      ["postgres://user:secret@db1/name"],
    ]
  ) {
    const [message] = refused(hosts) ?? [];
    assert.ok(message, String(hosts));
    assert.ok(!message.includes("secret"), message);
  }
  for (const host of ["db1", "db1:5432", "127.0.0.1:65535", "[::1]", "[::1]:5432", "a.b-c_d"]) {
    assert.equal(typeof primaryOf([host]), "function", host);
  }
  assert.throws(() => primaryOf(["db1"], { timeout: 0 }), RangeError);
  const sequelize = open("node-sqlite::memory:");
  const hook = primaryOf(["db1"]);
  await assert.rejects(hook.call(sequelize, {}), /'this' must be .*: received one for sqlite$/);
  await assert.rejects(hook.call(undefined, {}), TypeError);
  await sequelize.close();
});
