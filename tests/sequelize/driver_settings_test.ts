// Settings of the application's that change what the drivers send and return: they must change nothing for
// the store, or be refused; "not found" and a walk without an end are the worst that could come of them.

import assert from "node:assert/strict";
import pg from "pg";
import { type Options, QueryTypes } from "sequelize";
import { SequelizeStore } from "../../mod.ts";
import {
  bytes,
  type Database,
  databases,
  inMs,
  mariadb,
  open,
  postgres,
  soon,
  testOn,
  text,
  withStore,
} from "../support/databases.ts";
import { withFolder } from "../support/folder.ts";

const EXPIRY = new Date("2030-01-02T03:04:05.678Z");
/** Tokens with characters that mean something in SQL, in a pattern of parameters or in an escape. */
const TOKENS = ["!:a?b", "$1", "\\", "\\\\", "a\\b", "b\\", "c", "~"];

/** Puts sessions through every call, and through every way to read them. */
async function putThrough(store: SequelizeStore): Promise<void> {
  const data = Uint8Array.of(0, 39, 92, 128, 255);
  const expected = TOKENS.map((token) => ({ token, data, expiry: EXPIRY }));
  for (const token of TOKENS) await store.commit(token, data, EXPIRY);
  for (const session of expected) assert.deepEqual(await store.find(session.token), session);
  assert.deepEqual(await Promise.all(TOKENS.map((token) => store.find(token))), expected);
  assert.deepEqual([...(await store.all()).keys()].sort(), TOKENS);
  assert.deepEqual([...(await store.all()).values()], TOKENS.map(() => data));
  for (const pageSize of [1, 3, 100]) assert.deepEqual(await walk(store, pageSize), expected);
  for (const token of TOKENS) {
    assert.equal(await store.replace(token, data, bytes(token), EXPIRY), true);
    assert.equal(await store.replace(token, data, bytes("lost"), EXPIRY), false);
    assert.equal(await store.touch(token, EXPIRY), true);
  }
  const replaced = await Promise.all(
    TOKENS.map((token) => store.replace(token, bytes(token), data, EXPIRY)),
  );
  assert.deepEqual(replaced, TOKENS.map(() => true));
  const touched = await Promise.all(
    [...TOKENS, "missing"].map((token) => store.touch(token, inMs(-1))),
  );
  assert.deepEqual(touched, [...TOKENS.map(() => true), false]);
  assert.equal(await store.find("c"), undefined);
  assert.equal(await store.deleteExpired(), TOKENS.length);
  await Promise.all(TOKENS.map((token) => store.commit(token, data, EXPIRY)));
  await Promise.all(TOKENS.map((token) => store.delete(token)));
  assert.equal((await store.all()).size, 0);
}

async function walk(store: SequelizeStore, pageSize: number): Promise<unknown[]> {
  const met = [];
  for await (const session of store.entries({ pageSize })) {
    met.push(session);
    assert.ok(met.length <= 20, "the walk does not end");
  }
  return met;
}

/** Runs statements on each connection that Sequelize makes to MySQL or MariaDB. */
function onConnect(...statements: string[]): Options {
  type Connection = { query(sql: string, callback: (error: unknown) => void): unknown };
  const afterConnect = async (connection: unknown): Promise<void> => {
    for (const sql of statements) {
      await new Promise<void>((resolve, reject) => {
        const settle = (error?: unknown): void => error ? reject(error) : resolve();
        const sent = (connection as Connection).query(sql, settle);
        // The mariadb driver has promises.
        if (sent instanceof Promise) sent.then(() => settle(), settle);
      });
    }
  };
  return { hooks: { afterConnect } };
}

const everywhere: Record<string, Options> = {
  "minifyAliases": { minifyAliases: true },
  "logQueryParameters and benchmark": { logQueryParameters: true, benchmark: true },
};

const onMySql: Record<string, Options> = {
  "dateStrings": { dialectOptions: { dateStrings: true } },
  "numbers as text": {
    dialectOptions: { supportBigNumbers: true, bigNumberStrings: true, decimalNumbers: true },
  },
  "namedPlaceholders": { dialectOptions: { namedPlaceholders: true } },
  "multipleStatements": { dialectOptions: { multipleStatements: true } },
  "rows that are found in the place of those that are changed": {
    dialectOptions: { foundRows: true, flags: "FOUND_ROWS" },
  },
  "jsonStrings": { dialectOptions: { jsonStrings: true } },
  "showWarnings": { showWarnings: true } as Options,
  "isolationLevel": { isolationLevel: "SERIALIZABLE" } as Options,
  "NO_BACKSLASH_ESCAPES": onConnect("SET sql_mode = 'NO_BACKSLASH_ESCAPES'"),
  "ANSI": onConnect("SET sql_mode = 'ANSI'"),
  "another character set of the connection": onConnect("SET NAMES latin1"),
};

