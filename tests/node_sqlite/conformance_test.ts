// Sequelize has the same results and errors with node-sqlite as with the package `sqlite3`.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  DataTypes,
  type Model,
  type ModelStatic,
  Op,
  type Options,
  QueryTypes,
  type Sequelize,
  Transaction,
} from "sequelize";
import { type Connect, failureOf, forgetConnections, testSame } from "./modules.ts";

const DATE = new Date("2026-03-29T01:30:00.123Z");

/** A model with a column of every kind. */
async function define(sequelize: Sequelize): Promise<ModelStatic<Model>> {
  const model = sequelize.define("Thing", {
    name: { type: DataTypes.STRING, unique: true },
    note: { type: DataTypes.TEXT, allowNull: true, defaultValue: "it's" },
    count: DataTypes.INTEGER,
    big: DataTypes.BIGINT,
    ratio: DataTypes.DOUBLE,
    price: DataTypes.DECIMAL(10, 2),
    flag: { type: DataTypes.BOOLEAN, defaultValue: true },
    data: DataTypes.BLOB,
    json: DataTypes.JSON,
    at: DataTypes.DATE,
    day: DataTypes.DATEONLY,
    kind: DataTypes.ENUM("a", "b"),
    key: DataTypes.UUID,
  }, { timestamps: false, indexes: [{ fields: ["count", "flag"] }] });
  await model.sync();
  return model;
}

const THING = {
  name: "first",
  count: 1,
  big: "9007199254740993",
  ratio: 0.1,
  price: "12.50",
  flag: false,
  data: Buffer.from([0, 1, 255]),
  json: { list: [1, null, "ä"], nested: { "a.b": true } },
  at: DATE,
  day: "2026-03-29",
  kind: "b",
  key: "0b6a3a0e-7d5c-4d4e-9a43-0c7f2b9f4d11",
};

async function rowsOf(model: ModelStatic<Model>): Promise<unknown[]> {
  return (await model.findAll({ order: ["id"] })).map((row) => row.get());
}

testSame("rows of every type are created and read", async (connect) => {
  const sequelize = connect();
  const model = await define(sequelize);
  const created = await model.create(THING);
  await model.create({ name: "second", data: Buffer.alloc(0), json: null, at: null, flag: null });
  return [
    created.get(),
    await rowsOf(model),
    await model.findAll({ raw: true, order: ["id"] }),
    await sequelize.query("SELECT * FROM Things ORDER BY id"),
    await sequelize.query("SELECT typeof(data), typeof(big), typeof(at) FROM Things"),
  ];
});

testSame("values are bound as they are written", async (connect) => {
  const sequelize = connect();
  await sequelize.query("CREATE TABLE t (i INTEGER, r REAL, s TEXT, n NUMERIC, b BLOB, x)");
  const values: readonly unknown[] = [
    0,
    -1,
    1.5,
    2 ** 31 - 1,
    -(2 ** 31),
    true,
    false,
    null,
    "",
    "1",
    "ä😀",
    NaN,
    Infinity,
    DATE,
    Buffer.from("ab"),
    new Uint8Array([1, 2]).subarray(1),
    9007199254740993n,
  ];
  const read: unknown[] = [];
  for (const value of values) {
    const bind = { v: value };
    await sequelize.query("INSERT INTO t VALUES ($v, $v, $v, $v, $v, $v)", { bind });
    read.push(
      await sequelize.query("SELECT *, typeof(i), typeof(s), typeof(n), typeof(x) FROM t"),
      await sequelize.query("SELECT $v AS v, typeof($v) AS t", { bind, type: QueryTypes.SELECT }),
    );
    await sequelize.query("DELETE FROM t");
  }
  return read;
});

testSame("integers beyond 2 ** 53 are rounded", async (connect) => {
  const sql = "SELECT 9007199254740993 AS a, -9223372036854775808 AS b, 9223372036854775807 AS c";
  return await connect().query(sql, { type: QueryTypes.SELECT });
}, [{ a: 9007199254740992, b: -9223372036854775808, c: 9223372036854775807 }]);

