// Systemic failures: the table is gone, its permissions are revoked, the disk is full.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { inspect } from "node:util";
import { SequelizeStore } from "../../mod.ts";
import {
  bytes,
  databases,
  DRIVER,
  inMs,
  open,
  soon,
  testOn,
  withStore,
} from "../support/databases.ts";
import { until } from "./process.ts";
import { engines, ownMariadb } from "./engines.ts";
import { ask, testOnServers, withServer } from "./servers.ts";

const TOKENS = Array.from({ length: 100 }, (_, i) => `secret-token-${i}`);
const DATA = "secret-data";

/** Makes 100 commits at once, all of which must reject, and returns their errors. */
async function failToCommit(store: SequelizeStore): Promise<Error[]> {
  const calls = TOKENS.map((token) => store.commit(token, bytes(DATA), soon()));
  const results = await Promise.allSettled(calls);
  return results.map((result) => {
    assert.equal(result.status, "rejected");
    const { reason } = result as PromiseRejectedResult;
    assertDiscreet(reason);
    return reason;
  });
}

/** Asserts that an error, however it is printed, holds no token and no data: all of those begin alike. */
function assertDiscreet(error: unknown): void {
  const printed = inspect(error, { depth: 10, showHidden: true }) + JSON.stringify(error);
  const hex = Buffer.from("secret").toString("hex");
  assert.doesNotMatch(printed, new RegExp(`secret|${hex}`, "i"));
}

/** Asserts that every call fails, with few statements, and that each cleanup reports its error once. */
async function testTrouble(
  store: SequelizeStore,
  statements: readonly string[],
  { begin, end, message }: {
    readonly begin: () => Promise<unknown>;
    readonly end: () => Promise<unknown>;
    readonly message: RegExp;
  },
): Promise<void> {
  await store.commit("kept", bytes("kept"), soon());
  await begin();
  const before = statements.length;
  for (const error of await failToCommit(store)) assert.match(error.message, message);
  // The commits are sent as two batches; one by one, they would be a hundred statements.
  assert.ok(statements.length - before <= 6, `${statements.length - before} statements`);
  await assert.rejects(store.find("kept"), message);
  await assert.rejects(store.touch("kept", soon()), message);
  await assert.rejects(store.deleteExpired(), message);
  await end();
  await Promise.all(TOKENS.map((token) => store.commit(token, bytes(DATA), soon())));
  assert.equal((await store.all()).size, 101);
}

testOn(databases, "if the table is gone, all calls fail at once", async (database) => {
  await withStore(database, async ({ store, sequelize, statements }) => {
    const { tableName } = store.model;
    const queryInterface = sequelize.getQueryInterface();
    await testTrouble(store, statements, {
      begin: () => queryInterface.renameTable(tableName, `${tableName}_away`),
      end: () => queryInterface.renameTable(`${tableName}_away`, tableName),
      message: /no such table|does not exist|doesn't exist/,
    });
  });
});

testOn(databases, "failed cleanups are reported once, and go on", async (database) => {
  const errors: unknown[] = [];
  let cleanups = 0;
  await withStore(database, async ({ store, sequelize }) => {
    const { tableName } = store.model;
    const queryInterface = sequelize.getQueryInterface();
    await queryInterface.renameTable(tableName, `${tableName}_away`);
    errors.length = cleanups = 0;
    await until(() => errors.length >= 5);
    assert.ok(Math.abs(errors.length - cleanups) <= 1, `${errors.length} of ${cleanups} cleanups`);
    await queryInterface.renameTable(`${tableName}_away`, tableName);
    await store.commit("expired", bytes("data"), inMs(-1));
    await until(async () => await store.model.count() === 0);
  }, {
    cleanupInterval: { milliseconds: 20 },
    onError: (error) => errors.push(error),
    logging: (sql) => {
      if (/ORDER BY .*expiry/.test(sql)) cleanups++;
    },
  });
});

testOnServers(
  engines,
  "if its permissions are revoked, all calls fail",
  async (engine) => {
    await withServer(engine, async ({ url }) => {
      const isPostgres = engine.dialect === "postgres";
      const user = isPostgres ? "app" : "app@127.0.0.1";
      const rights = "SELECT, INSERT, UPDATE, DELETE";
      await SequelizeStore.open(open(url), { ...DRIVER, cleanupInterval: 0 });
      const grant = `GRANT ${rights} ON sessions TO ${user}`;
      await ask(url, isPostgres ? "CREATE ROLE app LOGIN" : `CREATE USER ${user}`, grant);
      // Without any other right, MariaDB would refuse new connections of the pool, with another message.
      if (!isPostgres) await ask(url, `GRANT CREATE TEMPORARY TABLES ON test.* TO ${user}`);
      const statements: string[] = [];
      const sequelize = open(url.replace(/(postgres|root)@/, "app@"));
      try {
        const logging = (sql: string): unknown => statements.push(sql);
        const store = await SequelizeStore.open(sequelize, {
          ...DRIVER,
          cleanupInterval: 0,
          logging,
        });
        await testTrouble(store, statements, {
          begin: () => ask(url, `REVOKE ${rights} ON sessions FROM ${user}`),
          end: () => ask(url, grant),
          message: /permission denied for table sessions|command denied to user/,
        });
      } finally {
        await sequelize.close();
      }
    });
  },
);

/** Fills a disk: finds work and commits fail until there is room again. */
async function testFullDisk(
  store: SequelizeStore,
  statements: readonly string[],
  { message, makeRoom }: { readonly message: RegExp; readonly makeRoom: () => Promise<unknown> },
): Promise<void> {
  const large = Buffer.from(DATA.repeat(20_000));
  await store.commit("kept", bytes("kept"), soon());
  let written = 0;
  let error: Error | undefined;
  for (; error === undefined && written < 200; written++) {
    await store.commit(`secret${written}`, large, soon()).catch((reason) => error = reason);
  }
  assert.match(error!.message, message);
  assertDiscreet(error);
  const before = statements.length;
  const calls = TOKENS.map((token) => store.commit(token, large, soon()));
  const results = await Promise.allSettled(calls);
  assert.ok(results.some(({ status }) => status === "rejected"));
  assert.ok(statements.length - before < 100, `${statements.length - before} statements`);
  assert.ok(await store.find("kept"), "was not found");
  await makeRoom();
  await until(() => store.commit("later", large, soon()).then(() => true));
}

testOn(databases.slice(0, 2), "on a full disk, finds work and commits fail", async (database) => {
  await withStore(database, async ({ store, sequelize, statements }) => {
    await sequelize.query("PRAGMA max_page_count = 300");
    await testFullDisk(store, statements, {
      message: /database or disk is full/,
      makeRoom: () => store.delete("secret0"),
    });
  });
});

testOnServers([ownMariadb], "on a full disk, finds work and commits fail", async (engine) => {
  const dataFile = "innodb-data-file-path=ibdata1:12M:autoextend:max:";
  await withServer(engine, async (server) => {
    const statements: string[] = [];
    const sequelize = open(server.url);
    try {
      const logging = (sql: string): unknown => statements.push(sql);
      const store = await SequelizeStore.open(sequelize, {
        ...DRIVER,
        cleanupInterval: 0,
        logging,
      });
      await testFullDisk(store, statements, {
        message: /table 'sessions' is full/i,
        // A DELETE would need room itself, for its undo log.
        makeRoom: async () => {
          await server.stop();
          await server.start(`--${dataFile}60M`);
        },
      });
    } finally {
      await sequelize.close();
    }
  }, ["innodb-file-per-table=0", `${dataFile}20M`]);
});
