// The table: how it is made, whose tables it can be, and what of the application's must not reach it.

import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import pg from "pg";
import { DataTypes, type Options, QueryTypes, Sequelize } from "sequelize";
import { SequelizeStore } from "../../mod.ts";
import {
  bytes,
  type Database,
  databases,
  freshTableName,
  inMs,
  mariadb,
  postgres,
  shared,
  soon,
  testOn,
  text,
  withStore,
} from "../support/databases.ts";
import { runScript } from "../support/run_script.ts";

/** The names of a table's indexes on the expiry. */
async function expiryIndexes(sequelize: Sequelize, table: string): Promise<string[]> {
  const indexes = await sequelize.getQueryInterface().showIndex(table) as {
    name: string;
    fields: { attribute: string }[];
  }[];
  return indexes.filter(({ fields }) => fields[0]?.attribute === "expiry").map(({ name }) => name);
}

testOn(databases, "open() makes a table with an index on the expiry", async (database) => {
  await withStore(database, async ({ store: { model }, sequelize }) => {
    const indexes = await expiryIndexes(sequelize, model.tableName);
    assert.deepEqual(indexes, [`${model.tableName}_expiry_idx`]);
  });
});

testOn(databases, "open() leaves a table that is there as it is", async (database) => {
  await withStore(database, async ({ store, sequelize }) => {
    await store.commit("token", bytes("data"), soon());
    const statements: string[] = [];
    const again = await SequelizeStore.open(sequelize, {
      tableName: store.model.tableName,
      cleanupInterval: 0,
      logging: (sql) => statements.push(sql),
    });
    assert.equal(text((await again.find("token"))?.data), "data");
    assert.deepEqual(statements.filter((sql) => /CREATE|ALTER|DROP/.test(sql)), []);
  });
});

// As a process leaves it that dies between the two.
testOn(databases, "open() adds the index that a table lacks", async (database) => {
  await withStore(database, async ({ store, sequelize }) => {
    const { tableName } = store.model;
    const index = `${tableName}_expiry_idx`;
    await sequelize.getQueryInterface().removeIndex(tableName, index);
    for (let i = 0; i < 2; i++) {
      await SequelizeStore.open(sequelize, { tableName, cleanupInterval: 0 });
      assert.deepEqual(await expiryIndexes(sequelize, tableName), [index]);
    }
  });
});

testOn(databases, "open() adds no second index where one has another name", async (database) => {
  await withStore(database, async ({ store, sequelize }) => {
    const { tableName } = store.model;
    const queryInterface = sequelize.getQueryInterface();
    await queryInterface.removeIndex(tableName, `${tableName}_expiry_idx`);
    await queryInterface.addIndex(tableName, { fields: ["expiry"], name: `idx_${tableName}` });
    await SequelizeStore.open(sequelize, { tableName, cleanupInterval: 0 });
    assert.deepEqual(await expiryIndexes(sequelize, tableName), [`idx_${tableName}`]);
  });
});

testOn(databases, "open() serves two tables, and one table twice", async (database) => {
  await withStore(database, async ({ store, sequelize }) => {
    const options = { tableName: freshTableName(), cleanupInterval: 0 };
    const other = await SequelizeStore.open(sequelize, options);
    const same = await SequelizeStore.open(sequelize, options);
    await store.commit("token", bytes("one"), soon());
    await other.commit("token", bytes("two"), soon());
    assert.equal(text((await store.find("token"))?.data), "one");
    assert.equal(text((await same.find("token"))?.data), "two");
    await other.model.drop();
  });
});

// CREATE TABLE IF NOT EXISTS of PostgreSQL fails with a unique violation while another one is under way.
testOn(shared, "open() succeeds in ten processes at once, which then end", async (database) => {
  await database.connect(async (sequelize, address) => {
    const tableName = freshTableName();
    const scripts = Array.from(
      { length: 10 },
      () => runScript("tests/support/open_store.ts", [address, tableName]).ended,
    );
    try {
      for (const end of await Promise.all(scripts)) assert.deepEqual(end, { code: 0, output: "" });
      const indexes = await expiryIndexes(sequelize, tableName);
      assert.deepEqual(indexes, [`${tableName}_expiry_idx`]);
    } finally {
      await sequelize.getQueryInterface().dropTable(tableName);
    }
  });
});

