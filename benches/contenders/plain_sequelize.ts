// Plain Sequelize calls, as an application without a session store would make them.

import { Op, QueryTypes, type Sequelize } from "sequelize";
import type { SequelizeStore } from "../../mod.ts";
import { type Contender, TABLE } from "../contender.ts";

/** `Model.findOne` and the other methods of models. */
export function modelCalls({ model }: SequelizeStore): Contender {
  return {
    name: "Model calls",
    table: TABLE,
    find: async ({ token }) => {
      return await model.findOne({ where: { token, expiry: { [Op.gt]: new Date() } } }) !== null;
    },
    commit: ({ token, data, expiry }) => model.upsert({ token, data, expiry }),
    replace: async ({ token, data, next, expiry }) => {
      const where = { token, data, expiry: { [Op.gt]: new Date() } };
      return (await model.update({ data: next, expiry }, { where }))[0] === 1;
    },
    touch: async ({ token, expiry }) => {
      const where = { token, expiry: { [Op.gt]: new Date() } };
      return (await model.update({ expiry }, { where }))[0] === 1;
    },
    delete: async ({ token }) => await model.destroy({ where: { token } }) === 1,
  };
}

/** `sequelize.query` with handwritten SQL and bind parameters. */
export function handWrittenSql(sequelize: Sequelize): Contender {
  const isMySql = sequelize.getDialect() !== "postgres" && sequelize.getDialect() !== "sqlite";
  const upsert = isMySql
    ? "ON DUPLICATE KEY UPDATE data = VALUES(data), expiry = VALUES(expiry)"
    : "ON CONFLICT (token) DO UPDATE SET data = EXCLUDED.data, expiry = EXCLUDED.expiry";
  // SQLite compares dates as text, so they must have the format that Sequelize stores.
  const date = sequelize.getDialect() === "sqlite" ? sqliteDate : (date: Date) => date;
  const query = (type: QueryTypes, sql: string, ...bind: unknown[]): Promise<unknown> => {
    return sequelize.query(sql, { type, bind, raw: true });
  };
  const found = `SELECT token, data, expiry FROM ${TABLE} WHERE token = $1 AND expiry > $2`;
  const write = `INSERT INTO ${TABLE} (token, data, expiry) VALUES ($1, $2, $3) ${upsert}`;
  return {
    name: "sequelize.query",
    table: TABLE,
    find: async ({ token }) => {
      const rows = await query(QueryTypes.SELECT, found, token, date(new Date()));
      return (rows as unknown[]).length === 1;
    },
    commit: ({ token, data, expiry }) => {
      return query(QueryTypes.RAW, write, token, data, date(expiry));
    },
    delete: ({ token }) => {
      return query(QueryTypes.BULKDELETE, `DELETE FROM ${TABLE} WHERE token = $1`, token);
    },
  };
}

/** Formats a date as Sequelize does for SQLite. */
export function sqliteDate(date: Date): string {
  return date.toISOString().replace("T", " ").replace("Z", " +00:00");
}
