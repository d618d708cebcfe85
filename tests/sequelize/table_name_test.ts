// Names of tables, schemas and indexes: long ones, odd ones, and the same one in several places.

import assert from "node:assert/strict";
import { type Options, QueryTypes, type Sequelize } from "sequelize";
import { down, up } from "../../src/sequelize/migration/mod.ts";
import { SequelizeStore } from "../../mod.ts";
import {
  bytes,
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

interface Place {
  readonly tableName: string;
  readonly schema?: string;
}

/** Opens each table twice, without a word the second time, and puts a session through it; then drops all. */
async function assertDistinct(sequelize: Sequelize, places: readonly Place[]): Promise<void> {
  const stores: SequelizeStore[] = [];
  try {
    for (const place of places) {
      const options = { ...place, cleanupInterval: 0 };
      stores.push(await SequelizeStore.open(sequelize, options));
      const statements: string[] = [];
      const logging = (sql: string): unknown => statements.push(sql);
      await SequelizeStore.open(sequelize, { ...options, logging });
      await up(sequelize.getQueryInterface(), { ...place, logging });
      assert.deepEqual(statements.filter((sql) => /CREATE|ALTER/.test(sql)), []);
    }
    for (const [i, store] of stores.entries()) await store.commit("token", bytes(`${i}`), soon());
    for (const [i, store] of stores.entries()) {
      assert.equal(text((await store.find("token"))?.data), `${i}`);
      await store.commit("expired", bytes("data"), inMs(-1000));
      assert.equal(await store.deleteExpired(), 1);
    }
  } finally {
    for (const place of places) await down(sequelize.getQueryInterface(), place);
  }
}

testOn(databases, "tables whose names begin alike have indexes of their own", async (database) => {
  await database.connect(async (sequelize) => {
    const start = freshTableName().padEnd(52, "x");
    const places = ["", "_a", "_b"].map((end) => ({ tableName: start + end }));
    await assertDistinct(sequelize, places);
  });
});

testOn(databases, "an index is named after the table, and after no more", async (database) => {
  await database.connect(async (sequelize) => {
    const tableName = freshTableName().padEnd(52, "x");
    const queryInterface = sequelize.getQueryInterface();
    await up(queryInterface, { tableName });
    const indexes = await queryInterface.showIndex(tableName) as { name: string }[];
    assert.ok(indexes.some(({ name }) => name === `${tableName}_expiry_idx`));
    await down(queryInterface, { tableName });
  });
});

// Versions before this one cut the table's name off.
testOn(databases, "a long table keeps the index that it has", async (database) => {
  await database.connect(async (sequelize) => {
    const tableName = freshTableName().padEnd(63, "x");
    const queryInterface = sequelize.getQueryInterface();
    const indexes = async (): Promise<string[]> => {
      const indexes = await queryInterface.showIndex(tableName) as { name: string }[];
      return indexes.map(({ name }) => name).filter((name) => name.includes("expiry_idx"));
    };
    await up(queryInterface, { tableName });
    await queryInterface.removeIndex(tableName, (await indexes())[0]!);
    const name = `${tableName.slice(0, 52)}_expiry_idx`;
    await queryInterface.addIndex(tableName, { fields: ["expiry"], name });
    await SequelizeStore.open(sequelize, { tableName, cleanupInterval: 0 });
    assert.deepEqual(await indexes(), [name]);
    await down(queryInterface, { tableName });
  });
});

testOn(databases, "names of many bytes, and names in other scripts, work", async (database) => {
  await database.connect(async (sequelize) => {
    const short = freshTableName();
    const places = ["é".repeat(40), `${short}_é`.padEnd(52, "é"), `${short}表`.padEnd(30, "表")]
      .map((tableName) => ({ tableName }));
    await assertDistinct(sequelize, places);
  });
});

testOn(databases[0]!, "SQLite's schemas have indexes of their own", async (database) => {
  await database.connect(async (sequelize) => {
    await assertDistinct(sequelize, [
      { tableName: "sessions" },
      { tableName: "sessions", schema: "a" },
      { tableName: "sessions", schema: "b" },
      { tableName: "b_sessions", schema: "a" },
      { tableName: "sessions", schema: "a_b" },
      { tableName: "sessions".padEnd(63, "x"), schema: "a".repeat(63) },
      { tableName: "sessions".padEnd(63, "x"), schema: "a".repeat(62) },
    ]);
  });
});

testOn([postgres, mariadb[0]!], "schemas each have a table of one name", async (database) => {
  await database.connect(async (sequelize) => {
    const [a, b] = [freshTableName(), freshTableName()];
    const tableName = freshTableName();
    for (const schema of [a, b]) await sequelize.createSchema(schema, {});
    try {
      await assertDistinct(sequelize, [
        { tableName },
        { tableName, schema: a },
        { tableName, schema: b },
      ]);
    } finally {
      for (const schema of [a, b]) await sequelize.dropSchema(schema, {});
    }
  });
});

testOn(mariadb[1]!, "a schema is refused with the mysql dialect", async (database) => {
  await database.connect(async (sequelize) => {
    Object.assign(sequelize, { query: () => assert.fail("a query was sent") });
    const rejected = {
      name: "RangeError",
      message: /'schema' must be left out with the mysql dialect.*use the connection's database/,
    };
    const queryInterface = sequelize.getQueryInterface();
    for (const sync of [true, false]) {
      await assert.rejects(SequelizeStore.open(sequelize, { schema: "other", sync }), rejected);
    }
    await assert.rejects(up(queryInterface, { schema: "other" }), rejected);
    await assert.rejects(down(queryInterface, { schema: "other" }), rejected);
  });
});

testOn(databases, "up() and open() take a dollar sign in names", async (database) => {
  await database.connect(async (sequelize) => {
    const fresh = freshTableName();
    for (const tableName of ["$1", "$$", `a$b${fresh}`, `$x${fresh}`]) {
      const queryInterface = sequelize.getQueryInterface();
      for (let i = 0; i < 2; i++) await up(queryInterface, { tableName });
      await SequelizeStore.open(sequelize, { tableName, cleanupInterval: 0 });
      const indexes = await queryInterface.showIndex(tableName) as { name: string }[];
      assert.equal(indexes.filter(({ name }) => name.endsWith("expiry_idx")).length, 1);
      await down(queryInterface, { tableName });
    }
    if (!["postgres", "mariadb"].includes(database.dialect)) return;
    const schema = `$1${fresh}$`;
    await sequelize.createSchema(schema, {});
    try {
      const place = { tableName: "$1", schema };
      for (let i = 0; i < 2; i++) await up(sequelize.getQueryInterface(), place);
      await SequelizeStore.open(sequelize, { ...place, cleanupInterval: 0 });
      await down(sequelize.getQueryInterface(), place);
    } finally {
      await sequelize.dropSchema(schema, {});
    }
  });
});

/** The names of the schemas in which tables of a name have an index on the expiry. */
async function schemasWithIndex(sequelize: Sequelize, tableName: string): Promise<string[]> {
  const rows = await sequelize.query<{ schemaname: string }>(
    `SELECT schemaname FROM pg_indexes WHERE tablename = '${tableName}'` +
      ` AND indexdef LIKE '%(expiry)%'`,
    { type: QueryTypes.SELECT },
  );
  return rows.map(({ schemaname }) => schemaname).sort();
}

testOn(postgres, "another schema's table of that name is not taken for this one", async (on) => {
  await on.connect(async (sequelize, address) => {
    const [schema, tableName] = [freshTableName(), freshTableName()];
    const queryInterface = sequelize.getQueryInterface();
    await sequelize.createSchema(schema, {});
    await up(queryInterface, { tableName });
    try {
      const transaction = await sequelize.transaction();
      await sequelize.query(`SET LOCAL search_path = ${schema}`, { transaction });
      await up(queryInterface, { tableName, transaction });
      await transaction.commit();
      assert.deepEqual(await schemasWithIndex(sequelize, tableName), ["public", schema].sort());
      // The same without a transaction, and the index alone.
      await sequelize.query(`DROP INDEX ${schema}.${tableName}_expiry_idx`);
      const options: Options = { dialectOptions: { options: `-c search_path=${schema}` } };
      const along = open(address, options);
      try {
        await SequelizeStore.open(along, { tableName, cleanupInterval: 0 });
      } finally {
        await along.close();
      }
      assert.deepEqual(await schemasWithIndex(sequelize, tableName), ["public", schema].sort());
    } finally {
      await down(queryInterface, { tableName });
      await sequelize.dropSchema(schema, {});
    }
  });
});

// No CockroachDB was at hand: this server says that it is one.
testOn(postgres, "open() and up() make a table without a collation for CockroachDB", async (on) => {
  await on.connect(async (sequelize) => {
    const query = sequelize.query.bind(sequelize) as (...args: unknown[]) => Promise<unknown>;
    const replaced = async (...args: unknown[]): Promise<unknown> => {
      const asksForVersion = String(args[0]).startsWith("SELECT version()");
      return asksForVersion ? [{ version: "CockroachDB CCL v25.1.0" }] : await query(...args);
    };
    Object.assign(sequelize, { query: replaced });
    const tableName = freshTableName();
    const collations = (): Promise<object[]> =>
      sequelize.query(
        "SELECT column_name, collation_name FROM information_schema.columns " +
          `WHERE table_name = '${tableName}' AND collation_name IS NOT NULL`,
        { type: QueryTypes.SELECT },
      );
    const store = await SequelizeStore.open(sequelize, { tableName, cleanupInterval: 0 });
    assert.deepEqual(await collations(), []);
    // The column is added later.
    await SequelizeStore.open(sequelize, { tableName, owners: true, cleanupInterval: 0 });
    assert.deepEqual(await collations(), []);
    await store.model.drop();
    await up(sequelize.getQueryInterface(), { tableName, owners: true });
    assert.deepEqual(await collations(), []);
    await down(sequelize.getQueryInterface(), { tableName });
  });
});
