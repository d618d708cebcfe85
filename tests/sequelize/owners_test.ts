// Whose session is whose: the column and its index, what a store without owners says, the plans of the statements,
// and the order of deleteOwned() among the writes.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { type Options, QueryTypes, type Sequelize } from "sequelize";
import { up } from "../../src/sequelize/migration/mod.ts";
import { SequelizeStore, type SequelizeStoreOptions } from "../../mod.ts";
import {
  bytes,
  type Database,
  databases,
  freshTableName,
  inMs,
  mariadb,
  open,
  postgres,
  servers,
  shared,
  soon,
  testOn,
  text,
  withStore,
} from "../support/databases.ts";
import { HOSTILE_OWNERS } from "../support/store_contract.ts";

interface Index {
  readonly name: string;
  readonly fields: readonly { readonly attribute: string }[];
}

/** The columns of the indexes that begin with the owner, by the indexes' names. */
async function ownerIndexes(sequelize: Sequelize, table: string): Promise<Record<string, unknown>> {
  const indexes = await sequelize.getQueryInterface().showIndex(table) as Index[];
  const columns = indexes.map(({ name, fields }) => {
    return [name, fields.map(({ attribute }) => attribute)] as const;
  });
  return Object.fromEntries(columns.filter(([, [first]]) => first === "owner"));
}

async function tokensOf(store: SequelizeStore, owner: string): Promise<string[]> {
  const tokens = [];
  for await (const { token } of store.entriesOf(owner)) tokens.push(token);
  return tokens;
}

/** Lends a table without owners that holds a session, in a store's own layout or in SCS's. */
async function withPlainTable(
  database: Database,
  test: (sequelize: Sequelize, tableName: string, address: string) => Promise<void>,
  columns?: string,
): Promise<void> {
  await database.connect(async (sequelize, address) => {
    const tableName = freshTableName();
    if (columns) await sequelize.query(`CREATE TABLE ${tableName} (${columns})`);
    const store = await SequelizeStore.open(sequelize, { tableName, cleanupInterval: 0 });
    try {
      await store.commit("old", bytes("data"), soon());
      await test(sequelize, tableName, address);
    } finally {
      await store.model.drop();
    }
  });
}

const OWNED = { cleanupInterval: 0, owners: true } as const;

testOn(databases, "open() adds owners to a table that lacks them, once", async (database) => {
  const isPostgres = database.dialect === "postgres";
  const scs = isPostgres
    ? "token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMPTZ NOT NULL"
    : "token CHAR(43) PRIMARY KEY, data BLOB NOT NULL, expiry TIMESTAMP(6) NOT NULL";
  for (const columns of [undefined, scs]) {
    await withPlainTable(database, async (sequelize, tableName) => {
      const statements: string[] = [];
      const logging = (sql: string): unknown => statements.push(sql);
      const store = await SequelizeStore.open(sequelize, { ...OWNED, tableName });
      const indexes = { [`${tableName}_owner_idx`]: ["owner", "token"] };
      assert.deepEqual(await ownerIndexes(sequelize, tableName), indexes);
      assert.equal(text((await store.find("old"))?.data), "data");
      await store.commit("new", bytes("data"), soon(), { owner: "user" });
      assert.equal(
        await store.replace("old", bytes("data"), bytes(""), soon(), { owner: "user" }),
        true,
      );
      await SequelizeStore.open(sequelize, { ...OWNED, tableName, logging });
      assert.deepEqual(statements.filter((sql) => /CREATE|ALTER/.test(sql)), []);
      assert.deepEqual(await ownerIndexes(sequelize, tableName), indexes);
      assert.deepEqual(await tokensOf(store, "user"), ["new", "old"]);
      // Without owners the table works as before.
      const plain = await SequelizeStore.open(sequelize, { tableName, cleanupInterval: 0 });
      assert.deepEqual(await plain.replace("new", bytes("data"), bytes("changed"), soon()), true);
      assert.deepEqual(Object.keys((await plain.find("new"))!), ["token", "data", "expiry"]);
      assert.deepEqual(await tokensOf(store, "user"), ["new", "old"]);
    }, columns);
  }
});

