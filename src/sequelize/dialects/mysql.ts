// MySQL and MariaDB, which tell how many rows an UPDATE has changed, but neither which ones, nor that it met
// rows that held the new values already. One row travels in a prepared statement. Several travel as literals:
// the server keeps each text that is prepared, and texts that grow with their values would pile up there.

import { Buffer } from "node:buffer";
import type { Sequelize, Transaction } from "sequelize";
import type { SessionRecord } from "../../store/store.ts";
import {
  type Driver,
  fixed,
  type Parameter,
  type Row,
  type Statement,
  unfixed,
} from "../drivers/driver.ts";
import type { SessionModel } from "../model.ts";
import type { Dialect, InTransaction, Replacement, Statements, Touch } from "./dialect.ts";
import { shownIndexedColumns } from "./indexes.ts";
import { quotedTable, tokensIn, tokensOf, toPage, toRecord, utc } from "./rows.ts";

/** MariaDB through the mariadb driver. */
export const mariadb: Dialect = {
  columnTypes: ({ BLOB }) => ({
    // The default collations ignore case, so that `abc` would find `ABC`.
    token: "VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin",
    // Without a length, BLOB ends at 64 KiB.
    data: BLOB("long"),
  }),
  errors: {
    1213: "transient", // deadlock; Galera: certification failure
    1020: "transient", // MariaDB 11.6 on (innodb_snapshot_isolation): record has changed since last read
    1044: "system", // access to the database denied
    1047: "system", // Galera: the node is not in the cluster
    1142: "system", // access to the table denied
    1146: "no-table",
    1054: "no-column",
    1290: "system", // --read-only
    1792: "system", // read-only transaction
    1836: "system", // read-only mode
    1021: "either", // disk full
    1114: "either", // table full
    1205: "either", // innodb_lock_wait_timeout
    1969: "either", // MariaDB: max_statement_time
    3024: "either", // MySQL: max_execution_time
  },
  schemas: "real",
  reshapingOptions: { metaAsArray: Boolean, nestTables: Boolean, rowsAsArray: Boolean },
  indexedColumns: shownIndexedColumns,
  statements,
  // Sequelize would escape a backslash, whatever the server's `sql_mode` is.
  literalFor: () => literal,
};

/** MySQL, and MariaDB through mysql2. */
export const mysql: Dialect = {
  ...mariadb,
  schemas: "refused",
  reshapingOptions: {
    nestTables: Boolean,
    rowsAsArray: Boolean,
    typeCast: (value) => value === false,
  },
};

/** Reads a row as it is, even in a transaction that still sees it as it was. */
const LATEST = "LOCK IN SHARE MODE";

const OVERWRITE = "ON DUPLICATE KEY UPDATE `data` = VALUES(`data`), `expiry` = VALUES(`expiry`)";