testSame("rows are plain objects, and blobs are buffers", async (connect) => {
  const [row] = await connect().query("SELECT x'00ff' AS b, zeroblob(0) AS e, 1 AS a, 2 AS a", {
    type: QueryTypes.SELECT,
  });
  const { b, e } = row as { b: unknown; e: unknown };
  return [
    row,
    Object.getPrototypeOf(row) === Object.prototype,
    Buffer.isBuffer(b),
    Buffer.isBuffer(e),
  ];
}, [{ b: Buffer.from([0, 255]), e: Buffer.alloc(0), a: 2 }, true, true, true]);

testSame("NULs are kept in text and in blobs", async (connect) => {
  const sequelize = connect();
  const model = await define(sequelize);
  await model.create({ name: "a", data: Buffer.from("a\0b") });
  await sequelize.query("UPDATE Things SET note = $n", { bind: { n: "x\0y" } });
  return [
    (await model.findOne())?.get("data"),
    await sequelize.query("SELECT hex(note), hex(data) FROM Things", { type: QueryTypes.SELECT }),
  ];
}, [Buffer.from("a\0b"), [{ "hex(note)": "780079", "hex(data)": "610062" }]]);

testSame("rows are updated, counted and destroyed", async (connect) => {
  const sequelize = connect();
  const model = await define(sequelize);
  const bulk = await model.bulkCreate([1, 2, 3, 4].map((count) => ({ name: `n${count}`, count })));
  const first = bulk[0]!;
  await first.update({ count: 10, json: { a: 1 } });
  await first.increment("count", { by: 5 });
  await first.reload();
  return [
    bulk.map((row) => row.get()),
    first.get("count"),
    await model.update({ flag: false }, { where: { count: { [Op.gte]: 3 } } }),
    await model.count({ where: { flag: false } }),
    await model.sum("count"),
    await model.max("count"),
    await model.findAndCountAll({
      where: { name: { [Op.like]: "n%" } },
      limit: 2,
      offset: 1,
      raw: true,
    }),
    await model.destroy({ where: { count: [2, 3] } }),
    await model.destroy({ where: { count: 99 } }),
    await model.findOrCreate({ where: { name: "n4" } }).then(([row, made]) => [row.get(), made]),
    await model.findOrCreate({ where: { name: "n5" } }).then(([row, made]) => [row.get(), made]),
    await rowsOf(model),
    await model.truncate(),
  ];
});

testSame(
  "upsert() and bulkCreate() with updateOnDuplicate and ignoreDuplicates",
  async (connect) => {
    const model = await define(connect());
    const upserted = async (values: Record<string, unknown>): Promise<unknown> => {
      const [row, made] = await model.upsert(values);
      return [row.get(), made];
    };
    return [
      await upserted({ id: 1, name: "a", count: 1 }),
      await upserted({ id: 1, name: "b", count: 2 }),
      await upserted({ name: "b", count: 3 }),
      (await model.bulkCreate([{ id: 1, name: "c", count: 4 }, { id: 2, name: "d" }], {
        updateOnDuplicate: ["name", "count"],
        conflictAttributes: ["id"],
      })).map((row) => row.get()),
      (await model.bulkCreate([{ id: 2, name: "e" }, { id: 3, name: "f" }], {
        ignoreDuplicates: true,
      })).map((row) => row.get()),
      await rowsOf(model),
    ];
  },
);

testSame("associations are included", async (connect) => {
  const sequelize = connect();
  const user = sequelize.define("User", { name: DataTypes.STRING }, { timestamps: false });
  const task = sequelize.define("Task", { due: DataTypes.DATE, done: DataTypes.BOOLEAN }, {
    timestamps: false,
  });
  user.hasMany(task, { as: "tasks", onDelete: "CASCADE" });
  task.belongsTo(user);
  await sequelize.sync();
  await user.create({ name: "a", tasks: [{ due: DATE, done: true }, { due: null }] }, {
    include: ["tasks"],
  });
  const found = await user.findAll({ include: ["tasks"], order: [["tasks", "id", "ASC"]] });
  await user.destroy({ where: {} });
  return [found.map((row) => row.toJSON()), await task.count()];
});

testSame("tables, columns, indexes and foreign keys are described", async (connect) => {
  const sequelize = connect();
  const model = await define(sequelize);
  const child = sequelize.define("Child", {
    parent: { type: DataTypes.INTEGER, references: { model, key: "id" }, allowNull: false },
  }, { timestamps: false });
  await child.sync();
  const queries = sequelize.getQueryInterface();
  return [
    await queries.showAllTables(),
    await queries.describeTable("Things"),
    await queries.showIndex("Things"),
    await queries.getForeignKeyReferencesForTable("Children"),
    // Sequelize's types lack it.
    await (queries as unknown as { showConstraint(table: string): Promise<unknown> })
      .showConstraint("Children"),
    await sequelize.query("PRAGMA foreign_keys"),
    await queries.tableExists("Things"),
    await queries.tableExists("Nothing"),
  ];
});

