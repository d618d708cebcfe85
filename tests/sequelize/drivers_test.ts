// How statements are sent: directly by the database driver, or by `sequelize.query`.

import assert from "node:assert/strict";
import { type Options, QueryTypes, Sequelize } from "sequelize";
import { type DriverChoice, SequelizeStore, type SequelizeStoreOptions } from "../../mod.ts";
import { fixed } from "../../src/sequelize/drivers/driver.ts";
import { GenericDriver } from "../../src/sequelize/drivers/generic.ts";
import { MariadbDriver } from "../../src/sequelize/drivers/mariadb.ts";
import { Mysql2Driver } from "../../src/sequelize/drivers/mysql2.ts";
import { PgDriver } from "../../src/sequelize/drivers/pg.ts";
import { Primary } from "../../src/sequelize/drivers/primary.ts";
import {
  bytes,
  type Database,
  databases,
  freshTableName,
  mariadb,
  open,
  postgres,
  servers,
  soon,
  testOn,
  text,
  withStore,
} from "../support/databases.ts";

/** Puts a session through every verb, alone and several at once. */
async function everyVerb(store: SequelizeStore): Promise<void> {
  for (const tokens of [["a"], ["b", "c", "d"]]) {
    const all = <T>(call: (token: string) => Promise<T>): Promise<T[]> =>
      Promise.all(tokens.map(call));
    const yes = tokens.map(() => true);
    await all((token) => store.commit(token, bytes("old"), soon()));
    assert.deepEqual(
      (await all((token) => store.find(token))).map((found) => text(found?.data)),
      tokens.map(() => "old"),
    );
    assert.deepEqual(await all((token) => store.touch(token, soon())), yes);
    const replaced = await all((t) => store.replace(t, bytes("old"), bytes("new"), soon()));
    assert.deepEqual(replaced, yes);
    await all((token) => store.delete(token));
    assert.deepEqual(await all((token) => store.find(token)), tokens.map(() => undefined));
  }
}

/** How the statements of a call are sent: what goes through Sequelize makes an instance of its Query. */
async function wayOf(sequelize: Sequelize, call: () => Promise<unknown>): Promise<DriverChoice> {
  const { dialect } = sequelize as unknown as {
    dialect: { Query: new (...args: never[]) => object };
  };
  const { Query } = dialect;
  let way: DriverChoice = "direct";
  dialect.Query = class extends Query {
    constructor(...args: never[]) {
      super(...args);
      way = "sequelize";
    }
  };
  await call();
  dialect.Query = Query;
  return way;
}

testOn(databases, "statements go the way that the option says", async (database) => {
  for (const driver of ["direct", "sequelize"] as const) {
    await withStore(database, async ({ store, sequelize }) => {
      assert.equal(await wayOf(sequelize, () => store.find("token")), driver);
    }, { driver });
  }
});

/** What makes a Sequelize instance unusual, so that Sequelize itself has to send the statements. */
const UNUSUAL: Record<string, (sequelize: Sequelize) => unknown> = {
  "a query method of the application's": (sequelize) => {
    const { query } = sequelize;
    return Object.assign(sequelize, {
      query(this: Sequelize, ...args: Parameters<Sequelize["query"]>): Promise<unknown> {
        return query.apply(this, args);
      },
    });
  },
  "another connection manager": (sequelize) =>
    Object.assign(sequelize.connectionManager, { releaseConnection: undefined }),
  "another module": (sequelize) => Object.assign(sequelize.connectionManager, { lib: {} }),
  "pg-native": (sequelize) =>
    Object.assign((sequelize as unknown as { options: object }).options, { native: true }),
};

for (const [name, change] of Object.entries(UNUSUAL)) {
  testOn(databases, `with ${name}, statements go through Sequelize`, async (database) => {
    await database.connect(async (sequelize) => {
      const tableName = freshTableName();
      const options: SequelizeStoreOptions = { tableName, cleanupInterval: 0 };
      const plain = await SequelizeStore.open(sequelize, options);
      const { connectionManager } = sequelize;
      const { lib, releaseConnection } = connectionManager as typeof connectionManager & {
        lib: unknown;
      };
      change(sequelize);
      const store = await SequelizeStore.open(sequelize, {
        ...options,
        sync: false,
        driver: "direct",
      });
      Object.assign(connectionManager, { lib, releaseConnection });
      assert.equal(await wayOf(sequelize, () => store.find("token")), "sequelize");
      await plain.model.drop();
    });
  });
}

