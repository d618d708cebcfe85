// The SQL of every verb on every dialect, against sql_snapshot.txt: no database is asked, so that
// SQL Server is among them. After a change that is meant, run the test with UPDATE_SNAPSHOT=1 and read
// the difference.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import process from "node:process";
import { type Dialect, Sequelize } from "sequelize";
import { nodeSqlite } from "../../src/node_sqlite/mod.ts";
import { up } from "../../src/sequelize/migration/mod.ts";
import { SequelizeStore } from "../../mod.ts";
import { bytes } from "../support/databases.ts";

const DOCUMENT = new URL("../../docs/databases.md", import.meta.url);
const SNAPSHOT = new URL("./sql_snapshot.txt", import.meta.url);
const DIALECTS: Dialect[] = ["postgres", "mysql", "mariadb", "sqlite", "mssql"];
const EXPIRY = new Date("2030-01-02T03:04:05.678Z");

/** What a row holds besides its token, as each dialect's statements read it. */
const VALUES: Partial<Record<Dialect, object>> = {
  postgres: { data: "", expiry: "0" },
  mysql: { data: bytes(""), expiry: "2030-01-02 03:04:05.678" },
  mariadb: { data: bytes(""), expiry: "2030-01-02 03:04:05.678" },
  sqlite: { data: bytes(""), expiry: "2030-01-02 03:04:05.678 +00:00" },
  mssql: { data: bytes(""), expiry: EXPIRY },
};

/** The drivers that may be missing here: without a connection, any object takes their place. */
const MODULES: Partial<Record<Dialect, { dialectModule: object }>> = {
  sqlite: { dialectModule: nodeSqlite },
  mssql: { dialectModule: {} },
};

interface Query {
  readonly sql: string | { query: string; bind?: unknown[] };
  readonly options: { type?: string; bind?: unknown[] };
}

/** The drivers' errors if there is no column for the owner. */
const NO_OWNER: Partial<Record<Dialect, object>> = {
  postgres: { code: "42703" },
  mysql: { errno: 1054 },
  mariadb: { errno: 1054 },
  sqlite: { message: "SQLITE_ERROR: no such column: owner" },
  mssql: { number: 207 },
};

/** What a table has: nothing, if there is none; SCS's columns and indexes; or those with the owner's. */
type Table = "none" | "plain" | "owned";

/** A Sequelize instance that answers each query by itself, and keeps it. */
function fake(
  dialect: Dialect,
): { sequelize: Sequelize; queries: Query[]; open: (table: Table) => void } {
  const sequelize = new Sequelize({ dialect, ...MODULES[dialect] });
  const queries: Query[] = [];
  let table: Table = "owned";
  const query = (sql: Query["sql"], options: Query["options"]): Promise<unknown> => {
    // Asked once in a while, and not by any one call.
    if (/pg_is_in_recovery|@@read_only/.test(String(sql))) return Promise.resolve([{}]);
    queries.push({ sql, options });
    const { type } = options;
    const isProbe = type === "SELECT" && String(sql).includes("''");
    if (isProbe && table === "none") {
      table = "plain";
      return Promise.reject(new Error("no such table"));
    }
    if (isProbe && table === "plain" && !String(sql).includes("expiry")) {
      return Promise.reject({ message: "no column owner", ...NO_OWNER[dialect] });
    }
    if (type === "SHOWINDEXES") {
      return Promise.resolve(
        ["token", "expiry"].map((attribute) => ({ unique: true, fields: [{ attribute }] })),
      );
    }
    if (String(sql).includes("pg_index")) {
      return Promise.resolve([{ column: "token" }, { column: "expiry" }]);
    }
    if (String(sql).endsWith("FOR UPDATE")) {
      return Promise.resolve([{ token: "a" }, { token: "b" }]);
    }
    if (type === "SELECT") {
      return Promise.resolve([{ token: "expired", count: "1", ...VALUES[dialect] }]);
    }
    if (type === "BULKUPDATE" || type === "BULKDELETE") return Promise.resolve(1);
    if (type === "UPSERT") return Promise.resolve([{}, null]);
    return Promise.resolve([]);
  };
  const transaction = async (): Promise<unknown> => {
    await query("START TRANSACTION", {});
    return { connection: {}, commit: () => query("COMMIT", {}) };
  };
  const getConnection = (): Promise<object> => Promise.resolve({});
  Object.assign(sequelize.connectionManager, { getConnection, releaseConnection: () => {} });
  return {
    sequelize: Object.assign(sequelize, { query, transaction }),
    queries,
    open: (state) => table = state,
  };
}

/** A query as a line of text; what is the time of day is made the same every time. */
function line({ sql, options }: Query): string {
  const [query, bind] = typeof sql === "string"
    ? [sql, options.bind]
    : [sql.query, sql.bind ?? options.bind];
  const values = bind === undefined ? "" : ` -- ${JSON.stringify(bind.map(readable))}`;
  return (query.trim() + values)
    .replaceAll(/20[2-9]\d-\d\d-\d\d[ T]\d\d:\d\d:\d\d\.\d{3}/g, (date) => {
      return date.startsWith("2030-01-02") ? date : "<now>";
    });
}

function readable(value: unknown): unknown {
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : value;
}

type Section = <T>(name: string, call: () => Promise<T>) => Promise<T>;