testOn(databases, "open() takes any index that begins with the owner", async (database) => {
  await withPlainTable(database, async (sequelize, tableName) => {
    const type = database.dialect === "mysql" || database.dialect === "mariadb"
      ? "VARBINARY(1020)"
      : "VARCHAR(255)";
    await sequelize.query(`ALTER TABLE ${tableName} ADD owner ${type}`);
    await sequelize.query(`CREATE INDEX ${tableName}_mine ON ${tableName} (owner)`);
    const store = await SequelizeStore.open(sequelize, { ...OWNED, tableName });
    assert.deepEqual(await ownerIndexes(sequelize, tableName), {
      [`${tableName}_mine`]: ["owner"],
    });
    await store.commit("new", bytes("data"), soon(), { owner: "user" });
    assert.deepEqual(await tokensOf(store, "user"), ["new"]);
  });
});

testOn(shared, "open() adds owners to one table from ten instances at once", async (database) => {
  await withPlainTable(database, async (sequelize, tableName, address) => {
    const instances = Array.from({ length: 10 }, () => open(address, { pool: { max: 1 } }));
    try {
      const stores = await Promise.all(instances.map((instance) => {
        return SequelizeStore.open(instance, { ...OWNED, tableName });
      }));
      for (const [i, store] of stores.entries()) {
        await store.commit(`token${i}`, bytes("data"), soon(), { owner: "user" });
      }
      assert.equal((await tokensOf(stores[0]!, "user")).length, 10);
      const indexes = { [`${tableName}_owner_idx`]: ["owner", "token"] };
      assert.deepEqual(await ownerIndexes(sequelize, tableName), indexes);
    } finally {
      for (const instance of instances) await instance.close();
    }
  });
});

testOn(databases, "up() adds owners, in a transaction too", async (database) => {
  for (const inTransaction of [false, true]) {
    await withPlainTable(database, async (sequelize, tableName) => {
      const queryInterface = sequelize.getQueryInterface();
      const options = { tableName, owners: true };
      for (let i = 0; i < 2; i++) {
        const transaction = inTransaction ? await sequelize.transaction() : null;
        await up(queryInterface, { ...options, transaction });
        await transaction?.commit();
      }
      const store = await SequelizeStore.open(sequelize, { ...OWNED, tableName, sync: false });
      await store.commit("new", bytes("data"), soon(), { owner: "user" });
      assert.deepEqual(await tokensOf(store, "user"), ["new"]);
      const indexes = { [`${tableName}_owner_idx`]: ["owner", "token"] };
      assert.deepEqual(await ownerIndexes(sequelize, tableName), indexes);
    });
  }
});

testOn(postgres, "owners are added in the schema in which the table is found", async (database) => {
  const schema = freshTableName();
  await database.connect(async (sequelize, address) => {
    await sequelize.createSchema(schema, {});
    const url = new URL(address);
    url.searchParams.set("options", `-c search_path=${schema}`);
    const elsewhere = open(url.href);
    try {
      for (const tableName of ["alone", "migrated"]) {
        await SequelizeStore.open(elsewhere, { tableName, cleanupInterval: 0 });
      }
      const store = await SequelizeStore.open(elsewhere, { ...OWNED, tableName: "alone" });
      await store.commit("token", bytes("data"), soon(), { owner: "user" });
      assert.deepEqual(await tokensOf(store, "user"), ["token"]);
      const transaction = await elsewhere.transaction();
      const queryInterface = elsewhere.getQueryInterface();
      await up(queryInterface, { tableName: "migrated", owners: true, transaction });
      await transaction.commit();
      await SequelizeStore.open(elsewhere, { ...OWNED, tableName: "migrated" });
    } finally {
      await elsewhere.close();
      await sequelize.dropSchema(schema, {});
    }
  });
});

// As documented for a table that is large.
testOn(postgres, "an index that was made by hand is taken", async (database) => {
  const document = await readFile(new URL("../../docs/databases.md", import.meta.url), "utf8");
  const [sql] = /^CREATE INDEX CONCURRENTLY .*;$/m.exec(document)!;
  await withPlainTable(database, async (sequelize, tableName) => {
    const [column] = /^ALTER TABLE .*"owner" .*;$/m.exec(document)!;
    for (const each of [column, sql]) {
      await sequelize.query(each.replaceAll(/\bsessions/g, tableName));
    }
    const statements: string[] = [];
    const logging = (sql: string): unknown => statements.push(sql);
    await SequelizeStore.open(sequelize, { ...OWNED, tableName, logging });
    assert.deepEqual(statements.filter((sql) => /CREATE|ALTER/.test(sql)), []);
  });
});