function statements(model: SessionModel, driver: Driver): Statements {
  const table = quotedTable(model);
  // As text: what the drivers make of a date depends on the time zones of the application and of the process,
  // and on the type parsers that the application has set.
  const select = `SELECT \`token\`, \`data\`, CAST(\`expiry\` AS CHAR) AS \`expiry\` FROM ${table}`;
  const insert = `INSERT INTO ${table} (\`token\`, \`data\`, \`expiry\`) VALUES`;
  const FIND_ONE = fixed("rows", `${select} WHERE \`token\` = $1 AND \`expiry\` > $2`);
  const COMMIT_ONE = fixed("count", `${insert} ($1, $2, $3) ${OVERWRITE}`);
  const DELETE_ONE = fixed("count", `DELETE FROM ${table} WHERE \`token\` = $1`);
  const TOUCH_ONE = fixed(
    "count",
    `UPDATE ${table} SET \`expiry\` = $2 WHERE \`token\` = $1 AND \`expiry\` > $3`,
  );
  const WAS_TOUCHED = fixed(
    "rows",
    `SELECT \`token\` FROM ${table} WHERE \`token\` = $1 AND \`expiry\` = $2 AND \`expiry\` > $3 ${LATEST}`,
  );
  const REPLACE_ONE = fixed(
    "count",
    `UPDATE ${table} SET \`data\` = $3, \`expiry\` = $2` +
      " WHERE `token` = $1 AND `data` = $4 AND `expiry` > $5",
  );
  const WAS_REPLACED = fixed(
    "rows",
    `SELECT \`token\` FROM ${table} WHERE \`token\` = $1 AND \`expiry\` = $2 AND \`data\` = $3` +
      ` AND \`expiry\` > $4 ${LATEST}`,
  );

  const read = async (
    statement: Statement,
    parameters: readonly Parameter[],
    transaction: InTransaction,
  ): Promise<SessionRecord[]> => {
    return (await driver.send(statement, parameters, transaction)).rows.map(toSession);
  };
  const tokens = async (rest: string, transaction: InTransaction): Promise<string[]> =>
    tokensIn(
      await driver.send(unfixed("rows", `SELECT \`token\` FROM ${table} ${rest}`), [], transaction),
    );
  const change = async (text: string, transaction: InTransaction): Promise<number> =>
    (await driver.send(unfixed("count", text), [], transaction)).count;

  /** Locks the rows that meet a condition and updates them: afterwards it is unknown which ones met it. */
  const lockAndUpdate = <Row extends Touch>(
    rows: readonly Row[],
    condition: string,
    set: (locked: readonly Row[]) => string,
    transaction: InTransaction,
  ): Promise<Set<string>> =>
    inTransaction(model.sequelize!, transaction, async (transaction) => {
      const met = new Set(await tokens(`WHERE ${condition} FOR UPDATE`, transaction));
      const locked = rows.filter(({ token }) => met.has(token));
      if (locked.length > 0) {
        await change(
          `UPDATE ${table} SET ${set(locked)} WHERE ${among(tokensOf(locked))}`,
          transaction,
        );
      }
      return met;
    });

  const touchOne = async (
    { token, expiry }: Touch,
    transaction: InTransaction,
  ): Promise<boolean> => {
    const parameters = [token, utc(expiry), now()];
    const { count } = await driver.send(TOUCH_ONE, parameters, transaction);
    return count > 0 ||
      tokensIn(await driver.send(WAS_TOUCHED, parameters, transaction)).length > 0;
  };

  const touchMany = async (
    rows: readonly Touch[],
    transaction: InTransaction,
  ): Promise<Set<string>> => {
    const moment = new Date();
    const condition = `${among(tokensOf(rows))} AND \`expiry\` > ${literal(utc(moment))}`;
    // A row that this touch makes expire looks afterwards like one that had expired before.
    if (rows.every(({ expiry }) => expiry > moment)) {
      const changed = await change(
        `UPDATE ${table} SET ${expiries(rows)} WHERE ${condition}`,
        transaction,
      );
      if (changed === rows.length) return new Set(tokensOf(rows));
    }
    return await lockAndUpdate(rows, condition, expiries, transaction);
  };

  const replaceOne = async (
    { token, expiry, data, current }: Replacement,
    transaction: InTransaction,
  ): Promise<boolean> => {
    const moment = now();
    const parameters = [token, utc(expiry), data, current, moment];
    const { count } = await driver.send(REPLACE_ONE, parameters, transaction);
    if (count > 0 || !data.equals(current)) return count > 0;
    const unchanged = [token, utc(expiry), data, moment];
    return tokensIn(await driver.send(WAS_REPLACED, unchanged, transaction)).length > 0;
  };

  const replaceMany = (
    rows: readonly Replacement[],
    transaction: InTransaction,
  ): Promise<Set<string>> => {
    const holds = `\`data\` = ${valuesOf(rows, ({ current }) => current)}`;
    const condition = `${among(tokensOf(rows))} AND \`expiry\` > ${literal(now())} AND ${holds}`;
    const set = (locked: readonly Replacement[]): string =>
      `\`data\` = ${valuesOf(locked, ({ data }) => data)}, ${expiries(locked)}`;
    return lockAndUpdate(rows, condition, set, transaction);
  };

  return {
    commit: {
      takes: "many",
      send: async (rows, transaction) => {
        const values = rows.map(({ token, data, expiry }) => [token, data, utc(expiry)]);
        if (rows.length === 1) await driver.send(COMMIT_ONE, values[0]!, transaction);
        else {
          const lists = values.map((row) => `(${row.map(literal).join(", ")})`);
          await change(`${insert} ${lists.join(", ")} ${OVERWRITE}`, transaction);
        }
        return new Set(tokensOf(rows));
      },
    },
    touch: {
      takes: "many",
      send: async (rows, transaction) =>
        rows.length > 1
          ? await touchMany(rows, transaction)
          : new Set(await touchOne(rows[0]!, transaction) ? tokensOf(rows) : []),
    },
    replace: {
      takes: "many",
      send: async (rows, transaction) =>
        rows.length > 1
          ? await replaceMany(rows, transaction)
          : new Set(await replaceOne(rows[0]!, transaction) ? tokensOf(rows) : []),
    },
    delete: async (tokens, transaction) => {
      if (tokens.length === 1) await driver.send(DELETE_ONE, tokens, transaction);
      else await change(`DELETE FROM ${table} WHERE ${among(tokens)}`, transaction);
    },
    find: (tokens, transaction) => {
      if (tokens.length === 1) return read(FIND_ONE, [tokens[0]!, now()], transaction);
      const text = `${select} WHERE ${among(tokens)} AND \`expiry\` > ${literal(now())}`;
      return read(unfixed("rows", text), [], transaction);
    },
    findAll: (transaction) =>
      read(unfixed("rows", `${select} WHERE \`expiry\` > ${literal(now())}`), [], transaction),
    findPage: async (after, limit, transaction) => {
      const text =
        `${select} WHERE \`token\` > ${literal(after)} AND \`expiry\` > ${literal(now())}` +
        ` ORDER BY \`token\` LIMIT ${limit}`;
      const { rows } = await driver.send(unfixed("rows", text), [], transaction);
      return toPage(rows, limit, rows.map(toSession));
    },
    findExpired: (now, limit, transaction) =>
      tokens(
        `WHERE \`expiry\` <= ${literal(utc(now))} ORDER BY \`expiry\` LIMIT ${limit}`,
        transaction,
      ),
    deleteExpired: (tokens, now, transaction) => {
      const condition = `${among(tokens)} AND \`expiry\` <= ${literal(utc(now))}`;
      return change(`DELETE FROM ${table} WHERE ${condition}`, transaction);
    },
  };
}

