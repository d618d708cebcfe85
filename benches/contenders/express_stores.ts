// The stores of express-session, each through the interface that the middleware calls.

import connectPgSimple from "connect-pg-simple";
import connectSessionSequelize from "connect-session-sequelize";
import session from "express-session";
import pg from "pg";
import type { Sequelize } from "sequelize";
import { type Contender, POOL, type Subject } from "../contender.ts";

type Callback = (error?: unknown, value?: unknown) => void;

/** As much of express-session's `Store` as is measured. */
export interface ExpressSessionStore {
  get(sid: string, callback: Callback): unknown;
  set(sid: string, session: unknown, callback: Callback): unknown;
  touch(sid: string, session: unknown, callback: Callback): unknown;
  destroy(sid: string, callback: Callback): unknown;
}

/** What express-session would hand to a store: JSON of as many bytes as the others' data. */
function sessionOf({ data, expiry }: Subject): unknown {
  const cookie = { originalMaxAge: 3_600_000, expires: expiry, httpOnly: true, path: "/" };
  const text = data.toString("latin1", 0, data.length - JSON.stringify({ cookie }).length - 10);
  return { cookie, text };
}

function promised(call: (callback: Callback) => unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    call((error, value) => {
      if (error) reject(error);
      else resolve(value);
    });
  });
}

/** A store of express-session. It has no compare-and-swap. */
export function expressStore(
  name: string,
  table: string,
  store: ExpressSessionStore,
  close: () => Promise<unknown>,
): Contender {
  return {
    name,
    table,
    find: async ({ token }) => Boolean(await promised((done) => store.get(token, done))),
    commit: (subject) => promised((done) => store.set(subject.token, sessionOf(subject), done)),
    touch: (subject) => promised((done) => store.touch(subject.token, sessionOf(subject), done)),
    delete: ({ token }) => promised((done) => store.destroy(token, done)),
    close,
  };
}

/** connect-session-sequelize, on the same Sequelize instance as the store of this package. */
export async function sequelizePeer(sequelize: Sequelize): Promise<Contender> {
  const tableName = "sessions_bench_css";
  const Store = connectSessionSequelize(session.Store);
  const store = new Store({ db: sequelize, tableName, checkExpirationInterval: 0 });
  await store.sync();
  const drop = (): Promise<unknown> => sequelize.getQueryInterface().dropTable(tableName);
  return expressStore("connect-session-sequelize", tableName, store, drop);
}

/** connect-pg-simple, on a pool of its own. */
export function pgPeer(url: string): Contender {
  const tableName = "sessions_bench_cps";
  const pool = new pg.Pool({ connectionString: url, max: POOL });
  const Store = connectPgSimple(session);
  const store = new Store({
    pool,
    tableName,
    createTableIfMissing: true,
    pruneSessionInterval: false,
  });
  const close = async (): Promise<void> => {
    await pool.query(`DROP TABLE IF EXISTS ${tableName}`);
    await pool.end();
  };
  return expressStore("connect-pg-simple", tableName, store, close);
}
