import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import type { QueryInterface } from "sequelize";
import { Sequelize } from "sequelize";
import { SequelizeStorage, Umzug } from "umzug";
import { down, up } from "../../src/sequelize/migration/mod.ts";
import { SequelizeStore, type SequelizeStoreOptions } from "../../mod.ts";
import {
  bytes,
  databases,
  freshTableName,
  mariadb,
  open,
  postgres,
  servers,
  soon,
  testOn,
  text,
} from "../support/databases.ts";

testOn(
  databases,
  "up() makes a table for a store without sync, and down() drops it",
  async (on) => {
    await on.connect(async (sequelize) => {
      const [queryInterface, tableName] = [sequelize.getQueryInterface(), freshTableName()];
      const store = await SequelizeStore.open(sequelize, {
        tableName,
        sync: false,
        cleanupInterval: 0,
      });
      for (let i = 0; i < 2; i++) {
        await up(queryInterface, { tableName });
        await store.commit("token", bytes("data"), soon());
      }
      assert.equal(text((await store.find("token"))?.data), "data");
      for (let i = 0; i < 2; i++) {
        await down(queryInterface, { tableName });
        await assert.rejects(store.find("token"), { name: "SequelizeDatabaseError" });
      }
    });
  },
);

testOn(databases, "up() sends what open() does", async (on) => {
  await on.connect(async (sequelize) => {
    const tableName = freshTableName();
    const migrated: string[] = [];
    const opened: string[] = [];
    const queryInterface = sequelize.getQueryInterface();
    await up(queryInterface, { tableName, logging: (sql) => migrated.push(sql) });
    await down(queryInterface, { tableName });
    const logging = (sql: string): unknown => opened.push(sql);
    await SequelizeStore.open(sequelize, { tableName, cleanupInterval: 0, logging });
    assert.ok(migrated.some((sql) => sql.includes("CREATE TABLE")));
    assert.deepEqual(migrated, opened);
    await down(queryInterface, { tableName });
  });
});

// In a transaction, PostgreSQL takes nothing more once a statement has failed.
testOn([postgres, databases[0]!], "up() and down() can be part of a transaction", async (on) => {
  await on.connect(async (sequelize) => {
    const [queryInterface, tableName] = [sequelize.getQueryInterface(), freshTableName()];
    const within = async (act: typeof up, end: "commit" | "rollback"): Promise<boolean> => {
      const transaction = await sequelize.transaction();
      await act(queryInterface, { tableName, transaction });
      await transaction[end]();
      return await queryInterface.tableExists(tableName);
    };
    assert.equal(await within(up, "rollback"), false);
    assert.equal(await within(up, "commit"), true);
    assert.equal(await within(up, "commit"), true);
    const indexes = await queryInterface.showIndex(tableName) as { name: string }[];
    assert.equal(indexes.filter(({ name }) => name === `${tableName}_expiry_idx`).length, 1);
    assert.equal(await within(down, "rollback"), true);
    assert.equal(await within(down, "commit"), false);
  });
});

testOn(postgres, "up() and down() take a schema", async (on) => {
  await on.connect(async (sequelize) => {
    const [queryInterface, schema] = [sequelize.getQueryInterface(), freshTableName()];
    await sequelize.createSchema(schema, {});
    try {
      await up(queryInterface, { schema });
      assert.equal(await queryInterface.tableExists({ tableName: "sessions", schema }), true);
      await down(queryInterface, { schema });
      assert.equal(await queryInterface.tableExists({ tableName: "sessions", schema }), false);
    } finally {
      await sequelize.dropSchema(schema, {});
    }
  });
});

testOn(databases, "umzug carries the migration out, and takes it back", async (on) => {
  await on.connect(async (sequelize) => {
    const [tableName, done] = [freshTableName(), freshTableName()];
    const queryInterface = sequelize.getQueryInterface();
    const umzug = new Umzug({
      migrations: [{
        name: "sessions",
        up: ({ context }) => up(context, { tableName }),
        down: ({ context }) => down(context, { tableName }),
      }],
      context: queryInterface,
      storage: new SequelizeStorage({ sequelize, tableName: done, modelName: done }),
      logger: undefined,
    });
    await umzug.up();
    assert.equal(await queryInterface.tableExists(tableName), true);
    await umzug.down();
    assert.equal(await queryInterface.tableExists(tableName), false);
    await queryInterface.dropTable(done);
  });
});

// `module.exports = require("@scs/sequelize-store/migration")` is then a migration by itself.
Deno.test("up() takes the Sequelize class, which sequelize-cli gives, for no options", async () => {
  const sequelize = open("node-sqlite::memory:");
  const migrate = up as (queryInterface: QueryInterface, library: unknown) => Promise<void>;
  await migrate(sequelize.getQueryInterface(), Sequelize);
  assert.equal(await sequelize.getQueryInterface().tableExists("sessions"), true);
  await sequelize.close();
});