testOn(databases, "without the column, the first call says what to do", async (database) => {
  await withPlainTable(database, async (sequelize, tableName) => {
    for (const driver of ["direct", "sequelize"] as const) {
      const options = { ...OWNED, tableName, sync: false, driver };
      const store = await SequelizeStore.open(sequelize, options);
      const data = bytes("data");
      const calls: (() => Promise<unknown>)[] = [
        () => store.find("old"),
        () => store.commit("new", data, soon(), { owner: "user" }),
        () => store.commit("new", data, soon()),
        () => store.replace("old", data, data, soon(), { owner: "user" }),
        () => store.all(),
        () => store.entriesOf("user").next(),
        () => store.deleteOwned("user"),
      ];
      for (const call of calls) {
        await assert.rejects(call, (error: Error) => {
          assert.match(error.message, /: add the column 'owner' with `sync: true` .*\/migration/);
          return error.name === "SequelizeDatabaseError";
        });
      }
      // A batch fails as a whole: one statement, not one for each session.
      const many = Array.from({ length: 20 }, (_, i) => store.commit(`t${i}`, data, soon()));
      for (const { status } of await Promise.allSettled(many)) assert.equal(status, "rejected");
    }
    assert.equal(
      (await (await SequelizeStore.open(sequelize, { ...OWNED, tableName })).all()).size,
      1,
    );
  });
});

testOn(
  databases,
  "a store without owners refuses them before anything is sent",
  async (database) => {
    await withStore(database, async ({ store, sequelize, statements }) => {
      await store.commit("token", bytes("data"), soon());
      statements.length = 0;
      const owner = "user";
      const calls: [() => Promise<unknown>, string][] = [
        [() => store.commit("token", bytes("new"), soon(), { owner }), "commit the session"],
        [
          () => store.replace("token", bytes("data"), bytes("new"), soon(), { owner }),
          "replace the session",
        ],
        [() => store.entriesOf(owner).next(), "walk the sessions"],
        [() => store.deleteOwned(owner), "delete the sessions"],
      ];
      for (const [call, action] of calls) {
        const message = `Cannot ${action}: the store must be opened with \`owners: true\``;
        await assert.rejects(call, new TypeError(message));
      }
      assert.deepEqual(statements, []);
      // Nobody's it is anyway.
      const replaced = store.replace("token", bytes("data"), bytes("new"), soon(), { owner: null });
      assert.equal(await replaced, true);
      for (const owners of [1, "yes", null] as unknown as boolean[]) {
        await assert.rejects(SequelizeStore.open(sequelize, { owners }), TypeError);
        await assert.rejects(up(sequelize.getQueryInterface(), { owners }), TypeError);
      }
    });
  },
);

/** Commits sessions, of which every 50th belongs to a user with 5 of them. */
async function fill(store: SequelizeStore, count: number): Promise<void> {
  const numbers = Array.from({ length: count }, (_, i) => i);
  await Promise.all(numbers.map((i) => {
    const owner = i % 50 === 0 ? `user${Math.floor(i / 250)}` : undefined;
    return store.commit(`token${(i * 7919) % 100_003}`, bytes("data"), soon(), { owner });
  }));
}

/** How the database would carry a statement out, as text. */
async function planOf(
  { dialect }: Database,
  sequelize: Sequelize,
  sql: string,
  bind: unknown[],
): Promise<string> {
  const explain = dialect === "sqlite" ? "EXPLAIN QUERY PLAN" : "EXPLAIN";
  const options = { type: QueryTypes.SELECT as const, ...(bind.length > 0 && { bind }) };
  return JSON.stringify(await sequelize.query(`${explain} ${sql}`, options));
}

testOn(databases, "the owner's index finds and ends the sessions", async (database) => {
  await withStore(database, async ({ store, sequelize, statements }) => {
    const { tableName } = store.model;
    await fill(store, 5000);
    // Without statistics, and with them.
    for (const analyze of [false, true]) {
      if (analyze) {
        const table = database.dialect === "mysql" || database.dialect === "mariadb"
          ? "TABLE "
          : "";
        await sequelize.query(`ANALYZE ${table}${tableName}`, { type: QueryTypes.SELECT });
      }
      statements.length = 0;
      assert.equal((await tokensOf(store, "user1")).length, 5);
      await store.deleteOwned("missing", { except: ["token"] });
      const sent = statements.map((sql) => sql.replace(/^Execut\w+ \(.*?\): /, ""))
        .filter((sql) => /SELECT|DELETE/.test(sql));
      assert.ok(sent.length >= 2);
      const moment = inMs(0).toISOString();
      const sqlite = `${moment.replace("T", " ").replace("Z", "")} +00:00`;
      for (const sql of sent) {
        const isWalk = sql.includes("LIMIT");
        const bind = database.dialect === "postgres"
          ? isWalk ? ["user1", "", moment, "1000"] : ["user1", ["token"], moment]
          : database.dialect === "sqlite"
          ? isWalk ? ["user1", "", sqlite, "1000"] : ["user1", "token"]
          : [];
        const plan = await planOf(database, sequelize, sql, bind);
        assert.match(plan, new RegExp(`${tableName}_owner_idx`), sql);
        // In the index's order. PostgreSQL rather sorts a few rows.
        if (isWalk && database.dialect !== "postgres") {
          assert.doesNotMatch(plan, /filesort|TEMP B-TREE|Sort/, sql);
        }
      }
    }
  }, { owners: true });
});

