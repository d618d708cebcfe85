// SQLite. Since version 3.35, it returns the rows that an UPDATE has written. Its columns hold values of any type,
// and it compares dates as text. It numbers parameters by their first appearance, so each text has them in order.

import { Buffer } from "node:buffer";
import type { SessionRecord } from "../../store/store.ts";
import { isString } from "../../util/check.ts";
import {
  type Driver,
  fixed,
  type Parameter,
  type Row,
  type Statement,
  unfixed,
} from "../drivers/driver.ts";
import { hasOwners, type SessionModel } from "../model.ts";
import type { Dialect, InTransaction, Statements } from "./dialect.ts";
import { shownIndexedColumns } from "./indexes.ts";
import { ownerOrSame, quotedTable, tokensIn, tokensOf, toPage, toRecord, utc } from "./rows.ts";

export const sqlite: Dialect = {
  columnTypes: ({ BLOB }) => ({ token: "VARCHAR(255)", data: BLOB, owner: "VARCHAR(255)" }),
  errors: {
    SQLITE_BUSY: "busy", // another connection is writing, and the busy timeout has passed
    SQLITE_CANTOPEN: "system",
    SQLITE_CORRUPT: "system",
    SQLITE_IOERR: "system",
    SQLITE_NOTADB: "system",
    SQLITE_READONLY: "system",
    SQLITE_FULL: "either", // disk full
  },
  schemas: "prefix",
  indexedColumns: shownIndexedColumns,
  statements,
};

function statements(model: SessionModel, driver: Driver): Statements {
  const table = quotedTable(model);
  const owned = hasOwners(model);
  const owner = owned ? ", `owner`" : "";
  const select = `SELECT \`token\`, \`data\`, \`expiry\`${owner} FROM ${table}`;
  const insert = `INSERT INTO ${table} (\`token\`, \`data\`, \`expiry\`${owner}) VALUES`;
  const overwrite = "ON CONFLICT (`token`) DO UPDATE" +
    " SET `data` = EXCLUDED.`data`, `expiry` = EXCLUDED.`expiry`" +
    (owned ? ", `owner` = EXCLUDED.`owner`" : "");
  const FIND_PAGE = fixed(
    "rows",
    `${select} WHERE \`token\` > $1 AND \`expiry\` > $2 ORDER BY \`token\` LIMIT $3`,
  );
  const FIND_PAGE_OF = fixed(
    "rows",
    `${select} WHERE \`owner\` = $1 AND \`token\` > $2 AND +\`expiry\` > $3 ORDER BY \`token\` LIMIT $4`,
  );
  const FIND_ALL = fixed("rows", `${select} WHERE \`expiry\` > $1`);
  const FIND_EXPIRED = fixed(
    "rows",
    `SELECT \`token\` FROM ${table} WHERE \`expiry\` <= $1 ORDER BY \`expiry\` LIMIT $2`,
  );
  const find = sized(
    "rows",
    (n) => `${select} WHERE \`token\` IN ${list(n)} AND \`expiry\` > $${n + 1}`,
  );
  const remove = sized("count", (n) => `DELETE FROM ${table} WHERE \`token\` IN ${list(n)}`);
  const removeExpired = sized(
    "count",
    (n) => `DELETE FROM ${table} WHERE \`token\` IN ${list(n)} AND \`expiry\` <= $${n + 1}`,
  );
  const removeOwned = sized(
    "rows",
    (n) =>
      `DELETE FROM ${table} WHERE \`owner\` = $1 AND \`token\` NOT IN ${list(n - 1, 2)}` +
      " RETURNING `expiry`",
  );
  const commit = sized("count", (n) => `${insert} ${lists(n, owned ? 4 : 3)} ${overwrite}`);
  // The unary plus makes the planner use the token's index: https://sqlite.org/optoverview.html#uplus
  const update = (columns: readonly string[], set: string, where: string) =>
    sized(
      "rows",
      (n) =>
        `WITH \`new\` (${columns.join(", ")}) AS (VALUES ${lists(n, columns.length)})` +
        ` UPDATE ${table} AS \`old\` SET ${set} FROM \`new\`` +
        ` WHERE \`old\`.\`token\` = \`new\`.\`token\`${where}` +
        ` AND +\`old\`.\`expiry\` > $${n * columns.length + 1} RETURNING \`token\``,
    );
  const touch = update(["`token`", "`expiry`"], "`expiry` = `new`.`expiry`", "");
  const replace = update(
    ["`token`", "`expiry`", "`data`", "`current`", ...(owned ? ["`owner`"] : [])],
    "`expiry` = `new`.`expiry`, `data` = `new`.`data`" +
      (owned
        ? ", `owner` = CASE `new`.`owner` WHEN '' THEN `old`.`owner` ELSE `new`.`owner` END"
        : ""),
    " AND CAST(`old`.`data` AS BLOB) = `new`.`current`",
  );

  const read = async (
    statement: Statement,
    parameters: readonly Parameter[],
    transaction: InTransaction,
  ): Promise<SessionRecord[]> => {
    return toSessions((await driver.send(statement, parameters, transaction)).rows);
  };
  const written = async (
    statement: Statement,
    values: readonly Parameter[],
    transaction: InTransaction,
  ): Promise<Set<string>> =>
    new Set(tokensIn(await driver.send(statement, [...values, now()], transaction)));

  return {
    commit: {
      takes: "many",
      send: async (rows, transaction) => {
        const values = rows.flatMap(({ token, data, expiry, owner = null }) => {
          return owned ? [token, data, text(expiry), owner] : [token, data, text(expiry)];
        });
        await driver.send(commit(rows.length), values, transaction);
        return new Set(tokensOf(rows));
      },
    },
    touch: {
      takes: "many",
      send: (rows, transaction) => {
        const values = rows.flatMap(({ token, expiry }) => [token, text(expiry)]);
        return written(touch(rows.length), values, transaction);
      },
    },
    replace: {
      takes: "many",
      send: (rows, transaction) => {
        const values = rows.flatMap((row) => {
          const { token, expiry, data, current } = row;
          return [token, text(expiry), data, current, ...(owned ? [ownerOrSame(row)] : [])];
        });
        return written(replace(rows.length), values, transaction);
      },
    },
    delete: async (tokens, transaction) => {
      await driver.send(remove(tokens.length), tokens, transaction);
    },
    find: (tokens, transaction) => read(find(tokens.length), [...tokens, now()], transaction),
    findAll: (transaction) => read(FIND_ALL, [now()], transaction),
    findPage: async (after, limit, owner, transaction) => {
      const parameters = [after, now(), String(limit)];
      const { rows } = owner === undefined
        ? await driver.send(FIND_PAGE, parameters, transaction)
        : await driver.send(FIND_PAGE_OF, [owner, ...parameters], transaction);
      return toPage(rows, limit, toSessions(rows));
    },
    deleteOwned: async (owner, except, transaction) => {
      const parameters = [owner, ...except];
      const moment = new Date();
      const { rows } = await driver.send(removeOwned(parameters.length), parameters, transaction);
      return rows.filter(({ expiry }) => (toDate(expiry) ?? moment) > moment).length;
    },
    findExpired: async (now, limit, transaction) =>
      tokensIn(await driver.send(FIND_EXPIRED, [text(now), String(limit)], transaction)),
    deleteExpired: async (tokens, now, transaction) => {
      const parameters = [...tokens, text(now)];
      return (await driver.send(removeExpired(tokens.length), parameters, transaction)).count;
    },
  };
}

