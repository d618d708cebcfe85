import type { ExpressStore } from "@scs/sequelize-store/express";
import type { Pool } from "pg";
import { DataTypes, Op, type Sequelize } from "sequelize";

/** How many sessions are copied at a time; the store writes them by a few statements. */
const PAGE = 500;

interface OldRow {
  readonly sid: string;
  readonly session: { cookie: { expires: Date | null } };
  readonly expires: Date;
}

/** Copies the sessions of connect-session-sequelize; gives their number. */
export async function fromConnectSessionSequelize(
  sequelize: Sequelize,
  store: ExpressStore,
): Promise<number> {
  const Old = sequelize.define("OldSession", {
    sid: { type: DataTypes.STRING, primaryKey: true },
    expires: DataTypes.DATE,
    data: DataTypes.TEXT,
  }, { tableName: "Sessions", timestamps: false });
  return await copyAll(store, async (after) => {
    const where = { sid: { [Op.gt]: after }, expires: { [Op.gt]: new Date() } };
    const rows = await Old.findAll({ where, order: ["sid"], limit: PAGE });
    return rows.map((row) => {
      const { sid, expires, data } = row.get();
      return { sid, session: JSON.parse(data), expires };
    });
  });
}

/** Copies the sessions of connect-pg-simple; gives their number. */
export async function fromConnectPgSimple(pool: Pool, store: ExpressStore): Promise<number> {
  return await copyAll(store, async (after) => {
    // The column has no time zone: it is the one that the pool's connections have.
    const { rows } = await pool.query(
      `SELECT sid, sess AS session, expire::timestamptz AS expires FROM session
        WHERE sid > $1 AND expire > localtimestamp ORDER BY sid LIMIT ${PAGE}`,
      [after],
    );
    return rows;
  });
}

async function copyAll(
  store: ExpressStore,
  next: (after: string) => Promise<OldRow[]>,
): Promise<number> {
  let copied = 0;
  for (let after = "";;) {
    const rows = await next(after);
    await Promise.all(rows.map((row) => copy(store, row)));
    copied += rows.length;
    if (rows.length < PAGE) return copied;
    after = rows.at(-1)!.sid;
  }
}

/** With the column's expiry: a touch moves that alone, and leaves the cookie's behind. */
async function copy(store: ExpressStore, { sid, session, expires }: OldRow): Promise<void> {
  if (session.cookie.expires) session.cookie.expires = expires;
  await store.set(sid, session);
}