/** Runs `work` in the caller's transaction, or else in one of its own. */
async function inTransaction<T>(
  sequelize: Sequelize,
  transaction: InTransaction,
  work: (transaction: Transaction) => Promise<T>,
): Promise<T> {
  if (transaction) return await work(transaction);
  const own = await sequelize.transaction();
  try {
    const result = await work(own);
    // By hand first: if Galera refuses it, as it does what another node has changed, Sequelize's own would
    // print that and end the connection.
    await sequelize.query("COMMIT", { transaction: own });
    await own.commit();
    return result;
  } catch (error) {
    // If the commit has failed, or the connection is lost, there is none to roll back.
    await own.rollback().catch(() => {});
    throw error;
  }
}

function among(tokens: readonly string[]): string {
  return `\`token\` IN (${tokens.map(literal).join(", ")})`;
}

function expiries(rows: readonly Touch[]): string {
  return `\`expiry\` = ${valuesOf(rows, ({ expiry }) => utc(expiry))}`;
}

/** An expression that has a value for each row. */
function valuesOf<Row extends { readonly token: string }>(
  rows: readonly Row[],
  valueOf: (row: Row) => string | Buffer,
): string {
  const cases = rows.map((row) => `WHEN ${literal(row.token)} THEN ${literal(valueOf(row))}`);
  return `CASE \`token\` ${cases.join(" ")} END`;
}

/**
 * A literal. A token has no quotes; its backslash would be an escape or not, as the server's `sql_mode` has
 * it, so that such a token is written in hexadecimal.
 */
function literal(value: Parameter): string {
  if (typeof value === "string") {
    return value.includes("\\") ? `_ascii X'${Buffer.from(value).toString("hex")}'` : `'${value}'`;
  }
  return `X'${Buffer.from(value as Uint8Array).toString("hex")}'`;
}

function now(): string {
  return utc(new Date());
}

/** The expiry comes as text. */
function toSession({ token, data, expiry }: Row): SessionRecord {
  return toRecord(token, data, new Date(`${String(expiry).replace(" ", "T")}Z`));
}
