// What node-sqlite does beyond the package `sqlite3`.

import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { QueryTypes, Sequelize, Transaction } from "sequelize";
import { type Database, nodeSqlite } from "../../src/node_sqlite/mod.ts";
import { withFolder } from "../support/folder.ts";
import { runScript } from "../support/run_script.ts";
import { testNodeSqlite } from "./modules.ts";

async function withDatabase(
  test: (database: Database) => Promise<void>,
  file = ":memory:",
): Promise<void> {
  const database = new nodeSqlite.Database(file);
  try {
    await test(database);
  } finally {
    await new Promise((resolve) => database.close(resolve));
  }
}

Deno.test("node-sqlite: on a runtime without node:sqlite, the first query rejects", async () => {
  for (const lack of ["everything", "the module", "isTransaction"]) {
    const { code, output } = await runScript("tests/node_sqlite/lacking.ts", [lack]).ended;
    assert.match(
      output.trim(),
      /^Cannot open a SQLite database: 'runtime' must have .*: received (Deno|Node) [\d.]+$/,
    );
    assert.equal(code, 0);
  }
});

testNodeSqlite(
  "execute() returns rows, and statements keep their order",
  () =>
    withDatabase(async (database) => {
      const order: string[] = [];
      const note = (name: string) => (): unknown => order.push(name);
      database.run("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)", note("create"));
      const insert = "INSERT INTO t (a) VALUES ($1), ($2) RETURNING id, a";
      const inserted = database.execute(insert, ["x", 5]).finally(note("insert"));
      database.all("SELECT a FROM t", note("all"));
      const rows = database.execute("SELECT a FROM t WHERE id = $id", { $id: 2 });
      const none = database.execute("DELETE FROM t").finally(note("delete"));
      assert.deepEqual(await inserted, [{ id: 1, a: "x" }, { id: 2, a: "5" }]);
      assert.deepEqual(await rows, [{ a: "5" }]);
      assert.deepEqual(await none, []);
      assert.deepEqual(order, ["create", "insert", "all", "delete"]);
      await assert.rejects(database.execute("SELECT * FROM nowhere"), {
        message: "SQLITE_ERROR: no such table: nowhere",
        code: "SQLITE_ERROR",
        errno: 1,
      });
    }),
);

testNodeSqlite(
  "a statement that is used again forgets its values, and sees new columns",
  () =>
    withDatabase(async (database) => {
      await database.execute("CREATE TABLE t (a)");
      await database.execute("INSERT INTO t VALUES (1)");
      const both = "SELECT $1 AS a, $2 AS b";
      assert.deepEqual(await database.execute(both, ["x", "y"]), [{ a: "x", b: "y" }]);
      assert.deepEqual(await database.execute(both, ["z"]), [{ a: "z", b: null }]);
      assert.deepEqual(await database.execute(both), [{ a: null, b: null }]);
      const anonymous = "SELECT ? AS a, ? AS b";
      assert.deepEqual(await database.execute(anonymous, ["x", "y"]), [{ a: "x", b: "y" }]);
      assert.deepEqual(await database.execute(anonymous), [{ a: null, b: null }]);
      assert.deepEqual(await database.execute("SELECT * FROM t"), [{ a: 1 }]);
      await database.execute("ALTER TABLE t ADD COLUMN b DEFAULT 2");
      assert.deepEqual(await database.execute("SELECT * FROM t"), [{ a: 1, b: 2 }]);
    }),
);

testNodeSqlite(
  "more statements than the cache holds still work",
  () =>
    withDatabase(async (database) => {
      for (let round = 0; round < 2; round++) {
        for (let i = 0; i < 120; i++) {
          assert.deepEqual(await database.execute(`SELECT ${i} AS i, ? AS v`, [i]), [{ i, v: i }]);
        }
      }
      const long = `SELECT ${"1 + ".repeat(500)}? AS v`;
      assert.deepEqual(await database.execute(long, [7]), [{ v: 507 }]);
    }),
);

testNodeSqlite(
  "the event loop goes on between the statements of a queue",
  () =>
    withDatabase(async (database) => {
      let [done, turns] = [0, 0];
      const turn = (): void => {
        turns++;
        if (done < 100) setImmediate(turn);
      };
      setImmediate(turn);
      await Promise.all(Array.from({ length: 100 }, async () => {
        await database.execute("SELECT 1");
        done++;
      }));
      assert.ok(turns >= 90, `${turns} turns`);
    }),
);

testNodeSqlite("parallel transactions on one file all succeed", () =>
  // Not so with sqlite3 on Node: the waiting transactions occupy all threads, and none can go on.
  withFolder(async (folder) => {
    /** Sequelize opens a connection for each transaction; a slow disk must not use up its second. */
    class PatientDatabase extends nodeSqlite.Database {
      constructor(...args: ConstructorParameters<typeof nodeSqlite.Database>) {
        super(...args);
        this.run("PRAGMA busy_timeout = 60000");
      }
    }
    const sequelize = new Sequelize({
      dialect: "sqlite",
      storage: join(folder, "file.sqlite"),
      dialectModule: { ...nodeSqlite, Database: PatientDatabase },
      logging: false,
      retry: { max: 1 },
    });
    await sequelize.query("PRAGMA journal_mode = WAL");
    await sequelize.query("CREATE TABLE t (a)");
    await sequelize.query("INSERT INTO t VALUES (1)");
    await Promise.all(Array.from({ length: 20 }, async () => {
      const type = Transaction.TYPES.IMMEDIATE;
      await sequelize.transaction({ type }, async (transaction) => {
        await sequelize.query("UPDATE t SET a = a + 1", { transaction });
      });
    }));
    const rows = await sequelize.query("SELECT a FROM t", { type: QueryTypes.SELECT });
    assert.deepEqual(rows, [{ a: 21 }]);
    await sequelize.close();
  }));

