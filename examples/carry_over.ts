import type { ExpressStore } from "@scs/sequelize-store/express";
import type { Pool } from "pg";
import { DataTypes, Op, type Sequelize } from "sequelize";

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
  const rows = await Old.findAll({ where: { expires: { [Op.gt]: new Date() } }, raw: true });
  for (const { sid, expires, data } of rows as unknown as Record<string, string>[]) {
    await copy(store, sid!, JSON.parse(data!), new Date(expires!));
  }
  return rows.length;
}

/** Copies the sessions of connect-pg-simple; gives their number. */
export async function fromConnectPgSimple(pool: Pool, store: ExpressStore): Promise<number> {
  // Without a time zone in the column, it is the one that the pool's connections have.
  const { rows } = await pool.query(
    "SELECT sid, sess, expire::timestamptz AS expire FROM session WHERE expire > localtimestamp",
  );
  for (const { sid, sess, expire } of rows) await copy(store, sid, sess, expire);
  return rows.length;
}

/** With the column's expiry: a touch moves that alone, and leaves the cookie's behind. */
async function copy(
  store: ExpressStore,
  sid: string,
  session: { cookie: { expires: Date | null } },
  expires: Date,
): Promise<void> {
  if (session.cookie.expires) session.cookie.expires = expires;
  await store.set(sid, session);
}