Deno.test("up() and down() refuse wrong arguments before anything is sent", async () => {
  const sequelize = open("node-sqlite::memory:");
  const queryInterface = sequelize.getQueryInterface();
  Object.assign(sequelize, { query: () => assert.fail("a query was sent") });
  for (const [act, action] of [[up, "create"], [down, "drop"]] as const) {
    const wrong: [unknown, object, typeof RangeError][] = [
      [undefined, {}, TypeError],
      [sequelize, {}, TypeError],
      [queryInterface, { tableName: 1 }, TypeError],
      [queryInterface, { tableName: "a.b" }, RangeError],
      [queryInterface, { schema: "" }, RangeError],
      [queryInterface, { logging: true }, TypeError],
      [queryInterface, { transaction: 5 }, TypeError],
      [queryInterface, null as unknown as object, TypeError],
      [queryInterface, 5 as unknown as object, TypeError],
    ];
    for (const [target, options, type] of wrong) {
      await assert.rejects(act(target as QueryInterface, options), (error: Error) => {
        assert.ok(error instanceof type);
        assert.match(
          error.message,
          new RegExp(`^Cannot ${action} the sessions table: '.*' must be`),
        );
        return true;
      });
    }
  }
  await sequelize.close();
});

/** The statement of docs/databases.md that begins like this, for another table. */
async function documented(start: string, replacements: Record<string, string>): Promise<string> {
  const document = await readFile(new URL("../../docs/databases.md", import.meta.url), "utf8");
  const from = document.indexOf(`\`\`\`sql\n${start}`) + "```sql\n".length;
  assert.ok(from >= "```sql\n".length, start);
  let sql = document.slice(from, document.indexOf(";", from));
  for (const [name, other] of Object.entries(replacements)) sql = sql.replaceAll(name, other);
  return sql;
}

/** Logs in as a user who may do nothing but what was granted. */
async function as(
  user: string,
  address: string,
  act: (user: Sequelize) => Promise<void>,
): Promise<void> {
  const url = new URL(address);
  url.username = user;
  const sequelize = open(url.href);
  try {
    await act(sequelize);
  } finally {
    await sequelize.close();
  }
}

async function putThrough(sequelize: Sequelize, options: SequelizeStoreOptions): Promise<void> {
  const store = await SequelizeStore.open(sequelize, { cleanupInterval: 0, ...options });
  await store.commit("token", bytes("data"), soon());
  assert.equal(await store.replace("token", bytes("data"), bytes("new"), soon()), true);
  assert.equal(await store.touch("token", soon()), true);
  assert.equal(text((await store.find("token"))?.data), "new");
  await store.delete("token");
  assert.equal(await store.deleteExpired(), 0);
}

testOn(
  servers,
  "the documented permissions are enough, with sync where the table is there",
  async (on) => {
    await on.connect(async (sequelize, address) => {
      const [tableName, user] = [freshTableName(), freshTableName()];
      const [start, create, drop, as_user] = on.dialect === "postgres"
        ? ["GRANT SELECT, INSERT, UPDATE, DELETE ON sessions", "ROLE x LOGIN", "ROLE x", user]
        : [
          "GRANT SELECT, INSERT, UPDATE, DELETE ON shop.",
          "USER x@'%'",
          "USER x@'%'",
          `${user}@'%'`,
        ];
      await up(sequelize.getQueryInterface(), { tableName });
      await sequelize.query(`CREATE ${create.replace("x", user)}`);
      try {
        const database = `${sequelize.getDatabaseName()}.`;
        const names = { "shop.": database, sessions: tableName, "TO app": `TO ${as_user}` };
        await sequelize.query(await documented(start, names));
        await as(user, address, async (limited) => {
          for (const sync of [true, false]) await putThrough(limited, { tableName, sync });
          // PostgreSQL lets everybody create tables in "public" before version 15.
          if (on.dialect === "postgres") return;
          await assert.rejects(SequelizeStore.open(limited, { tableName: freshTableName() }));
        });
      } finally {
        await down(sequelize.getQueryInterface(), { tableName });
        if (on.dialect === "postgres") await sequelize.query(`DROP OWNED BY ${user}`);
        await sequelize.query(`DROP ${drop.replace("x", user)}`);
      }
    });
  },
);

testOn(
  mariadb,
  "the documented change makes a table of SCS's mysqlstore as good as a new one",
  async (on) => {
    await on.connect(async (sequelize) => {
      const tableName = freshTableName();
      const columns =
        "token CHAR(43) PRIMARY KEY, data BLOB NOT NULL, expiry TIMESTAMP(6) NOT NULL";
      await sequelize.query(`CREATE TABLE ${tableName} (${columns})`);
      try {
        await sequelize.query(await documented("ALTER TABLE sessions\n", { sessions: tableName }));
        const store = await SequelizeStore.open(sequelize, { tableName, cleanupInterval: 0 });
        const expiry = new Date("2100-02-03T04:05:06.789Z");
        const data = new Uint8Array(100_000);
        await store.commit("token", data, expiry);
        assert.deepEqual(await store.find("token"), { token: "token", data, expiry });
        await store.delete("TOKEN");
        assert.equal((await store.all()).size, 1);
      } finally {
        await down(sequelize.getQueryInterface(), { tableName });
      }
    });
  },
);