testOn(databases, "open() without sync makes no query", async (database) => {
  await database.connect(async (sequelize) => {
    const statements: string[] = [];
    const store = await SequelizeStore.open(sequelize, {
      tableName: freshTableName(),
      sync: false,
      logging: (sql) => statements.push(sql),
    });
    await store.stopCleanup();
    assert.deepEqual(statements, []);
    await assert.rejects(store.find("token"), { name: "SequelizeDatabaseError" });
  });
});

testOn(postgres, "open() uses the schema that it is given", async (database) => {
  await database.connect(async (sequelize) => {
    const schema = freshTableName();
    await sequelize.createSchema(schema, {});
    try {
      const options = { schema, tableName: "sessions", cleanupInterval: 0 };
      const store = await SequelizeStore.open(sequelize, options);
      await SequelizeStore.open(sequelize, options);
      await putThrough(store);
      const [row] = await sequelize.query<{ indexdef: string }>(
        `SELECT indexdef FROM pg_indexes WHERE schemaname = '${schema}' AND indexdef LIKE '%expiry%'`,
        { type: QueryTypes.SELECT },
      );
      assert.match(row!.indexdef, /"?sessions_expiry_idx"? ON/);
    } finally {
      await sequelize.dropSchema(schema, {});
    }
  });
});

// Sequelize's own look-up knows the schema "public" only.
testOn(postgres, "open() finds its table along the search path", async (database) => {
  const schema = freshTableName();
  const options: Options = { dialectOptions: { options: `-c search_path=${schema}` } };
  await database.connect(async (sequelize) => {
    await sequelize.createSchema(schema, {});
    try {
      const store = await SequelizeStore.open(sequelize, { cleanupInterval: 0 });
      await putThrough(store);
      const statements: string[] = [];
      const logging = (sql: string): unknown => statements.push(sql);
      await SequelizeStore.open(sequelize, { cleanupInterval: 0, logging });
      assert.deepEqual(statements.filter((sql) => sql.includes("CREATE")), []);
    } finally {
      await sequelize.dropSchema(schema, {});
    }
  }, options);
});

async function putThrough(store: SequelizeStore): Promise<void> {
  const expiry = new Date("2030-01-02T03:04:05.678Z");
  await store.commit("token", bytes("data"), expiry);
  assert.deepEqual(await store.find("token"), { token: "token", data: bytes("data"), expiry });
  assert.equal(await store.replace("token", bytes("data"), bytes("new"), expiry), true);
  assert.equal(await store.touch("token", soon()), true);
  await store.commit("expired", bytes("data"), inMs(-1));
  assert.equal(await store.find("expired"), undefined);
  assert.deepEqual([...await store.all()], [["token", bytes("new")]]);
  assert.equal(await store.deleteExpired(), 1);
  await store.delete("token");
  assert.equal((await store.all()).size, 0);
}

/** Opens a store with `sync: false` on a table that other software has made. */
async function withForeignTable(
  database: Database,
  columns: string,
  test: (store: SequelizeStore, sequelize: Sequelize) => Promise<void>,
): Promise<void> {
  await database.connect(async (sequelize) => {
    const tableName = freshTableName();
    await sequelize.query(`CREATE TABLE ${tableName} (${columns})`);
    await sequelize.query(`CREATE INDEX ${tableName}_expiry_idx ON ${tableName} (expiry)`);
    try {
      const options = { tableName, sync: false, cleanupInterval: 0 };
      await test(await SequelizeStore.open(sequelize, options), sequelize);
    } finally {
      await sequelize.getQueryInterface().dropTable(tableName);
    }
  });
}

testOn(postgres, "a table that SCS's postgresstore made works as it stands", async (database) => {
  const columns = "token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMPTZ NOT NULL";
  await withForeignTable(database, columns, putThrough);
});