testSame("tables are altered, and later reads see it", async (connect) => {
  const sequelize = connect();
  const before = sequelize.define("t", { a: DataTypes.STRING }, { timestamps: false });
  await before.sync();
  await before.create({ a: "one" });
  const seen: unknown[] = [];
  const look = async (): Promise<unknown> => seen.push(await sequelize.query("SELECT * FROM ts"));
  await look();
  await look();
  const queries = sequelize.getQueryInterface();
  await queries.addColumn("ts", "b", { type: DataTypes.INTEGER, defaultValue: 7 });
  await look();
  await queries.renameColumn("ts", "a", "c");
  await look();
  await queries.changeColumn("ts", "c", { type: DataTypes.TEXT, allowNull: false });
  await look();
  await queries.removeColumn("ts", "b");
  await look();
  await sequelize.define("t", { c: DataTypes.TEXT, d: DataTypes.DATE }, {
    timestamps: false,
  }).sync({ alter: true });
  await look();
  await queries.addIndex("ts", ["c"], { name: "by_c", where: { c: "one" } });
  await queries.addConstraint("ts", { fields: ["c"], type: "unique", name: "only_c" });
  await look();
  return [seen, await queries.describeTable("ts"), await queries.showIndex("ts")];
});

testSame("raw queries accept replacements and binds", async (connect) => {
  const sequelize = connect();
  const select = { type: QueryTypes.SELECT } as const;
  return [
    await sequelize.query("SELECT ? AS a, ? AS b", { replacements: ["it's", 2], ...select }),
    await sequelize.query("SELECT :a AS a, :b AS b", {
      replacements: { a: [1, 2].length, b: null },
      ...select,
    }),
    await sequelize.query("SELECT $1 AS a, $2 AS b, $1 AS c, '$$3' AS d", {
      bind: ["x", 5],
      ...select,
    }),
    await sequelize.query("SELECT $b AS b, $a AS a, '$$c' AS c", {
      bind: { a: 1, b: "y" },
      ...select,
    }),
    await sequelize.query("SELECT 1 AS a", { plain: true, ...select }),
    await sequelize.query('SELECT "not a column" AS a', select),
    await failureOf(sequelize.query("SELECT $1", { bind: ["a", "b"] })),
    await failureOf(sequelize.query("SELECT $a", { bind: { a: 1, b: 2 } })),
    await failureOf(sequelize.query("SELECT $a", { bind: { b: 2 } })),
  ];
});

testSame("raw statements return what they have changed", async (connect) => {
  const sequelize = connect();
  await sequelize.query("CREATE TABLE t (id INTEGER PRIMARY KEY, a)");
  const results: unknown[] = [];
  for (
    const sql of [
      "INSERT INTO t (a) VALUES (1), (2), (3)",
      "UPDATE t SET a = 9 WHERE id > 1",
      "UPDATE t SET a = 9 WHERE id > 7",
      "DELETE FROM t WHERE id = 1",
      "-- nothing",
      "INSERT INTO t (a) SELECT a FROM t",
    ]
  ) {
    const result = await sequelize.query(sql);
    // The second value is sqlite3's statement, which holds more.
    const [rows, statement] = (result ?? []) as [unknown, { lastID?: number; changes?: number }];
    results.push(rows, statement?.constructor.name, statement?.lastID, statement?.changes);
  }
  results.push(await sequelize.query("DELETE FROM t", { type: QueryTypes.BULKDELETE }));
  results.push(await sequelize.query("INSERT INTO t (a) VALUES (4)", { type: QueryTypes.INSERT }));
  results.push(await sequelize.query("UPDATE t SET a = 1", { type: QueryTypes.UPDATE }));
  results.push(
    await sequelize.query("UPDATE t SET a = 2 RETURNING id, a", { type: QueryTypes.SELECT }),
  );
  return results;
});