testOn(databases, "a walk of a page is one statement, and so is an end", async (database) => {
  await withStore(database, async ({ store, statements }) => {
    await fill(store, 1000);
    statements.length = 0;
    assert.equal((await tokensOf(store, "user1")).length, 5);
    assert.equal(statements.length, 1);
    statements.length = 0;
    assert.equal(await store.deleteOwned("user1"), 5);
    const deletes = statements.filter((sql) => sql.includes("DELETE"));
    // MySQL's DELETE does not tell which rows were active.
    const isMysql = database.dialect === "mysql" || database.dialect === "mariadb";
    assert.equal(deletes.length, isMysql ? 2 : 1);
    if (!isMysql) assert.equal(statements.length, 1);
  }, { owners: true });
});

testOn(databases, "owners can be part of a transaction", async (database) => {
  await withStore(database, async ({ store, sequelize }) => {
    for (const end of ["rollback", "commit"] as const) {
      await store.commit("a", bytes("data"), soon(), { owner: "user" });
      await store.commit("b", bytes("data"), soon());
      const transaction = await sequelize.transaction();
      const call = { transaction, owner: "user" };
      await store.commit("c", bytes("data"), soon(), call);
      assert.equal(await store.replace("b", bytes("data"), bytes("new"), soon(), call), true);
      const tokens = [];
      for await (const { token } of store.entriesOf("user", { transaction, pageSize: 2 })) {
        tokens.push(token);
      }
      assert.deepEqual(tokens, ["a", "b", "c"]);
      assert.equal(await store.deleteOwned("user", { transaction, except: ["c"] }), 2);
      await transaction[end]();
      assert.deepEqual(await tokensOf(store, "user"), end === "rollback" ? ["a"] : ["c"]);
    }
  }, { owners: true });
});

/** Waits until a connection to the database waits for a lock. */
async function untilWaiting({ dialect }: Database, sequelize: Sequelize): Promise<void> {
  const sql = dialect === "postgres"
    ? "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    : "SELECT 1 FROM information_schema.innodb_trx JOIN information_schema.processlist" +
      " ON id = trx_mysql_thread_id WHERE trx_state = 'LOCK WAIT' AND db = database()";
  for (;;) {
    // InnoDB answers from a cache that it renews only after a tenth of a second without questions.
    await new Promise((resolve) => setTimeout(resolve, 110));
    if ((await sequelize.query(sql, { type: QueryTypes.SELECT })).length > 0) return;
  }
}

// The caller has given up, but the database will carry the commit out once it gets the lock.
testOn(
  servers,
  "deleteOwned() ends what a commit leaves that was given up in flight",
  async (on) => {
    await withStore(on, async ({ store, sequelize }) => {
      await store.commit("token", bytes("old"), soon());
      const transaction = await sequelize.transaction();
      await store.model.findByPk("token", { transaction, lock: true, raw: true });
      const controller = new AbortController();
      const { signal } = controller;
      const committed = store.commit("token", bytes("new"), soon(), { owner: "user", signal });
      await untilWaiting(on, sequelize);
      controller.abort(new Error("gone"));
      await assert.rejects(committed, /gone/);
      let isDone = false;
      const ended = store.deleteOwned("user").finally(() => isDone = true);
      // Another owner's sessions wait for nothing.
      assert.equal(await store.deleteOwned("another"), 0);
      assert.equal(isDone, false);
      await transaction.commit();
      assert.equal(await ended, 1);
      assert.equal(await store.find("token"), undefined);
    }, { owners: true });
  },
);

