// Carries over the sessions of other packages' stores as docs/from-connect.md describes.

import connectPgSimple from "connect-pg-simple";
import connectSessionSequelize from "connect-session-sequelize";
import session from "express-session";
import assert from "node:assert/strict";
import pg from "pg";
import { fromConnectPgSimple, fromConnectSessionSequelize } from "../../examples/carry_over.ts";
import { ExpressStore } from "../../src/express/mod.ts";
import { databases, inMs, postgres, testOn, withStore } from "../support/databases.ts";

const HOUR = 3_600_000;

interface OldStore {
  set(sid: string, session: object, callback: (error?: unknown) => void): void;
  touch(sid: string, session: object, callback: (error?: unknown) => void): void;
}

function plain(maxAge: number | null, values: object = {}): { cookie: { expires: Date | null } } {
  const expires = maxAge === null ? null : inMs(maxAge);
  return {
    cookie: { originalMaxAge: maxAge, expires, path: "/" } as { expires: Date | null },
    ...values,
  };
}

/** More sessions than a page has. */
const MANY = Array.from({ length: 600 }, (_, i) => ({ sid: `many${i}`, session: plain(HOUR) }));

function done(call: (callback: (error?: unknown) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => call((error) => error ? reject(error) : resolve()));
}

/** Writes four sessions to an old store, one of them expired; returns the expiry that one was moved to. */
async function fill(old: OldStore): Promise<Date | null> {
  const sessions = {
    signedIn: plain(HOUR, { user: "Ada" }),
    browser: plain(null, { cart: [1] }),
    used: plain(HOUR),
    expired: plain(-HOUR),
  };
  for (const [sid, each] of Object.entries(sessions)) {
    await done((callback) => old.set(sid, each, callback));
  }
  const moved = plain(3 * HOUR);
  await done((callback) => old.touch("used", moved, callback));
  return moved.cookie.expires;
}

async function assertCarriedOver(store: ExpressStore, moved: Date | null): Promise<void> {
  const [signedIn, browser, used, expired] = await Promise.all(
    ["signedIn", "browser", "used", "expired"].map((sid) => store.get(sid)),
  );
  assert.equal(signedIn?.user, "Ada");
  assert.deepEqual([browser?.cart, browser?.cookie.expires], [[1], null]);
  // connect-pg-simple and MariaDB's DATETIME round to the second.
  const gap = used!.cookie.expires!.getTime() - moved!.getTime();
  assert.ok(Math.abs(gap) < 1000, String(gap));
  assert.equal(expired, undefined);
  assert.equal(await store.length(), MANY.length + 3);
}

testOn(databases, "connect-session-sequelize's sessions can be carried over", async (database) => {
  await withStore(database, async ({ store: inner, sequelize }) => {
    const Old = connectSessionSequelize(session.Store);
    const old = new Old({ db: sequelize, checkExpirationInterval: -1 });
    await old.sync();
    try {
      const moved = await fill(old);
      const rows = MANY.map(({ sid, session }) => ({
        sid,
        expires: session.cookie.expires,
        data: JSON.stringify(session),
      }));
      await sequelize.models.Session!.bulkCreate(rows);
      const store = new ExpressStore(inner);
      assert.equal(await fromConnectSessionSequelize(sequelize, store), MANY.length + 3);
      await assertCarriedOver(store, moved);
    } finally {
      await sequelize.getQueryInterface().dropTable("Sessions");
    }
  });
});

testOn(postgres, "connect-pg-simple's sessions can be carried over", async (database) => {
  await withStore(database, async ({ store: inner, sequelize }) => {
    const { host, port, username, database: name } = sequelize.config;
    const pool = new pg.Pool({
      host: host!,
      port: Number(port),
      user: username!,
      database: name,
      options: "-c TimeZone=America/New_York",
    });
    const Old = connectPgSimple(session);
    const old = new Old({ pool, createTableIfMissing: true, pruneSessionInterval: false });
    try {
      const moved = await fill(old);
      for (const { sid, session } of MANY) await done((done) => old.set(sid, session, done));
      const store = new ExpressStore(inner);
      assert.equal(await fromConnectPgSimple(pool, store), MANY.length + 3);
      await assertCarriedOver(store, moved);
    } finally {
      await pool.query("DROP TABLE IF EXISTS session");
      await pool.end();
    }
  });
});