const searchPath = { searchPath: "public", dialectOptions: { prependSearchPath: true } } as Options;
const plainStrings = { options: "-c standard_conforming_strings=off" };

const onPostgres: Record<string, Options> = {
  "binary": { dialectOptions: { binary: true } },
  "datestyle": { dialectOptions: { options: "-c datestyle=German" } },
  "bytea_output": { dialectOptions: { options: "-c bytea_output=escape" } },
  "prependSearchPath": searchPath,
  "standardConformingStrings: false": {
    standardConformingStrings: false,
    dialectOptions: plainStrings,
  },
  "standardConformingStrings: false with prependSearchPath": {
    ...searchPath,
    standardConformingStrings: false,
    dialectOptions: { prependSearchPath: true, ...plainStrings },
  } as Options,
};

function testSettings(on: readonly Database[], settings: Record<string, Options>): void {
  for (const [name, options] of Object.entries(settings)) {
    testOn(on, `${name} changes nothing`, async (database) => {
      await withStore(database, ({ store }) => putThrough(store), {}, options);
    });
  }
}

testSettings(databases, { "nothing": {}, ...everywhere });
testSettings(mariadb, onMySql);
testSettings([postgres], onPostgres);

const BYTEA = 17;
const TEXT = 25;
const FLOAT8 = 701;
const VARCHAR = 1043;
const TIMESTAMPTZ = 1184;

/** Lends the driver other parsers for the length of a test. */
async function withParser(
  types: readonly number[],
  parser: (value: string) => unknown,
  test: () => Promise<void>,
): Promise<void> {
  const parsers = types.map((type) => pg.types.getTypeParser(type));
  for (const type of types) pg.types.setTypeParser(type, parser);
  try {
    await test();
  } finally {
    types.forEach((type, i) => pg.types.setTypeParser(type, parsers[i]!));
  }
}

testOn(postgres, "type parsers of the application's change nothing", async (database) => {
  await withParser([BYTEA, FLOAT8, TIMESTAMPTZ], () => "parsed", async () => {
    await withStore(database, ({ store }) => putThrough(store));
  });
});