testOn(mariadb, "a table that SCS's mysqlstore made works as it stands", async (database) => {
  const columns = "token CHAR(43) PRIMARY KEY, data BLOB NOT NULL, expiry TIMESTAMP(6) NOT NULL";
  await withForeignTable(database, columns, async (store) => {
    await putThrough(store);
    // The column ignores case; the store does not take one session for the other.
    await store.commit("abc", bytes("data"), soon());
    assert.equal(await store.find("ABC"), undefined);
  });
});

testOn(postgres, "a table that gormstore made works as it stands", async (database) => {
  const columns = "token varchar(43) PRIMARY KEY, data bytea, expiry timestamptz";
  await withForeignTable(database, columns, putThrough);
});

const intrusive: Options = {
  benchmark: true,
  define: {
    timestamps: true,
    paranoid: true,
    underscored: true,
    freezeTableName: false,
    version: true,
    schema: "elsewhere",
    defaultScope: { where: { token: "none" } },
    indexes: [{ fields: ["created_at"] }],
    validate: {
      never(): void {
        throw new Error("validated");
      },
    },
    hooks: { beforeBulkCreate: refuse, beforeFind: refuse, beforeBulkDestroy: refuse },
  },
  hooks: { beforeBulkUpdate: refuse, beforeUpsert: refuse, beforeDefine: refuse },
  omitNull: true,
  query: { raw: true, nest: true },
  schema: "elsewhere",
  typeValidation: true,
};

function refuse(): never {
  throw new Error("a hook of the application's ran");
}

testOn(databases, "nothing of the application's options reaches the store", async (database) => {
  const logged: string[] = [];
  const logging = (sql: string): unknown => logged.push(sql);
  await withStore(
    database,
    async ({ store }) => {
      await putThrough(store);
      assert.deepEqual(logged, []);
    },
    { logging: false },
    { ...intrusive, logging },
  );
});

testOn(databases, "nothing of the store reaches the application", async (database) => {
  await database.connect(async (sequelize) => {
    const table = freshTableName();
    const Session = sequelize.define("Session", {
      id: { type: DataTypes.INTEGER, primaryKey: true },
    }, {
      tableName: table,
      timestamps: false,
    });
    await Session.sync();
    const { options } = sequelize as unknown as { options: object };
    const before = { ...options };
    const store = await SequelizeStore.open(sequelize, {
      tableName: freshTableName(),
      cleanupInterval: 0,
    });
    await putThrough(store);
    assert.deepEqual(Object.keys(sequelize.models), ["Session"]);
    assert.equal(sequelize.models.Session, Session);
    assert.equal(sequelize.model("Session"), Session);
    assert.deepEqual({ ...options }, before);
    await store.model.drop();
    await Session.create({ id: 7 });
    assert.equal(await Session.count(), 1);
    await Session.drop();
  });
});

testOn(
  databases,
  "sync({ force: true }) of the application's keeps the sessions",
  async (database) => {
    await withStore(database, async ({ store, sequelize }) => {
      await store.commit("token", bytes("data"), soon());
      await sequelize.sync({ force: true });
      assert.equal(text((await store.find("token"))?.data), "data");
    });
  },
);

// A session must not vanish with a transaction that happens to be around.
testOn(shared, "an ambient (CLS) transaction is not joined", async (database) => {
  const storage = new AsyncLocalStorage<Map<string, unknown>>();
  Sequelize.useCLS({
    bind: () => {},
    run: (callback: () => void) => storage.run(new Map(), callback),
    get: (key: string) => storage.getStore()?.get(key),
    set: (key: string, value: unknown) => storage.getStore()?.set(key, value),
  });
  try {
    await withStore(database, async ({ store, sequelize }) => {
      const rolledBack = sequelize.transaction(async () => {
        await store.commit("token", bytes("data"), soon());
        assert.equal(await store.touch("token", soon()), true);
        throw new Error("rolled back");
      });
      await assert.rejects(rolledBack, /rolled back/);
      assert.equal(text((await store.find("token"))?.data), "data");
    });
  } finally {
    delete (Sequelize as unknown as { _cls?: unknown })._cls;
  }
});

// With a replica that lags, a session would be missing right after it was written.
testOn(postgres, "reads go to the primary", async (database) => {
  await database.connect(async (_, address) => {
    const { hostname, port, username, pathname } = new URL(address);
    const primary = { host: hostname, port, username, database: pathname.slice(1) };
    const replica = { ...primary, port: "1" };
    await withStore(database, ({ store }) => putThrough(store), {}, {
      replication: { write: primary, read: [replica] },
    });
  });
});

