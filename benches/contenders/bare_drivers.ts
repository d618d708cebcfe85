// The drivers alone, with prepared statements: the limit of what one statement per call can achieve.

import mariadb from "mariadb";
import mysql2 from "mysql2/promise";
import pg from "pg";
import type { Sequelize } from "sequelize";
import type sqlite3 from "sqlite3";
import type { Database, Value } from "../../src/node_sqlite/mod.ts";
import { type Contender, POOL, type Subject, TABLE, type Verb } from "../contender.ts";
import { sqliteDate } from "./plain_sequelize.ts";

/** Each verb's statement with `?` placeholders, and its values in order. */
type Statements = Record<Verb, readonly [string, (subject: Subject) => unknown[]]>;

function statements(upsert: string): Statements {
  return {
    find: [
      `SELECT token, data, expiry FROM ${TABLE} WHERE token = ? AND expiry > ?`,
      ({ token }) => [token, new Date()],
    ],
    commit: [
      `INSERT INTO ${TABLE} (token, data, expiry) VALUES (?, ?, ?) ${upsert}`,
      ({ token, data, expiry }) => [token, data, expiry],
    ],
    replace: [
      `UPDATE ${TABLE} SET data = ?, expiry = ? WHERE token = ? AND data = ? AND expiry > ?`,
      ({ token, data, next, expiry }) => [next, expiry, token, data, new Date()],
    ],
    touch: [
      `UPDATE ${TABLE} SET expiry = ? WHERE token = ? AND expiry > ?`,
      ({ token, expiry }) => [expiry, token, new Date()],
    ],
    delete: [`DELETE FROM ${TABLE} WHERE token = ?`, ({ token }) => [token]],
  };
}

/** Makes a contender whose calls all go through `run`, which resolves with the number of rows. */
function contender(
  name: string,
  statements: Statements,
  run: (verb: Verb, sql: string, values: unknown[]) => Promise<number>,
  close: () => Promise<unknown>,
): Contender {
  const call = (verb: Verb) => async (subject: Subject): Promise<boolean> => {
    const [sql, valuesOf] = statements[verb];
    return await run(verb, sql, valuesOf(subject)) > 0;
  };
  return {
    name,
    table: TABLE,
    find: call("find"),
    commit: call("commit"),
    replace: call("replace"),
    touch: call("touch"),
    delete: call("delete"),
    close,
  };
}

const ON_CONFLICT =
  "ON CONFLICT (token) DO UPDATE SET data = EXCLUDED.data, expiry = EXCLUDED.expiry";
const ON_DUPLICATE = "ON DUPLICATE KEY UPDATE data = VALUES(data), expiry = VALUES(expiry)";

/** node-postgres. It prepares named statements once per connection. */
export function barePostgres(url: string): Contender {
  const pool = new pg.Pool({ connectionString: url, max: POOL });
  const run = async (name: Verb, sql: string, values: unknown[]): Promise<number> => {
    return (await pool.query({ name, text: sql, values })).rowCount ?? 0;
  };
  const named = Object.entries(statements(ON_CONFLICT)).map(([verb, [sql, values]]) => {
    let n = 0;
    return [verb, [sql.replace(/\?/g, () => `$${++n}`), values]];
  });
  return contender("bare pg", Object.fromEntries(named), run, () => pool.end());
}

/** The mariadb driver. */
export function bareMariadb(url: string): Contender {
  const { hostname, port, username, password, pathname } = new URL(url);
  const pool = mariadb.createPool({
    host: hostname,
    port: Number(port || 3306),
    user: username,
    password,
    database: pathname.slice(1),
    connectionLimit: POOL,
  });
  const run = async (_: Verb, sql: string, values: unknown[]): Promise<number> => {
    const result = await pool.execute(sql, values);
    return result.length ?? result.affectedRows;
  };
  return contender("bare mariadb", statements(ON_DUPLICATE), run, () => pool.end());
}

/** The mysql2 driver. */
export function bareMysql2(url: string): Contender {
  const pool = mysql2.createPool({ uri: url, connectionLimit: POOL });
  const run = async (_: Verb, sql: string, values: unknown[]): Promise<number> => {
    const [result] = await pool.execute(sql, values as (string | Date)[]);
    return Array.isArray(result) ? result.length : result.affectedRows;
  };
  return contender("bare mysql2", statements(ON_DUPLICATE), run, () => pool.end());
}

/** The sqlite3 driver, on Sequelize's own connection, because the database is in memory. */
export async function bareSqlite(sequelize: Sequelize): Promise<Contender> {
  const connection = await sequelize.connectionManager.getConnection({ type: "read" });
  const all = statements(ON_CONFLICT);
  const prepared = Object.fromEntries(
    Object.entries(all).map(([verb, [sql]]) => {
      return [verb, (connection as sqlite3.Database).prepare(sql)];
    }),
  ) as Record<Verb, sqlite3.Statement>;
  const run = (verb: Verb, _: string, values: unknown[]): Promise<number> => {
    const texts = values.map((value) => value instanceof Date ? sqliteDate(value) : value);
    return new Promise((resolve, reject) => {
      prepared[verb].all(...texts, (error: Error | null, rows: unknown[]) => {
        if (error) reject(error);
        // all() does not report how many rows a write has changed.
        else resolve(verb === "find" ? rows.length : 1);
      });
    });
  };
  const close = (): Promise<unknown> => {
    const ends = Object.values(prepared).map((statement) => {
      return new Promise((resolve) => statement.finalize(resolve));
    });
    return Promise.all(ends);
  };
  return contender("bare sqlite3", all, run, close);
}

/** `./node-sqlite` by its `execute`, on Sequelize's own connection; `on` tells its table from the others'. */
export async function bareNodeSqlite(sequelize: Sequelize, on: string): Promise<Contender> {
  const connection = await sequelize.connectionManager.getConnection({ type: "read" });
  const run = async (verb: Verb, sql: string, values: unknown[]): Promise<number> => {
    const texts = values.map((value) => value instanceof Date ? sqliteDate(value) : value);
    const rows = await (connection as Database).execute(sql, texts as Value[]);
    return verb === "find" ? rows.length : 1;
  };
  const all = contender("bare node-sqlite", statements(ON_CONFLICT), run, () => Promise.resolve());
  return { ...all, table: `${TABLE}${on}` };
}