/** Expects every read to fail with an error that says why, and to hold nothing of the session. */
async function assertUnreadable(store: SequelizeStore, message: RegExp): Promise<void> {
  const reads = [
    () => store.find("token"),
    () => store.all(),
    () => store.entries({ pageSize: 1 }).next(),
  ];
  for (const read of reads) {
    await assert.rejects(read(), (error: Error) => {
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
  }
}

testOn(postgres, "a token that is not text is an error, not a session fewer", async (database) => {
  await withStore(database, async ({ store }) => {
    await store.commit("token", bytes("secret"), soon());
    await withParser([TEXT, VARCHAR], () => 7, async () => {
      await assertUnreadable(
        store,
        /^Cannot read the session: .*must be a string: received number/,
      );
    });
  }, { driver: "sequelize" });
});

testOn(postgres, "an expiry that is not a date is an error", async (database) => {
  await withStore(database, async ({ store, sequelize }) => {
    const { tableName } = store.model;
    await sequelize.query(`INSERT INTO ${tableName} VALUES ('token', 'secret', 'infinity')`);
    await assertUnreadable(store, /bigint out of range/);
  });
});

testOn(mariadb, "data that the driver has made text of is an error", async (database) => {
  type Field = { type: string; string(): string };
  const typeCast = (field: Field, next: () => unknown): unknown => {
    return field.type.endsWith("BLOB") ? field.string() : next();
  };
  await withStore(
    database,
    async ({ store }) => {
      await store.commit("token", bytes("secret"), soon());
      await assertUnreadable(store, /'data' must be bytes: received string/);
    },
    { driver: "sequelize" },
    { dialectOptions: { typeCast } },
  );
});

const reshaping = [{ rowsAsArray: true }, { nestTables: true }, { nestTables: "_" }, {
  metaAsArray: true,
}];

// A hook can change what a connection is made with after open() has looked.
testOn(mariadb, "rows that are reshaped anyway are errors", async (database) => {
  await withStore(database, async ({ store: plain }) => {
    await plain.commit("token", bytes("secret"), soon());
    const { tableName } = plain.model;
    for (const dialectOptions of reshaping) {
      if ("metaAsArray" in dialectOptions && database.dialect === "mysql") continue;
      const beforeConnect = (config: object): void => {
        Object.assign(config, { dialectOptions });
      };
      await database.connect(async (sequelize) => {
        const options = {
          tableName,
          sync: false,
          cleanupInterval: 0,
          driver: "sequelize",
        } as const;
        const store = await SequelizeStore.open(sequelize, options);
        await assertUnreadable(store, /^Cannot read the session/);
        const touches = ["token", "missing"].map((token) => store.touch(token, soon()));
        const [token, missing] = await Promise.allSettled(touches);
        assert.notDeepEqual(token, { status: "fulfilled", value: false });
        assert.notDeepEqual(missing, { status: "fulfilled", value: true });
        await assert.rejects(SequelizeStore.open(sequelize, { tableName, cleanupInterval: 0 }));
        const direct = await SequelizeStore.open(sequelize, { ...options, driver: "direct" });
        assert.equal(text((await direct.find("token"))?.data), "secret");
        assert.deepEqual([...(await direct.all()).keys()], ["token"]);
      }, { hooks: { beforeConnect } });
    }
    assert.equal(text((await plain.find("token"))?.data), "secret");
  });
});

// A token in a form that the index does not serve would make every call a scan of the table.
testOn(mariadb, "tokens with a backslash are looked up by the index", async (database) => {
  await withStore(database, async ({ store, sequelize, statements }) => {
    for (let i = 0; i < 50; i++) await store.commit(`a\\b${i}`, bytes("data"), soon());
    statements.length = 0;
    await store.find("a\\b7");
    const sql = statements[0]!.replace(/^Executed \(.*?\): /, "EXPLAIN ");
    const [plan] = await sequelize.query<{ key: string }>(sql, { type: QueryTypes.SELECT });
    assert.match(sql, /_ascii X'615c6237'/);
    assert.equal(plan!.key, "PRIMARY");
  }, { driver: "sequelize" });
});

const sqlite = databases.filter(({ dialect }) => dialect === "sqlite");

testOn(sqlite, "data that another program has stored as text is its bytes", async (database) => {
  await withStore(database, async ({ store, sequelize }) => {
    const { tableName } = store.model;
    const expiry = "2030-01-02 03:04:05.678 +00:00";
    await sequelize.query(`INSERT INTO ${tableName} VALUES ('token', 'dätä', '${expiry}')`);
    const session = { token: "token", data: bytes("dätä"), expiry: EXPIRY };
    assert.deepEqual(await store.find("token"), session);
    assert.deepEqual([...await store.all()], [["token", bytes("dätä")]]);
    assert.deepEqual(await walk(store, 1), [session]);
    assert.equal(await store.replace("token", bytes("data"), bytes("new"), EXPIRY), false);
    assert.equal(await store.replace("token", bytes("dätä"), bytes("new"), EXPIRY), true);
    assert.equal(text((await store.find("token"))?.data), "new");
  });
});

// SQLite stores anything anywhere. A walk must not end at such a row.
testOn(sqlite, "a row whose expiry is no date is no session", async (database) => {
  await withStore(database, async ({ store, sequelize }) => {
    const { tableName } = store.model;
    for (const token of TOKENS) await store.commit(token, bytes("data"), EXPIRY);
    const insert = (token: string, expiry: string): Promise<unknown> =>
      sequelize.query(`INSERT INTO ${tableName} VALUES (${token}, 'data', ${expiry})`);
    for (const token of ["'#'", "'a'", "'b'", "'z'", "X'ff'"]) await insert(token, "'never'");
    await insert("X'fe'", "'2030-01-02 03:04:05.678 +00:00'");
    assert.equal(await store.find("a"), undefined);
    assert.deepEqual([...(await store.all()).keys()].sort(), TOKENS);
    for (const pageSize of [1, 2, 3, 100]) {
      assert.equal((await walk(store, pageSize)).length, TOKENS.length);
    }
  });
});

// Whatever the reason: a proxy, a driver, a collation.
Deno.test("entries() ends if the database returns the same pages again and again", async () => {
  await withFolder(async (folder) => {
    const sequelize = open(`node-sqlite:${folder}/sessions.sqlite`);
    const store = await SequelizeStore.open(sequelize, { cleanupInterval: 0 });
    const circles = [["a"], ["a", "b"], ["x", "c", "a", "b"]];
    for (const circle of circles) {
      let n = 0;
      const query = (): Promise<object[]> => {
        const token = circle[n++ % circle.length];
        return Promise.resolve([{ token, data: bytes(""), expiry: "2030-01-02 03:04:05" }]);
      };
      Object.assign(store.model.sequelize!, { query });
      await assert.rejects(
        walk(store, 1),
        /^Error: Cannot walk the sessions: the database returned a page again/,
      );
    }
    await sequelize.close();
  });
});