// Its row still looks as it did before the update when the delete begins.
testOn(servers, "deleteOwned() beats an update that another process has in flight", async (on) => {
  await withStore(on, async ({ store, sequelize }) => {
    await store.commit("token", bytes("data"), soon(), { owner: "user" });
    const transaction = await sequelize.transaction();
    assert.equal(await store.touch("token", inMs(120_000), { transaction }), true);
    const ended = store.deleteOwned("user");
    await untilWaiting(on, sequelize);
    await transaction.commit();
    assert.equal(await ended, 1);
    assert.equal(await store.find("token"), undefined);
  }, { owners: true });
});

testOn(databases, "deleteOwned() heeds its signal while it waits for commits", async (database) => {
  await withStore(database, async ({ store, statements }) => {
    const commits = Array.from({ length: 50 }, (_, i) => {
      return store.commit(`token${i}`, bytes("data"), soon(), { owner: "user" });
    });
    const controller = new AbortController();
    const ended = store.deleteOwned("user", { signal: controller.signal });
    controller.abort(new Error("gone"));
    await assert.rejects(ended, /gone/);
    await Promise.all(commits);
    assert.deepEqual(statements.filter((sql) => sql.includes("DELETE")), []);
    assert.equal((await tokensOf(store, "user")).length, 50);
  }, { owners: true });
});

async function hostileOwners(store: SequelizeStore): Promise<void> {
  const tokens = HOSTILE_OWNERS.map((_, i) => `token${i}`);
  const [data, next] = [bytes("data"), bytes("next")];
  for (const together of [false, true]) {
    const each = async (act: (owner: string, token: string) => Promise<unknown>): Promise<void> => {
      const calls = HOSTILE_OWNERS.map((owner, i) => () => act(owner, tokens[i]!));
      if (together) await Promise.all(calls.map((call) => call()));
      else for (const call of calls) await call();
    };
    await each((owner, token) => store.commit(token, data, soon(), { owner }));
    await each(async (owner, token) => assert.deepEqual(await tokensOf(store, owner), [token]));
    await each((_, token) => store.replace(token, data, next, soon(), { owner: null }));
    await each((owner, token) => store.replace(token, next, data, soon(), { owner }));
    await each(async (owner, token) => assert.equal((await store.find(token))?.owner, owner));
    await each(async (owner) => assert.equal(await store.deleteOwned(owner), 1));
  }
}

const DRIVERS: readonly SequelizeStoreOptions[] = [
  { owners: true, driver: "direct" },
  { owners: true, driver: "sequelize" },
];

testOn(mariadb, "owners are kept under NO_BACKSLASH_ESCAPES and in latin1", async (database) => {
  const set =
    "SET SESSION sql_mode = CONCAT(@@sql_mode, ',NO_BACKSLASH_ESCAPES,HIGH_NOT_PRECEDENCE')";
  const afterConnect = async (connection: { query(sql: string, done?: unknown): unknown }) => {
    for (const sql of [set, "SET NAMES latin1"]) {
      if (database.dialect === "mariadb") await connection.query(sql);
      else await new Promise((resolve) => connection.query(sql, resolve));
    }
  };
  for (const options of DRIVERS) {
    await withStore(
      database,
      async ({ store, sequelize }) => {
        const [row] = await sequelize.query<{ mode: string }>("SELECT @@sql_mode AS mode", {
          type: QueryTypes.SELECT,
        });
        assert.match(
          row!.mode,
          /HIGH_NOT_PRECEDENCE.*NO_BACKSLASH_ESCAPES|NO_BACKSLASH_ESCAPES.*HIGH_NOT/,
        );
        await hostileOwners(store);
        await store.commit("kept", bytes("data"), soon(), { owner: "user" });
        await store.commit("ended", bytes("data"), soon(), { owner: "user" });
        assert.equal(await store.deleteOwned("user", { except: ["kept"] }), 1);
        assert.deepEqual(await tokensOf(store, "user"), ["kept"]);
      },
      options,
      { hooks: { afterConnect } } as unknown as Options,
    );
  }
});

testOn(postgres, "owners are kept without standard strings, and as literals", async (database) => {
  const nonStandard = {
    standardConformingStrings: false,
    dialectOptions: { options: "-c standard_conforming_strings=off -c escape_string_warning=off" },
  };
  // With a search path before each statement, values are written into it.
  const literals = { dialectOptions: { prependSearchPath: true }, searchPath: "public" };
  for (const settings of [nonStandard, literals] as unknown as Options[]) {
    for (const options of DRIVERS) {
      await withStore(database, ({ store }) => hostileOwners(store), options, settings);
    }
  }
});
