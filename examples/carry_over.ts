import type { ExpressStore } from "@scs/sequelize-store/express";
import type { Pool } from "pg";
import { DataTypes, Op, type Sequelize } from "sequelize";

/** The number of sessions that are copied at a time: the store writes them in a few statements. */
const PAGE = 500;

interface OldRow {
  readonly sid: string;
  readonly session: { cookie: { expires: Date | null } };
  readonly expires: Date;
}

/** Copies the sessions of connect-session-sequelize. Returns how many it has copied. */
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

/** Copies the sessions of connect-pg-simple. Returns how many it has copied. */
export async function fromConnectPgSimple(pool: Pool, store: ExpressStore): Promise<number> {
  return await copyAll(store, async (after) => {
    // The column has no time zone: its times are in the time zone of the pool's connections.
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
  readPage: (after: string) => Promise<OldRow[]>,
): Promise<number> {
  let copied = 0;
  for (let after = "";;) {
    const rows = await readPage(after);
    await Promise.all(rows.map((row) => copy(store, row)));
    copied += rows.length;
    if (rows.length < PAGE) return copied;
    after = rows.at(-1)!.sid;
  }
}

/** Takes the column's expiry, because a touch updates only the column and not the cookie's expiry. */
async function copy(store: ExpressStore, { sid, session, expires }: OldRow): Promise<void> {
  if (session.cookie.expires) session.cookie.expires = expires;
  await store.set(sid, session);
}