testSame("constraints and mistakes reject with the same errors", async (connect) => {
  const sequelize = connect();
  const model = await define(sequelize);
  const child = sequelize.define("Child", {
    parent: { type: DataTypes.INTEGER, references: { model, key: "id" } },
    must: { type: DataTypes.STRING, allowNull: false },
    a: { type: DataTypes.INTEGER, unique: "both" },
    b: { type: DataTypes.INTEGER, unique: "both" },
  }, { timestamps: false });
  await child.sync();
  await sequelize.query("CREATE TABLE checked (n INTEGER CHECK (n > 0), PRIMARY KEY (n)) STRICT");
  await sequelize.query(
    "CREATE TRIGGER no BEFORE DELETE ON checked BEGIN SELECT RAISE(ABORT, 'it stays'); END",
  );
  await sequelize.query("INSERT INTO checked VALUES (1)");
  await model.create({ id: 1, name: "a" });
  await child.create({ parent: 1, must: "m", a: 1, b: 2 });
  const failures: unknown[] = [];
  for (
    const attempt of [
      () => model.create({ name: "a" }),
      () => model.create({ id: 1, name: "b" }),
      () => model.bulkCreate([{ name: "x" }, { name: "a" }]),
      () => model.update({ name: "a", id: 5 }, { where: {} }),
      () => child.create({ parent: 99, must: "m" }),
      () => child.create({ must: "m", a: 1, b: 2 }),
      () => child.bulkCreate([{ must: null }], { validate: false }),
      () => model.destroy({ where: { id: 1 } }),
      () => sequelize.query("INSERT INTO checked VALUES (0)"),
      () => sequelize.query("INSERT INTO checked VALUES ('text')"),
      () => sequelize.query("DELETE FROM checked"),
      () => sequelize.query("SELEC 1"),
      () => sequelize.query("SELECT * FROM nowhere"),
      () => sequelize.query("SELECT nothing FROM checked"),
      () => sequelize.query("INSERT INTO checked VALUES (1, 2)"),
      () => sequelize.query("SELECT abs(-9223372036854775808)"),
      () => sequelize.query("SELECT json('{')"),
      () => sequelize.query("  "),
      () => sequelize.query("/* nothing */ ;"),
      () => sequelize.query("COMMIT"),
      () => sequelize.query("SELECT zeroblob(2000000000)"),
    ]
  ) {
    failures.push(await failureOf(attempt()));
  }
  return [failures, await model.count()];
});

for (
  const type of [
    Transaction.TYPES.DEFERRED,
    Transaction.TYPES.IMMEDIATE,
    Transaction.TYPES.EXCLUSIVE,
  ]
) {
  testSame(`${type} transactions commit, roll back and nest`, async (connect) => {
    const sequelize = connect("file.sqlite");
    const model = await define(sequelize);
    await sequelize.transaction({ type }, async (transaction) => {
      await model.create({ name: "kept" }, { transaction });
      const nested = await sequelize.transaction({ transaction });
      await model.create({ name: "undone" }, { transaction: nested });
      await nested.rollback();
      const other = await sequelize.transaction({ transaction });
      await model.create({ name: "nested" }, { transaction: other });
      await other.commit();
    });
    const failure = await failureOf(sequelize.transaction({ type }, async (transaction) => {
      await model.create({ name: "lost" }, { transaction });
      await model.create({ name: "kept" }, { transaction });
    }));
    const isolated = await sequelize.transaction({
      type,
      isolationLevel: Transaction.ISOLATION_LEVELS.READ_UNCOMMITTED,
    });
    await isolated.rollback();
    return [await rowsOf(model), failure];
  });
}

/** Two instances, as in two processes, on one file with a table of one row. */
async function two(connect: Connect, options = {}): Promise<[Sequelize, Sequelize]> {
  const retry = { max: 1 };
  const [one, other] = [
    connect("file.sqlite", { retry, ...options }),
    connect("file.sqlite", { retry, ...options }),
  ];
  await one.query("CREATE TABLE t (a INTEGER)");
  await one.query("INSERT INTO t VALUES (1)");
  return [one, other];
}