/** Adds the queries of each call to some lines. */
function recorder(lines: string[], queries: Query[]): Section {
  return async (name, call) => {
    queries.length = 0;
    const result = await call();
    lines.push(`## ${name}`, ...queries.map(line));
    return result;
  };
}

/** Makes every call on a store, and answers with the queries of each. */
async function statementsOf(dialect: Dialect): Promise<string> {
  const { sequelize, queries, open } = fake(dialect);
  const lines = [`# ${dialect}`];
  const section = recorder(lines, queries);
  open("none");
  const store = await section("open()", () => {
    return SequelizeStore.open(sequelize, { cleanupInterval: 0, schema: undefined });
  });
  const [old, next] = [bytes("old"), bytes("new")];
  await section("find()", () => store.find("a"));
  await section("find(), 4 at once", () => {
    return Promise.all([..."abcd"].map((token) => store.find(token)));
  });
  await section("commit()", () => store.commit("a", old, EXPIRY));
  await section("commit(), 4 at once", () => {
    return Promise.all([..."badc"].map((token) => store.commit(token, old, EXPIRY)));
  });
  await section("replace()", () => store.replace("a", old, next, EXPIRY));
  await section("touch()", () => store.touch("a", EXPIRY));
  await section("replace(), 2 at once", () => {
    return Promise.all([..."ba"].map((token) => store.replace(token, old, next, EXPIRY)));
  });
  await section("touch(), 2 at once", () => {
    return Promise.all([..."ba"].map((token) => store.touch(token, EXPIRY)));
  });
  await section("delete()", () => store.delete("a"));
  await section("delete(), 4 at once", () => {
    return Promise.all([..."abcd"].map((token) => store.delete(token)));
  });
  await section("all()", () => store.all());
  await section("entries(), a page", () => store.entries({ pageSize: 2 }).next());
  await section("deleteExpired(), a batch", () => store.deleteExpired());
  return lines.join("\n");
}

/** Makes the calls on a store with owners that differ, and answers with the queries of each. */
async function ownedStatementsOf(dialect: Dialect): Promise<string> {
  const { sequelize, queries, open } = fake(dialect);
  const lines = [`# ${dialect}, with owners`];
  const section = recorder(lines, queries);
  const openStore = (): Promise<SequelizeStore> =>
    SequelizeStore.open(sequelize, { cleanupInterval: 0, owners: true });
  open("none");
  await section("open()", openStore);
  open("plain");
  const store = await section("open(), where the table has no owners", openStore);
  const [old, next] = [bytes("old"), bytes("new")];
  const owner = "it's\\";
  const owners = { a: owner, b: null, c: undefined } as const;
  const tokens = ["a", "b", "c"] as const;
  await section("find()", () => store.find("a"));
  await section("commit()", () => store.commit("a", old, EXPIRY, { owner }));
  await section("commit(), 3 at once", () => {
    return Promise.all(tokens.map((token) => {
      return store.commit(token, old, EXPIRY, { owner: owners[token] ?? undefined });
    }));
  });
  await section("replace()", () => store.replace("a", old, next, EXPIRY));
  await section("replace(), another owner", () => {
    return store.replace("a", old, next, EXPIRY, { owner });
  });
  await section("replace(), nobody", () => store.replace("a", old, next, EXPIRY, { owner: null }));
  await section("replace(), 3 at once", () => {
    return Promise.all(tokens.map((token) => {
      return store.replace(token, old, next, EXPIRY, { owner: owners[token] });
    }));
  });
  await section("entriesOf(), a page", () => store.entriesOf(owner, { pageSize: 2 }).next());
  await section("deleteOwned()", () => store.deleteOwned(owner));
  await section("deleteOwned(), except", () => store.deleteOwned(owner, { except: ["a", "b"] }));
  return lines.join("\n");
}

Deno.test("the statements of every verb on every dialect are those in the snapshot", async () => {
  const actual = [];
  for (const dialect of DIALECTS) {
    actual.push(await statementsOf(dialect), await ownedStatementsOf(dialect));
  }
  const snapshot = actual.join("\n\n") + "\n";
  if (process.env.UPDATE_SNAPSHOT) await writeFile(SNAPSHOT, snapshot);
  assert.equal(snapshot, await readFile(SNAPSHOT, "utf8"));
});

Deno.test("docs/databases.md has the statements that make the table", async () => {
  const document = await readFile(DOCUMENT, "utf8");
  let actual = document;
  for (const dialect of ["postgres", "mysql", "sqlite", "mssql"] as const) {
    for (const owners of [false, true]) {
      const { sequelize, queries, open } = fake(dialect);
      open(owners ? "plain" : "none");
      await up(sequelize.getQueryInterface(), { owners });
      const statements = queries.map(line).filter((sql) => /\bCREATE|^ALTER/.test(sql));
      const sql = statements.map((statement) => `${statement.replace(/;$/, "")};\n`).join("");
      const name = owners ? `${dialect}, owners` : dialect;
      const place = new RegExp(`(<!-- ${name} -->\n\n\`\`\`sql\n)[^]*?(?=\`\`\`)`);
      assert.match(document, place);
      actual = actual.replace(place, (_, start) => start + sql);
    }
  }
  if (process.env.UPDATE_SNAPSHOT) await writeFile(DOCUMENT, actual);
  assert.equal(await readFile(DOCUMENT, "utf8"), actual);
});
