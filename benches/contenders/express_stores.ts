// Stores for express-session, called through the interface that the middleware uses.

import connectPgSimple from "connect-pg-simple";
import connectSessionSequelize from "connect-session-sequelize";
import session from "express-session";
import pg from "pg";
import type { Sequelize } from "sequelize";
import { type Contender, POOL, type Subject } from "../contender.ts";

type Callback = (error?: unknown, value?: unknown) => void;

/** The part of express-session's `Store` that is measured. */
export interface ExpressSessionStore {
  get(sid: string, callback: Callback): unknown;
  set(sid: string, session: unknown, callback: Callback): unknown;
  touch(sid: string, session: unknown, callback: Callback): unknown;
  destroy(sid: string, callback: Callback): unknown;
}

/** Makes a session object as express-session would. Its JSON is as long as the other contenders' data. */
function sessionOf({ data, expiry }: Subject): unknown {
  const cookie = { originalMaxAge: 3_600_000, expires: expiry, httpOnly: true, path: "/" };
  const text = data.toString("latin1", 0, data.length - JSON.stringify({ cookie }).length - 10);
  return { cookie, text };
}

function toPromise(call: (callback: Callback) => unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    call((error, value) => {
      if (error) reject(error);
      else resolve(value);
    });
  });
}

/** Makes a contender of a store for express-session. express-session has no compare-and-swap. */
export function expressStore(
  name: string,
  table: string,
  store: ExpressSessionStore,
  close: () => Promise<unknown>,
): Contender {
  return {
    name,
    table,
    find: async ({ token }) => Boolean(await toPromise((done) => store.get(token, done))),
    commit: (subject) => toPromise((done) => store.set(subject.token, sessionOf(subject), done)),
    touch: (subject) => toPromise((done) => store.touch(subject.token, sessionOf(subject), done)),
    delete: ({ token }) => toPromise((done) => store.destroy(token, done)),
    close,
  };
}

/** connect-session-sequelize, on the same Sequelize instance as this package's store. */
export async function sequelizePeer(sequelize: Sequelize): Promise<Contender> {
  const tableName = "sessions_bench_css";
  const Store = connectSessionSequelize(session.Store);
  const store = new Store({ db: sequelize, tableName, checkExpirationInterval: 0 });
  await store.sync();
  const drop = (): Promise<unknown> => sequelize.getQueryInterface().dropTable(tableName);
  return expressStore("connect-session-sequelize", tableName, store, drop);
}

/** connect-pg-simple, with its own pool. */
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