for (const journal of ["DELETE", "WAL"]) {
  testSame(`a write waits for another connection: ${journal}`, async (connect) => {
    const [one, other] = await two(connect);
    await one.query(`PRAGMA journal_mode = ${journal}`);
    const transaction = await one.transaction({ type: Transaction.TYPES.IMMEDIATE });
    await one.query("UPDATE t SET a = a + 1", { transaction });
    const write = other.query("UPDATE t SET a = a * 10");
    await new Promise((resolve) => setTimeout(resolve, 50));
    await transaction.commit();
    await write;
    return await other.query("SELECT a FROM t", { type: QueryTypes.SELECT });
  }, [{ a: 20 }]);

  testSame(`a write that waits too long is busy: ${journal}`, async (connect) => {
    const [one, other] = await two(connect);
    await one.query(`PRAGMA journal_mode = ${journal}`);
    await other.query("PRAGMA busy_timeout = 50");
    const transaction = await one.transaction({ type: Transaction.TYPES.EXCLUSIVE });
    const failures = [
      await failureOf(other.query("INSERT INTO t VALUES (2)")),
      await failureOf(other.query("INSERT INTO t VALUES (2)", { type: QueryTypes.INSERT })),
      await failureOf(other.query("CREATE TABLE u (a)")),
    ];
    await transaction.rollback();
    await other.query("INSERT INTO t VALUES (2)");
    return [
      failures,
      await one.query("SELECT a FROM t"),
      await other.query("PRAGMA busy_timeout"),
      await one.query("PRAGMA busy_timeout"),
    ];
  });

  testSame(`a transaction that has read does not wait to write: ${journal}`, async (connect) => {
    const [one, other] = await two(connect);
    await one.query(`PRAGMA journal_mode = ${journal}`);
    const reader = await other.transaction();
    await other.query("SELECT a FROM t", { transaction: reader });
    const writer = await one.transaction({ type: Transaction.TYPES.IMMEDIATE });
    const write = (): Promise<unknown> =>
      other.query("UPDATE t SET a = 3", { transaction: reader });
    const failures = [await failureOf(write())];
    if (journal === "WAL") {
      await one.query("UPDATE t SET a = 2", { transaction: writer });
      await writer.commit();
      // The transaction's snapshot is out of date.
      failures.push(await failureOf(write()));
      await reader.rollback();
    } else {
      await reader.rollback();
      await writer.rollback();
    }
    return [failures, await one.query("SELECT a FROM t")];
  });
}

testSame("a commit waits for readers", async (connect) => {
  const [one, other] = await two(connect);
  const reader = await other.transaction();
  await other.query("SELECT a FROM t", { transaction: reader });
  const writer = await one.transaction();
  await one.query("UPDATE t SET a = 2", { transaction: writer });
  const commit = writer.commit();
  await new Promise((resolve) => setTimeout(resolve, 50));
  await reader.commit();
  await commit;
  return await other.query("SELECT a FROM t", { type: QueryTypes.SELECT });
}, [{ a: 2 }]);

testSame("the first statement of a transaction waits", async (connect) => {
  const [one, other] = await two(connect);
  const begin: readonly (readonly string[])[] = [
    ["BEGIN"],
    ["  begin deferred transaction"],
    ["SAVEPOINT s"],
    ["BEGIN", "PRAGMA foreign_keys", "SAVEPOINT s", "RELEASE s"],
  ];
  for (const statements of begin) {
    const writer = await one.transaction({ type: Transaction.TYPES.EXCLUSIVE });
    for (const sql of statements) await other.query(sql);
    const write = other.query("UPDATE t SET a = a + 1");
    await new Promise((resolve) => setTimeout(resolve, 20));
    await writer.commit();
    await write;
    await other.query("COMMIT");
  }
  return await one.query("SELECT a FROM t", { type: QueryTypes.SELECT });
}, [{ a: 5 }]);

testSame("a script whose statement is busy is not run again", async (connect) => {
  const [one] = await two(connect);
  const other = connect("other.sqlite");
  await other.query("CREATE TABLE log (a)");
  const { storage } = (one as unknown as { options: { storage: string } }).options;
  await other.query("ATTACH ? AS locked", { replacements: [storage] });
  await other.query("PRAGMA busy_timeout = 30");
  const writer = await one.transaction({ type: Transaction.TYPES.IMMEDIATE });
  const connection = await other.connectionManager.getConnection({ type: "write" }) as {
    exec(sql: string, callback: (error: Error | null) => void): unknown;
  };
  const sql = "INSERT INTO log VALUES (1); INSERT INTO locked.t VALUES (2)";
  const error = await new Promise((resolve) => connection.exec(sql, resolve));
  await writer.rollback();
  return [
    (error as Error).message,
    await other.query("SELECT count(*) AS n FROM log", { type: QueryTypes.SELECT }),
    await other.query("PRAGMA busy_timeout", { type: QueryTypes.SELECT }),
  ];
}, ["SQLITE_BUSY: database is locked", [{ n: 1 }], [{ timeout: 30 }]]);