const timezones = ["+00:00", "+09:30", "America/New_York"];

testOn(
  databases,
  "expiries are exact in every time zone, and in an hour that comes twice",
  async (database) => {
    const tableName = freshTableName();
    const expiries = [
      "2030-07-01T12:00:00.001Z",
      "2030-11-03T05:30:00.000Z",
      "2030-11-03T06:30:00.000Z",
    ];
    await withStore(database, async ({ sequelize }) => {
      const open = (of: Sequelize): Promise<SequelizeStore> =>
        SequelizeStore.open(of, { tableName, cleanupInterval: 0 });
      const check = async (of: Sequelize): Promise<void> => {
        const store = await open(of);
        for (const expiry of expiries) await store.commit(expiry, bytes("data"), new Date(expiry));
        for (const expiry of expiries) {
          assert.equal((await store.find(expiry))?.expiry.toISOString(), expiry);
        }
      };
      await check(sequelize);
      if (database.dialect === "sqlite") return;
      for (const timezone of timezones) await database.connect(check, { timezone });
      // What one application has written, another one with another time zone reads alike.
      const store = await open(sequelize);
      for (const expiry of expiries) {
        assert.equal((await store.find(expiry))?.expiry.toISOString(), expiry);
      }
    }, { tableName });
  },
);

testOn(mariadb, "expiries are exact on SCS's TIMESTAMP too", async (database) => {
  await withForeignTable(
    database,
    "token CHAR(43) PRIMARY KEY, data BLOB NOT NULL, expiry TIMESTAMP(6) NOT NULL",
    async (store, sequelize) => {
      const expiry = new Date("2030-07-01T12:00:00.001Z");
      await store.commit("token", bytes("data"), expiry);
      assert.deepEqual((await store.find("token"))?.expiry, expiry);
      // As Go sees it.
      const [row] = await sequelize.query<{ seconds: string }>(
        `SELECT CAST(UNIX_TIMESTAMP(expiry) AS CHAR) AS seconds FROM ${store.model.tableName}`,
        { type: QueryTypes.SELECT },
      );
      assert.equal(Number(row!.seconds) * 1000, expiry.getTime());
    },
  );
});

// Recipes that applications have for their own dates.
testOn(mariadb, "expiries are exact whatever the application makes of dates", async (database) => {
  const dialectOptions = { dateStrings: true, typeCast: true };
  await withStore(database, ({ store }) => putThrough(store), {}, { dialectOptions });
});

testOn(postgres, "expiries are exact whatever the application makes of dates", async (database) => {
  const TIMESTAMPTZ = 1184;
  const parser = pg.types.getTypeParser(TIMESTAMPTZ);
  pg.types.setTypeParser(TIMESTAMPTZ, (text) => text);
  try {
    for (const timezone of timezones) {
      await withStore(database, ({ store }) => putThrough(store), {}, { timezone });
    }
  } finally {
    pg.types.setTypeParser(TIMESTAMPTZ, parser);
  }
});

testOn(databases, "a table's name may be as long as every dialect takes", async (database) => {
  const tableName = freshTableName().padEnd(63, "x");
  for (let i = 0; i < 2; i++) {
    await withStore(database, async ({ sequelize, store }) => {
      await SequelizeStore.open(sequelize, { tableName, cleanupInterval: 0 });
      await putThrough(store);
    }, { tableName });
  }
});

// Sequelize then changes the search path within the statement's text.
testOn(
  postgres,
  "a search path that Sequelize prepends holds for every statement",
  async (database) => {
    const searchPath = freshTableName();
    await database.connect(async (sequelize) => {
      await sequelize.createSchema(searchPath, {});
      try {
        const store = await SequelizeStore.open(sequelize, { cleanupInterval: 0 });
        await putThrough(store);
      } finally {
        await sequelize.dropSchema(searchPath, {});
      }
    }, { searchPath, dialectOptions: { prependSearchPath: true } } as Options);
  },
);
