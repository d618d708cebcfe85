// MySQL and MariaDB. They report how many rows an UPDATE has changed, but not which ones, and they do not count rows
// that already held the new values. One row is sent in a prepared statement. Several are sent as literals, because
// the server keeps each text that is prepared, and texts that grow with their values would pile up there.

import { Buffer } from "node:buffer";
import type { Transaction } from "sequelize";
import type { SessionRecord } from "../../store/store.ts";
import {
  type Driver,
  fixed,
  type Parameter,
  type Row,
  type Statement,
  unfixed,
} from "../drivers/driver.ts";
import type { StandbyCheck } from "../drivers/primary.ts";
import { hasOwners, type SessionModel } from "../model.ts";
import type { Dialect, InTransaction, Replacement, Statements, Touch } from "./dialect.ts";
import { shownIndexedColumns } from "./indexes.ts";
import {
  BYTES_OF_OWNER,
  ownerOrSame,
  quotedTable,
  toBytes,
  tokensIn,
  tokensOf,
  toPage,
  toRecord,
  toText,
  utc,
} from "./rows.ts";

/** The value of a variable that is set. MariaDB has words for `read_only` since version 12. */
const IS_ON = /^(1|ON|NO_LOCK.*)$/;

const standbyCheck: StandbyCheck = {
  statement: unfixed(
    "rows",
    "SELECT @@read_only AS `read_only`, @@innodb_read_only AS `innodb_read_only`",
  ),
  isStandby: (row) =>
    [row.read_only, row.innodb_read_only].some((value) => IS_ON.test(String(value))),
  giveUpAfter: (ms) => ({ connectTimeout: ms }),
};