testOn(databases, "a query method that is replaced later sees the statements", async (database) => {
  await withStore(database, async ({ store, sequelize }) => {
    await store.commit("token", bytes("data"), soon());
    const view = store.model.sequelize!;
    const seen: unknown[] = [];
    Object.assign(sequelize, {
      query: (...args: Parameters<Sequelize["query"]>) => {
        seen.push(args[0]);
        return Sequelize.prototype.query.apply(view, args);
      },
    });
    assert.equal(text((await store.find("token"))?.data), "data");
    assert.equal(seen.length, 1);
    delete (sequelize as { query?: unknown }).query;
  });
});

testOn(databases, "logging gets each statement once, with its time", async (database) => {
  for (const driver of ["direct", "sequelize"] as const) {
    const logged: [string, unknown][] = [];
    const logging = (sql: string, ms?: number): void => void logged.push([sql, ms]);
    await withStore(database, async ({ store }) => {
      logged.length = 0;
      await store.find("token");
      const [[sql, ms], ...others] = logged as [[string, unknown]];
      assert.match(sql, /^Executed \(default\): SELECT /);
      assert.equal(typeof ms, "number", driver);
      assert.deepEqual(others, []);
    }, { driver, logging });
  }
});

testOn(databases, "both ways have the same errors", async (database) => {
  const errors: unknown[] = [];
  for (const driver of ["direct", "sequelize"] as const) {
    await withStore(database, async ({ store, sequelize }) => {
      await store.model.drop();
      const failure = (await store.find("secret").catch((error) => error)) as Error & {
        parent: Error & { code?: string; errno?: number };
      };
      const { name, parent } = failure;
      assert.ok(failure instanceof Error && parent instanceof Error);
      assert.doesNotMatch(`${failure.stack}${JSON.stringify(failure)}`, /secret/);
      errors.push({ name, parent: [parent.name, parent.code, parent.errno] });
      await sequelize.query("SELECT 1", { type: QueryTypes.SELECT });
      await store.model.sync();
    }, { driver });
  }
  assert.deepEqual(errors[0], errors[1]);
});

/** One connection, so that a statement meets what another has done to it. */
const ONE: Options = { pool: { max: 1 } };

testOn(postgres, "prepared statements that have gone are sent unprepared", async (database) => {
  for (const sql of ["DEALLOCATE ALL", "DISCARD ALL"]) {
    await withStore(
      database,
      async ({ store, sequelize }) => {
        await everyVerb(store);
        await sequelize.query(sql);
        assert.equal(await wayOf(sequelize, () => store.find("token")), "direct");
        await everyVerb(store);
      },
      { driver: "direct" },
      ONE,
    );
  }
});

testOn(postgres, "a prepared statement whose columns change is sent again", async (database) => {
  await withStore(
    database,
    async ({ store, sequelize }) => {
      await everyVerb(store);
      const { tableName } = store.model;
      await sequelize.query(`ALTER TABLE ${tableName} ALTER COLUMN token TYPE text COLLATE "C"`);
      await everyVerb(store);
    },
    {},
    ONE,
  );
});

testOn(
  databases,
  "a table that is made anew meets the prepared statements of the old one",
  async (database) => {
    await withStore(
      database,
      async ({ store }) => {
        await everyVerb(store);
        await store.model.drop();
        await store.model.sync();
        await everyVerb(store);
      },
      {},
      ONE,
    );
  },
);

/** How many statements the server has prepared. */
async function preparedCount(database: Database): Promise<number> {
  let count = 0;
  await database.connect(async (sequelize) => {
    const sql = "SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'";
    const [row] = await sequelize.query<{ Value: string }>(sql, { type: QueryTypes.SELECT });
    count = Number(row!.Value);
  });
  return count;
}

// The server keeps each text that is prepared, and refuses more once it has 16 382.
testOn(mariadb, "the server's prepared statements are bounded", async (database) => {
  await withStore(database, async ({ store }) => {
    const before = await preparedCount(database);
    for (let n = 1; n <= 40; n++) {
      const tokens = Array.from({ length: n }, (_, i) => `token${i}`);
      for (const token of tokens.slice(0, 2)) await store.commit(token, bytes(`${n}`), soon());
      await Promise.all(tokens.map((token) => store.commit(token, bytes(`${n}`), soon())));
      await Promise.all(tokens.map((token) => store.find(token)));
      await Promise.all(tokens.map((token) => store.touch(token, soon())));
      await Promise.all(tokens.map((token) => store.delete(token)));
    }
    // Eight texts on each of five connections at most; other tests may add some of theirs.
    assert.ok(await preparedCount(database) - before <= 100);
  });
});

