// A table of that name that is not a sessions table: nothing is changed, and the error says why.

import assert from "node:assert/strict";
import type { Sequelize } from "sequelize";
import { up } from "../../src/sequelize/migration/mod.ts";
import { SequelizeStore } from "../../mod.ts";
import {
  bytes,
  type Database,
  databases,
  freshTableName,
  inMs,
  mariadb,
  open,
  postgres,
  soon,
  testOn,
  text,
} from "../support/databases.ts";

/** Columns of the right types for a database. */
function columnsOf({ dialect }: Database): { token: string; data: string; expiry: string } {
  return {
    token: "token VARCHAR(255)",
    data: `data ${dialect === "postgres" ? "BYTEA" : "BLOB"}`,
    expiry: `expiry ${dialect === "postgres" ? "TIMESTAMPTZ" : "DATETIME"}`,
  };
}

async function withTable(
  database: Database,
  columns: string,
  test: (sequelize: Sequelize, tableName: string, address: string) => Promise<void>,
): Promise<void> {
  await database.connect(async (sequelize, address) => {
    const tableName = freshTableName();
    await sequelize.query(`CREATE TABLE ${tableName} (${columns})`);
    try {
      await test(sequelize, tableName, address);
    } finally {
      await sequelize.getQueryInterface().dropTable(tableName);
    }
  });
}

/** Asserts that everything that makes the table refuses this one, and leaves it as it is. */
async function assertRefused(
  sequelize: Sequelize,
  tableName: string,
  fault: string,
): Promise<void> {
  const statements: string[] = [];
  const logging = (sql: string): unknown => statements.push(sql);
  const queryInterface = sequelize.getQueryInterface();
  const indexes = JSON.stringify(await queryInterface.showIndex(tableName));
  const refused = (action: string): Error =>
    new Error(`Cannot ${action}: the table '${tableName}' is not a sessions table: ${fault}`);
  await assert.rejects(
    SequelizeStore.open(sequelize, { tableName, cleanupInterval: 0, logging }),
    refused("open the session store"),
  );
  const create = refused("create the sessions table");
  await assert.rejects(up(queryInterface, { tableName, logging }), create);
  assert.deepEqual(statements.filter((sql) => /CREATE|ALTER/.test(sql)), []);
  const transaction = await sequelize.transaction();
  try {
    await assert.rejects(up(queryInterface, { tableName, transaction }), create);
  } finally {
    await transaction.rollback();
  }
  assert.equal(JSON.stringify(await queryInterface.showIndex(tableName)), indexes);
}

testOn(databases, "a table without one of the columns is refused", async (database) => {
  const all = columnsOf(database);
  for (const missing of ["token", "data", "expiry"] as const) {
    const { [missing]: _, ...others } = { ...all, id: "id INTEGER PRIMARY KEY" };
    await withTable(database, Object.values(others).join(), async (sequelize, tableName) => {
      await assertRefused(sequelize, tableName, `it has no column '${missing}'`);
    });
  }
});

const NO_KEY = "its column 'token' is not the primary key and has no unique index of its own";

testOn(databases, "a table whose tokens are not unique is refused", async (database) => {
  const { token, data, expiry } = columnsOf(database);
  const keys = [
    [token, data, expiry],
    [token, data, expiry, "PRIMARY KEY (token, expiry)"],
    ["id INTEGER PRIMARY KEY", token, data, `${expiry} UNIQUE`],
  ];
  for (const columns of keys) {
    await withTable(database, columns.join(), async (sequelize, tableName) => {
      await sequelize.query(`CREATE INDEX ${tableName}_token ON ${tableName} (token)`);
      await assertRefused(sequelize, tableName, NO_KEY);
    });
  }
});

testOn(
  databases.filter(({ dialect }) => dialect === "sqlite" || dialect === "postgres"),
  "a table whose tokens are unique in some rows only is refused",
  async (database) => {
    await withTable(
      database,
      Object.values(columnsOf(database)).join(),
      async (sequelize, table) => {
        await sequelize.query(
          `CREATE UNIQUE INDEX ${table}_token ON ${table} (token) WHERE data IS NULL`,
        );
        await assertRefused(sequelize, table, NO_KEY);
      },
    );
  },
);

testOn(mariadb, "a table whose tokens are unique by their beginnings is refused", async (on) => {
  const columns = [...Object.values(columnsOf(on)), "UNIQUE (token(10))"];
  await withTable(on, columns.join(), (sequelize, tableName) => {
    return assertRefused(sequelize, tableName, NO_KEY);
  });
});