/** MariaDB through the mariadb driver. */
export const mariadb: Dialect = {
  columnTypes: ({ BLOB }) => ({
    // The default collations ignore case, so that `abc` would find `ABC`.
    token: "VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin",
    // Without a length, a BLOB holds at most 64 KiB.
    data: BLOB("long"),
    // Text collations ignore the spaces at the end, except for some that not every server has.
    owner: BYTES_OF_OWNER,
  }),
  errors: {
    1213: "transient", // deadlock; Galera: certification failure
    1020: "transient", // MariaDB 11.6 on (innodb_snapshot_isolation): record has changed since last read
    1044: "system", // access to the database denied
    1047: "system", // Galera: the node is not in the cluster
    1142: "system", // access to the table denied
    8002: "transient", // TiDB: write conflict of a SELECT FOR UPDATE
    8005: "transient", // TiDB: write conflict
    8022: "transient", // TiDB: the commit failed, and was rolled back
    8028: "transient", // TiDB: the table's definition has changed meanwhile
    9007: "transient", // TiDB: write conflict
    8025: "operation", // TiDB: the row is too large
    1146: "no-table",
    1054: "no-column",
    // The server runs with an option that forbids the statement: read_only, super_read_only or another one.
    1290: (message) => /read.only/.test(message) ? "read-only" : "system",
    1792: "read-only", // read-only transaction
    1836: "read-only", // read-only mode
    1874: "read-only", // innodb_read_only, as on a reader of Aurora
    1021: "either", // disk full
    1114: "either", // table full
    1205: "either", // innodb_lock_wait_timeout
    1969: "either", // MariaDB: max_statement_time
    3024: "either", // MySQL: max_execution_time
  },
  schemas: "real",
  standbyCheck,
  reshapingOptions: { metaAsArray: Boolean, nestTables: Boolean, rowsAsArray: Boolean },
  indexedColumns: shownIndexedColumns,
  statements,
  // Sequelize would escape a backslash regardless of the server's `sql_mode`.
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

/** Reads the latest version of a row, even in a transaction that still sees an older one. */
const LATEST = "LOCK IN SHARE MODE";

function statements(model: SessionModel, driver: Driver): Statements {
  const table = quotedTable(model);
  // The expiry is read as text: the date that a driver makes depends on the time zones of the application and of the
  // process, and on the type parsers that the application has set.
  const owned = hasOwners(model);
  const ifOwned = (text: string): string => owned ? text : "";
  const owner = ifOwned(", `owner`");
  const select =
    `SELECT \`token\`, \`data\`, CAST(\`expiry\` AS CHAR) AS \`expiry\`${owner} FROM ${table}`;
  const insert = `INSERT INTO ${table} (\`token\`, \`data\`, \`expiry\`${owner}) VALUES`;
  const overwrite = "ON DUPLICATE KEY UPDATE `data` = VALUES(`data`), `expiry` = VALUES(`expiry`)" +
    ifOwned(", `owner` = VALUES(`owner`)");
  const FIND_ONE = fixed("rows", `${select} WHERE \`token\` = $1 AND \`expiry\` > $2`);
  const COMMIT_ONE = fixed("count", `${insert} ($1, $2, $3${ifOwned(", $4")}) ${overwrite}`);
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
      ifOwned(", `owner` = CASE $6 WHEN '' THEN `owner` ELSE $6 END") +
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

  /** Locks the rows that meet a condition and updates them: after the update, it is unknown which ones met it. */
  const lockAndUpdate = <Row extends Touch>(
    rows: readonly Row[],
    condition: string,
    set: (locked: readonly Row[]) => string,
    transaction: InTransaction,
  ): Promise<Set<string>> =>
    inTransaction(driver, transaction, async (transaction) => {
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
    // After a touch that makes a row expire, the row looks like one that had expired before.
    if (rows.every(({ expiry }) => expiry > moment)) {
      const changed = await change(
        `UPDATE ${table} SET ${expiries(rows)} WHERE ${condition}`,
        transaction,
      );
      if (changed === rows.length) return new Set(tokensOf(rows));
    }
    return await lockAndUpdate(rows, condition, expiries, transaction);
  };

  const replaceOne = async (row: Replacement, transaction: InTransaction): Promise<boolean> => {
    const { token, expiry, data, current } = row;
    const moment = now();
    const owners = owned ? [toBytes(ownerOrSame(row))] : [];
    const parameters = [token, utc(expiry), data, current, moment, ...owners];
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
    // Most batches change no owner.
    const owners = (locked: readonly Replacement[]): string => {
      const changing = locked.filter(({ owner }) => owner !== undefined);
      if (changing.length === 0) return "";
      return `, \`owner\` = ${valuesOf(changing, ({ owner }) => toBytes(owner!), " ELSE `owner`")}`;
    };
    const set = (locked: readonly Replacement[]): string =>
      `\`data\` = ${valuesOf(locked, ({ data }) => data)}, ${expiries(locked)}${owners(locked)}`;
    return lockAndUpdate(rows, condition, set, transaction);
  };

  return {
    commit: {
      takes: "many",
      send: async (rows, transaction) => {
        const values = rows.map(({ token, data, expiry, owner = null }) => {
          return [token, data, utc(expiry), ...(owned ? [toBytes(owner)] : [])];
        });
        if (rows.length === 1) await driver.send(COMMIT_ONE, values[0]!, transaction);
        else {
          const lists = values.map((row) => `(${row.map(literal).join(", ")})`);
          await change(`${insert} ${lists.join(", ")} ${overwrite}`, transaction);
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
    findPage: async (after, limit, owner, transaction) => {
      const ofOwner = owner === undefined ? "" : `${isOwner(owner)} AND `;
      const text = `${select} WHERE ${ofOwner}\`token\` > ${literal(after)} AND \`expiry\` > ${
        literal(now())
      } ORDER BY \`token\` LIMIT ${limit}`;
      const { rows } = await driver.send(unfixed("rows", text), [], transaction);
      return toPage(rows, limit, rows.map(toSession));
    },
    // A DELETE returns no rows in MySQL. So a second one deletes the expired rows, which are not counted.
    deleteOwned: (owner, except, transaction) => {
      const others = except.length === 0 ? "" : ` AND NOT (${among(except)})`;
      const text = `DELETE FROM ${table} WHERE ${isOwner(owner)}${others}`;
      return inTransaction(driver, transaction, async (transaction) => {
        // In a form that cannot use the index on the expiry, because that would lock the sessions of all owners.
        const isActive = `IF(\`expiry\` > ${literal(now())}, TRUE, FALSE)`;
        const active = await change(`${text} AND ${isActive}`, transaction);
        await change(text, transaction);
        return active;
      });
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

/** Runs `work` in the caller's transaction, or else in one of the store's own. */
function inTransaction<T>(
  driver: Driver,
  transaction: InTransaction,
  work: (transaction: Transaction) => Promise<T>,
): Promise<T> {
  return transaction ? work(transaction) : driver.transact(work);
}

function among(tokens: readonly string[]): string {
  return `\`token\` IN (${tokens.map(literal).join(", ")})`;
}

function expiries(rows: readonly Touch[]): string {
  return `\`expiry\` = ${valuesOf(rows, ({ expiry }) => utc(expiry))}`;
}

/** A condition that only an owner's rows meet. */
function isOwner(owner: string): string {
  return `\`owner\` = ${literal(toBytes(owner))}`;
}

/**
 * Returns an expression that has a value for each row.
 *
 * @param otherwise The value for all other rows.
 */
function valuesOf<Row extends { readonly token: string }>(
  rows: readonly Row[],
  valueOf: (row: Row) => Parameter,
  otherwise = "",
): string {
  const cases = rows.map((row) => `WHEN ${literal(row.token)} THEN ${literal(valueOf(row))}`);
  return `CASE \`token\` ${cases.join(" ")}${otherwise} END`;
}

/**
 * Writes a value as a literal. A token has no quotes. Whether its backslash is an escape depends on the server's
 * `sql_mode`, so a token with a backslash is written in hexadecimal.
 */
function literal(value: Parameter): string {
  if (value === null) return "NULL";
  if (typeof value === "string") {
    return value.includes("\\") ? `_ascii X'${Buffer.from(value).toString("hex")}'` : `'${value}'`;
  }
  return `X'${Buffer.from(value as Uint8Array).toString("hex")}'`;
}

function now(): string {
  return utc(new Date());
}

/** Makes a session from a row, whose expiry is text and whose owner is bytes. */
function toSession({ token, data, expiry, owner }: Row): SessionRecord {
  const date = new Date(`${String(expiry).replace(" ", "T")}Z`);
  return toRecord(token, data, date, toText(owner));
}