testOn(servers, "with replication, direct statements go to the primary alone", async (database) => {
  await database.connect(async (plain, address) => {
    const url = new URL(address);
    const config = {
      host: url.hostname,
      port: url.port,
      username: url.username,
      password: url.password,
      database: url.pathname.slice(1),
    };
    const acquired: unknown[] = [];
    const sequelize = new Sequelize({
      dialect: plain.getDialect() as Options["dialect"],
      logging: false,
      // A replica that nothing listens on.
      replication: { write: config, read: [{ ...config, port: "1" }] },
      hooks: { afterPoolAcquire: (connection) => void acquired.push(connection) },
    } as Options);
    const store = await SequelizeStore.open(sequelize, {
      tableName: freshTableName(),
      cleanupInterval: 0,
    });
    await everyVerb(store);
    assert.ok(acquired.every((each) => (each as { queryType: string }).queryType === "write"));
    await store.model.drop();
    await sequelize.close();
  });
});

// SQLite refuses to close a database that has prepared statements.
testOn(databases, "an instance can be closed after statements were prepared", async (database) => {
  await database.connect(async (_, address) => {
    const sequelize = open(address);
    const tableName = freshTableName();
    const store = await SequelizeStore.open(sequelize, { tableName, cleanupInterval: 0 });
    await everyVerb(store);
    await store.model.drop();
    await sequelize.close();
    await assert.rejects(store.find("token"));
  });
});

/** A driver over a connection that refuses what is prepared, and what it was asked to do. */
function refusing(dialect: "postgres" | "mysql" | "mariadb", refusal: object): {
  readonly send: () => Promise<unknown>;
  readonly calls: string[];
} {
  const calls: string[] = [];
  const answer = (isPrepared: boolean): Promise<object> => {
    calls.push(isPrepared ? "prepared" : "plain");
    return isPrepared
      ? Promise.reject(refusal)
      : Promise.resolve({ rows: [], rowCount: 1, affectedRows: 1 });
  };
  const withCallback =
    (isPrepared: boolean) => (_: object, done: (...args: unknown[]) => void): void =>
      void answer(isPrepared).then((result) => done(null, result), done);
  const connections = {
    postgres: { query: ({ name }: { name?: string }) => answer(name !== undefined) },
    mariadb: { execute: () => answer(true), query: () => answer(false) },
    mysql: { execute: withCallback(true), query: withCallback(false) },
  };
  const sequelize = {
    connectionManager: {
      getConnection: () => Promise.resolve(connections[dialect]),
      releaseConnection: () => {},
    },
    options: { logging: false },
  } as unknown as Sequelize;
  const Driver = { postgres: PgDriver, mysql: Mysql2Driver, mariadb: MariadbDriver }[dialect];
  const primary = Primary.of(sequelize, {}, undefined, () => {})!;
  const driver = new Driver(sequelize, new GenericDriver(sequelize), primary);
  const statement = fixed("count", "DELETE FROM sessions WHERE token = $1");
  return { send: () => driver.send(statement, ["token"], null), calls };
}

const REFUSALS = [
  ["postgres", { code: "26000", message: "prepared statement does not exist" }],
  ["postgres", { code: "42P05", message: "prepared statement already exists" }],
  ["postgres", { code: "0A000", message: "cached plan must not change result type" }],
  ["mysql", { errno: 1461, message: "max_prepared_stmt_count" }],
  ["mysql", { errno: 1243, message: "unknown prepared statement" }],
  ["mariadb", { errno: 1461, message: "max_prepared_stmt_count" }],
  ["mariadb", { errno: 1615, message: "prepared statement needs to be re-prepared" }],
] as const;

for (const [dialect, refusal] of REFUSALS) {
  Deno.test(`${dialect}: what is refused as prepared is sent again, and then never prepared: ${refusal.message}`, async () => {
    const { send, calls } = refusing(dialect, refusal);
    assert.deepEqual(await send(), { rows: [], count: 1 });
    await send();
    assert.deepEqual(calls, ["prepared", "plain", "plain"]);
  });
}