testNodeSqlite("with a busy_timeout of 0, no statement waits", () =>
  withFolder(async (folder) => {
    const file = join(folder, "file.sqlite");
    await withDatabase(
      (one) =>
        withDatabase(async (other) => {
          assert.deepEqual(await one.execute("PRAGMA busy_timeout"), [{ timeout: 1000 }]);
          assert.deepEqual(await one.execute("PRAGMA main.busy_timeout(0)"), [{ timeout: 0 }]);
          assert.deepEqual(await one.execute("PRAGMA busy_timeout"), [{ timeout: 0 }]);
          await other.execute("BEGIN EXCLUSIVE");
          // It rejects before the later statement in the other queue is carried out.
          const order: string[] = [];
          const busy = assert.rejects(one.execute("CREATE TABLE t (a)"), { code: "SQLITE_BUSY" })
            .then(() => order.push("busy"));
          const later = (async () => {
            for (let i = 0; i < 5; i++) await other.execute("SELECT 1");
            order.push("later");
          })();
          await Promise.all([busy, later]);
          assert.deepEqual(order, ["busy", "later"]);
        }, file),
      file,
    );
  }));

testNodeSqlite(
  "closing leaves only the file, and a database that was not opened can be closed",
  () =>
    withFolder(async (folder) => {
      await withDatabase(async (database) => {
        await database.execute("PRAGMA journal_mode = WAL");
        await database.execute("CREATE TABLE t (a)");
        await database.execute("SELECT a FROM t");
      }, join(folder, "file.sqlite"));
      assert.deepEqual(await readdir(folder), ["file.sqlite"]);
      const errors: unknown[] = [];
      const { OPEN_READONLY } = nodeSqlite;
      const database = new nodeSqlite.Database(
        join(folder, "no"),
        OPEN_READONLY,
        function (error): void {
          errors.push(this === database, error?.message);
        },
      );
      const message = "SQLITE_CANTOPEN: unable to open database file";
      await assert.rejects(database.execute("SELECT 1"), {
        message,
        code: "SQLITE_CANTOPEN",
        errno: 14,
      });
      await new Promise<void>((resolve) =>
        database.close((error) => {
          errors.push(error);
          resolve();
        })
      );
      assert.deepEqual(errors, [true, message, null]);
    }),
);

testNodeSqlite("URIs are read only if the mode says so", () =>
  withFolder(async (folder) => {
    const { OPEN_CREATE, OPEN_READWRITE, OPEN_URI } = nodeSqlite;
    const uri = `file:${join(folder, "file.sqlite")}`;
    const open = (name: string, mode: number): Promise<Error | null> =>
      new Promise((resolve) => {
        new nodeSqlite.Database(name, mode, function (error): void {
          this.close(() => resolve(error));
        });
      });
    // There is no folder `file:`.
    assert.match(String(await open(uri, OPEN_READWRITE | OPEN_CREATE)), /SQLITE_CANTOPEN/);
    assert.match(String(await open(uri, OPEN_READWRITE | OPEN_URI)), /SQLITE_CANTOPEN/);
    assert.equal(await open(uri, OPEN_READWRITE | OPEN_CREATE | OPEN_URI), null);
    assert.equal(await open(`${uri}?mode=ro`, OPEN_READWRITE | OPEN_URI), null);
    assert.equal(await open(`${uri}?cache=private`, OPEN_READWRITE | OPEN_URI), null);
  }));

testNodeSqlite("errors that no callback takes are thrown, and the queue goes on", async () => {
  const { code, output } = await runScript("tests/node_sqlite/uncaught.ts").ended;
  assert.deepEqual(output.trim().split("\n").map((line) => line.trim()), [
    'uncaught: SQLITE_ERROR: near "bad": syntax error',
    'uncaught: SQLITE_ERROR: near "worse": syntax error',
    'uncaught: SQLITE_ERROR: near "worst": syntax error',
    "uncaught: thrown by a callback",
    "closed",
    "uncaught: SQLITE_MISUSE: Database is closed",
  ]);
  assert.equal(code, 0);
});

testNodeSqlite("whole numbers of any size are bound as integers", () =>
  // sqlite3 binds 2 ** 31 and more as floating-point numbers: "2147483648.0".
  withDatabase(async (database) => {
    await database.execute("CREATE TABLE t (a TEXT)");
    for (const value of [2 ** 31, -(2 ** 31) - 1, Number.MAX_SAFE_INTEGER, 2n ** 62n]) {
      await database.execute("INSERT INTO t VALUES (?)", [value]);
    }
    assert.deepEqual(await database.execute("SELECT a FROM t"), [
      { a: "2147483648" },
      { a: "-2147483649" },
      { a: "9007199254740991" },
      { a: "4611686018427387904" },
    ]);
    await assert.rejects(database.execute("SELECT ?", [2n ** 64n]), /BigInt/);
  }));
