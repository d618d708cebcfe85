// Sequelize's own query interface, for SQL Server. Several rows are written by one statement only if Sequelize can do
// that. Owners are in a column of bytes.

import { Buffer } from "node:buffer";
import type { QueryInterface, TableName, WhereOptions } from "sequelize";
import type { SessionRecord } from "../../store/store.ts";
import type { Row } from "../drivers/mod.ts";
import { libraryOf } from "../library.ts";
import { hasOwners, type SessionAttributes, type SessionModel } from "../model.ts";
import type { Commit, InTransaction, Statements, Verb } from "./dialect.ts";
import { toBytes, tokensIn, tokensOf, toPage, toRecord, toText } from "./rows.ts";

/** The statements that Sequelize generates itself. */
export function genericStatements(model: SessionModel): Statements {
  const { Op } = libraryOf(model.sequelize!);
  const queryInterface = model.sequelize!.getQueryInterface();
  const table = model.getTableName() as TableName;
  const active = (): WhereOptions<SessionAttributes> => ({ expiry: { [Op.gt]: new Date() } });
  const expired = (now: Date): WhereOptions<SessionAttributes> => ({ expiry: { [Op.lte]: now } });

  const select = async (
    where: WhereOptions<SessionAttributes>,
    transaction: InTransaction,
    options: { attributes?: string[]; order?: string[]; limit?: number } = {},
  ): Promise<Record<string, unknown>[]> =>
    await queryInterface.select(model, table as string, {
      attributes: Object.keys(model.getAttributes()),
      ...options,
      where,
      raw: true,
      transaction,
      useMaster: true,
    }) as Record<string, unknown>[];
  const read = async (
    where: WhereOptions<SessionAttributes>,
    transaction: InTransaction,
  ): Promise<SessionRecord[]> => (await select(where, transaction)).map(toSession);
  const destroy = (
    where: WhereOptions<SessionAttributes>,
    transaction: InTransaction,
  ): Promise<number> => model.destroy({ where, transaction, hooks: false });
  const update = async (
    values: Partial<SessionAttributes>,
    where: WhereOptions<SessionAttributes>,
    transaction: InTransaction,
  ): Promise<boolean> => {
    const options = { where, transaction, hooks: false, validate: false, bindParam: false };
    const [updated] = await model.update(values, options);
    return updated > 0;
  };

  return {
    commit: commitOf(model, queryInterface),
    touch: {
      takes: "one",
      send: ({ token, expiry }, transaction) =>
        update({ expiry }, { token, ...active() }, transaction),
    },
    replace: {
      takes: "one",
      send: ({ token, data, expiry, current, owner }, transaction) => {
        const values = { data, expiry, ...(owner !== undefined && { owner: toBytes(owner) }) };
        return update(values, { token, data: current, ...active() }, transaction);
      },
    },
    delete: async (tokens, transaction) => {
      await destroy({ token: [...tokens] }, transaction);
    },
    find: (tokens, transaction) => read({ token: [...tokens], ...active() }, transaction),
    findAll: (transaction) => read(active(), transaction),
    findPage: async (after, limit, owner, transaction) => {
      const ofOwner = owner === undefined ? {} : { owner: toBytes(owner)! };
      const where = { ...ofOwner, token: { [Op.gt]: after }, ...active() };
      const rows = await select(where, transaction, { order: ["token"], limit });
      return toPage(rows, limit, rows.map(toSession));
    },
    deleteOwned: async (owner, except, transaction) => {
      const others = except.length === 0 ? {} : { token: { [Op.notIn]: [...except] } };
      const where = { owner: toBytes(owner)!, ...others };
      const count = await destroy({ ...where, ...active() }, transaction);
      // The expired rows, which are not counted.
      await destroy(where, transaction);
      return count;
    },
    findExpired: async (now, limit, transaction) => {
      const options = { attributes: ["token"], order: ["expiry"], limit };
      return tokensIn({ rows: await select(expired(now), transaction, options) });
    },
    deleteExpired: (tokens, now, transaction) =>
      destroy({ token: [...tokens], ...expired(now) }, transaction),
  };
}

function toSession({ token, data, expiry, owner }: Row): SessionRecord {
  return toRecord(token, data, new Date(expiry as Date), toText(owner));
}

function commitOf(model: SessionModel, queryInterface: QueryInterface): Verb<Commit> {
  const { dialect } = model.sequelize as unknown as {
    dialect: { supports: { inserts: { updateOnDuplicate?: unknown } } };
  };
  const owned = hasOwners(model);
  const attributesOf = ({ token, data, expiry, owner }: Commit): SessionAttributes => ({
    token,
    data,
    expiry,
    ...(owned && { owner: toBytes(owner ?? null) }),
  });
  if (!dialect.supports.inserts.updateOnDuplicate) {
    return {
      takes: "one",
      send: async (row, transaction) => {
        const options = { transaction, hooks: false, returning: false, validate: false };
        await model.upsert({ ...attributesOf(row), data: Buffer.from(row.data) }, options);
        return true;
      },
    };
  }
  return {
    takes: "many",
    send: async (rows, transaction) => {
      const updateOnDuplicate = ["data", "expiry", ...(owned ? ["owner"] : [])];
      const options = { transaction, updateOnDuplicate, upsertKeys: ["token"] };
      const table = model.getTableName() as string;
      await queryInterface.bulkInsert(
        table,
        rows.map(attributesOf),
        options,
        model.getAttributes(),
      );
      return new Set(tokensOf(rows));
    },
  };
}