testSame("files are opened according to the mode", async (connect) => {
  const mode = (mode: number): { dialectOptions: { mode: number } } => ({
    dialectOptions: { mode },
  });
  const results: unknown[] = [];
  const fail = async (file: string, options?: Options): Promise<unknown> => {
    const sequelize = connect(file, options);
    const failure = await failureOf(sequelize.query("SELECT 1"));
    forgetConnections(sequelize);
    return failure;
  };
  results.push(await fail("no ?%23 such.sqlite", mode(1)));
  results.push(await fail("no ?%23 such.sqlite", mode(2)));
  await connect("no ?%23 such.sqlite", mode(6)).query("CREATE TABLE t (a)");
  await connect("no ?%23 such.sqlite", mode(2)).query("INSERT INTO t VALUES (1)");
  const reading = connect("no ?%23 such.sqlite", mode(1));
  results.push(await reading.query("SELECT a FROM t"));
  results.push(await failureOf(reading.query("INSERT INTO t VALUES (1)")));
  await connect("no/folder/yet.sqlite").query("CREATE TABLE t (a)");
  results.push(await fail("."));
  results.push(await connect(":memory:", mode(2)).query("SELECT 1"));
  results.push(await connect("").query("SELECT 1"));
  return results;
});

testSame("a file that is not a database is refused", async (connect) => {
  const { writeFile } = await import("node:fs/promises");
  const sequelize = connect("text.sqlite");
  const storage = (sequelize as unknown as { options: { storage: string } }).options.storage;
  await writeFile(storage, "no database, but some text".repeat(100));
  return await failureOf(sequelize.query("SELECT * FROM sqlite_master"));
});

testSame("a closed connection refuses statements", async (connect) => {
  const sequelize = connect();
  await sequelize.query("SELECT 1");
  const manager = sequelize.connectionManager as unknown as {
    getConnection(options: object): Promise<{
      run(sql: string, callback: (error: Error | null) => void): unknown;
      close(callback: (error: Error | null) => void): unknown;
    }>;
  };
  const connection = await manager.getConnection({});
  const told: unknown[] = [];
  const tell = (error: (Error & { code?: string; errno?: number }) | null): void => {
    told.push(error && [error.message, error.code, error.errno]);
  };
  await new Promise<void>((resolve) => {
    connection.close(tell);
    connection.run("SELECT 1", (error) => {
      tell(error);
      resolve();
    });
  });
  await new Promise<void>((resolve) => {
    connection.run("SELECT 1", (error) => {
      tell(error);
      resolve();
    });
  });
  // There is nothing left to close.
  forgetConnections(sequelize);
  return told;
}, [
  null,
  ["SQLITE_MISUSE: Database handle is closed", "SQLITE_MISUSE", 21],
  ["SQLITE_MISUSE: Database is closed", "SQLITE_MISUSE", 21],
]);

testSame("exec() runs several statements, up to the first that fails", async (connect) => {
  const sequelize = connect();
  const connection = await sequelize.connectionManager.getConnection({ type: "write" }) as {
    exec(sql: string, callback: (error: Error | null) => void): unknown;
  };
  const exec = (sql: string): Promise<unknown> =>
    new Promise((resolve) =>
      connection.exec(
        sql,
        (error: (Error & { code?: string; errno?: number }) | null) =>
          resolve(error && [error.message, error.code, error.errno]),
      )
    );
  const results = [
    await exec("CREATE TABLE t (a UNIQUE); INSERT INTO t VALUES (1); INSERT INTO t VALUES (2);"),
    await exec("INSERT INTO t VALUES (3); INSERT INTO t VALUES (1); INSERT INTO t VALUES (4)"),
    await exec("INSERT INTO t VALUES (5); bad; INSERT INTO t VALUES (6)"),
    await exec("SELECT * FROM nowhere"),
    await exec(""),
  ];
  assert.equal(results.length, 5);
  return [results, await sequelize.query("SELECT a FROM t")];
});