/** Makes the statement for a number of rows; the one for a single row is made once. */
function sized(
  returns: Statement["returns"],
  textFor: (rows: number) => string,
): (rows: number) => Statement {
  const one = fixed(returns, textFor(1));
  return (rows) => rows === 1 ? one : unfixed(returns, textFor(rows));
}

/** Makes a list of parameters: `($1, $2)`. */
function list(length: number, first = 1): string {
  return `(${Array.from({ length }, (_, i) => `$${first + i}`).join(", ")})`;
}

/** Makes lists of parameters for rows of that many columns: `($1, $2), ($3, $4)`. */
function lists(rows: number, columns: number): string {
  return Array.from({ length: rows }, (_, i) => list(columns, 1 + columns * i)).join(", ");
}

function now(): string {
  return text(new Date());
}

/** Writes a date as Sequelize does. */
function text(date: Date): string {
  return `${utc(date)} +00:00`;
}

/** Makes sessions from rows. A row whose token is not text, or whose expiry is not a date, is not a session. */
function toSessions(rows: readonly Row[]): SessionRecord[] {
  return rows.flatMap(({ token, data, expiry, owner }) => {
    const date = toDate(expiry);
    if (!isString(token) || date === undefined) return [];
    // Another program may have stored the data as text.
    return [toRecord(token, isString(data) ? Buffer.from(data) : data, date, owner)];
  });
}

// A date without an offset is in UTC. The store itself writes the offset.
const DATE = /^(\S+)[ T]([\d:.]+) ?(?:Z|([+-]\d\d):?(\d\d)?)?$/;

function toDate(expiry: unknown): Date | undefined {
  const match = isString(expiry) ? DATE.exec(expiry) : null;
  if (match === null) return undefined;
  const [, day, time, hours = "+00", minutes = "00"] = match;
  const date = new Date(`${day}T${time}${hours}:${minutes}`);
  return Number.isNaN(date.getTime()) ? undefined : date;
}