testOn(databases, "a unique index on the token is as good as a primary key", async (database) => {
  const { token, data, expiry } = columnsOf(database);
  const columns = ["id INTEGER", token, data, expiry, "UNIQUE (token)"];
  await withTable(database, columns.join(), async (sequelize, tableName) => {
    const store = await SequelizeStore.open(sequelize, { tableName, cleanupInterval: 0 });
    for (const data of ["old", "new"]) await store.commit("token", bytes(data), soon());
    assert.equal(text((await store.find("token"))?.data), "new");
  });
});

testOn(postgres, "a primary key that includes other columns is one", async (database) => {
  const columns = [...Object.values(columnsOf(database)), "PRIMARY KEY (token) INCLUDE (expiry)"];
  await withTable(database, columns.join(), async (sequelize, tableName) => {
    const store = await SequelizeStore.open(sequelize, { tableName, cleanupInterval: 0 });
    await store.commit("token", bytes("data"), soon());
    await up(sequelize.getQueryInterface(), { tableName });
  });
});

const SCS_TABLES = new Map<Database["dialect"], string[]>([
  ["postgres", [
    "token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMPTZ NOT NULL",
    "token varchar(43) PRIMARY KEY, data bytea, expiry timestamptz",
  ]],
  ["mariadb", ["token CHAR(43) PRIMARY KEY, data BLOB NOT NULL, expiry TIMESTAMP(6) NOT NULL"]],
  ["mysql", ["token CHAR(43) PRIMARY KEY, data BLOB NOT NULL, expiry TIMESTAMP(6) NOT NULL"]],
  ["sqlite", ["token text, data blob, expiry datetime, PRIMARY KEY (token)"]],
]);

testOn(databases, "a table that SCS made is taken, with its own index", async (database) => {
  for (const columns of SCS_TABLES.get(database.dialect)!) {
    await withTable(database, columns, async (sequelize, tableName) => {
      await sequelize.query(`CREATE INDEX idx_${tableName} ON ${tableName} (expiry)`);
      const statements: string[] = [];
      const logging = (sql: string): unknown => statements.push(sql);
      await up(sequelize.getQueryInterface(), { tableName, logging });
      const store = await SequelizeStore.open(sequelize, {
        tableName,
        cleanupInterval: 0,
        logging,
      });
      assert.deepEqual(statements.filter((sql) => /CREATE|ALTER/.test(sql)), []);
      await store.commit("token", bytes("data"), soon());
      await store.commit("expired", bytes("data"), inMs(-1000));
      assert.equal(await store.deleteExpired(), 1);
      assert.equal(text((await store.find("token"))?.data), "data");
    });
  }
});

testOn(
  [postgres, ...mariadb],
  "open() sends two statements if the table is there",
  async (database) => {
    await withTable(
      database,
      SCS_TABLES.get(database.dialect)![0]!,
      async (sequelize, tableName) => {
        await up(sequelize.getQueryInterface(), { tableName });
        const statements: string[] = [];
        await SequelizeStore.open(sequelize, {
          tableName,
          cleanupInterval: 0,
          logging: (sql) => statements.push(sql),
        });
        assert.equal(statements.length, 2, statements.join("\n"));
      },
    );
  },
);

testOn(postgres, "a user who may not read the catalogs opens a table that is there", async (on) => {
  await on.connect(async (sequelize, address) => {
    const [tableName, user, name] = [freshTableName(), freshTableName(), freshTableName()];
    // In a database of its own, since no table may be looked up in it.
    await sequelize.query(`CREATE DATABASE ${name}`);
    await sequelize.query(`CREATE ROLE ${user} LOGIN`);
    const url = new URL(address);
    url.pathname = name;
    const owner = open(url.href);
    url.username = user;
    const limited = open(url.href);
    try {
      await up(owner.getQueryInterface(), { tableName });
      await owner.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ${tableName} TO ${user}`);
      await owner.query(
        "REVOKE SELECT ON pg_catalog.pg_index, pg_catalog.pg_attribute FROM PUBLIC",
      );
      const store = await SequelizeStore.open(limited, { tableName, cleanupInterval: 0 });
      await store.commit("token", bytes("data"), soon());
      assert.equal(text((await store.find("token"))?.data), "data");
    } finally {
      await limited.close();
      await owner.close();
      await sequelize.query(`DROP DATABASE ${name}`);
      await sequelize.query(`DROP ROLE ${user}`);
    }
  });
});
