// PostgreSQL. The SQL texts do not grow with their values: each verb has one for a single row and one for several.
// Values are sent as text, so neither the server's settings (`datestyle`, `bytea_output`) nor the application's type
// parsers change what is read. Both sides also convert text faster.

import { Buffer } from "node:buffer";
import type { Sequelize } from "sequelize";
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
import { driverError } from "../errors.ts";
import { libraryOf } from "../library.ts";
import { hasOwners, type SessionModel } from "../model.ts";
import type { Dialect, InTransaction, QueryOptions, Statements } from "./dialect.ts";
import { ownerOrSame, quotedTable, tokensIn, tokensOf, toPage, toRecord } from "./rows.ts";

const OWNER = 'VARCHAR(255) COLLATE "C"';

export const postgres: Dialect = {
  columnTypes: ({ BLOB }) => ({
    // Indexes with the collation "C" do not depend on the operating system's locale data, and do not break when it
    // changes.
    token: 'VARCHAR(255) COLLATE "C"',
    data: BLOB,
    owner: OWNER,
  }),
  otherTypes: async (sequelize, options) => {
    const type = libraryOf(sequelize).QueryTypes.SELECT;
    const query = { ...options, raw: true, type } as const;
    const rows = await sequelize.query<{ version?: string }>(
      `SELECT version() AS "version"`,
      query,
    );
    // CockroachDB has only collations of languages, and compares byte for byte without one.
    const isCockroach = rows[0]?.version?.startsWith("CockroachDB");
    return isCockroach ? { token: "VARCHAR(255)", owner: "VARCHAR(255)" } : {};
  },
  errors: {
    "40001": "transient", // serialization failure, also of CockroachDB
    "40P01": "transient", // deadlock detected
    "42P01": "no-table",
    "42703": "no-column",
    "42501": "system", // insufficient privilege
    "25006": "read-only", // on a standby, or with default_transaction_read_only
    "53100": "either", // disk full
    "57014": "either", // statement_timeout
    "55P03": "either", // lock_timeout
  },
  schemas: "real",
  indexedColumns,
  addOwnerIfMissing: (model, type) =>
    `ALTER TABLE ${quotedTable(model)} ADD COLUMN IF NOT EXISTS "owner" ${type};`,
  statements,
  standbyCheck: {
    statement: unfixed(
      "rows",
      `SELECT pg_is_in_recovery()::text AS "standby", pg_backend_pid()::text AS "process"`,
    ),
    isStandby: ({ standby }) => standby === "true",
    // A pooler reports a process id of its own. A primary ends all its processes when it is demoted.
    isFixed: ({ process }, connection) =>
      "processID" in connection && String(connection.processID) === process,
    giveUpAfter: (ms) => ({ connectionTimeoutMillis: ms, query_timeout: ms }),
  },
  literalFor: (sequelize) => prependsSearchPath(sequelize) ? literal : undefined,
};

function statements(model: SessionModel, driver: Driver): Statements {
  const table = quotedTable(model);
  const owned = hasOwners(model);
  const ifOwned = (text: string): string => owned ? text : "";
  const owner = ifOwned(`, "owner"`);
  const select = `SELECT "token", encode("data", 'base64') AS "data",` +
    ` (date_part('epoch', "expiry") * 1000)::bigint::text AS "expiry"${owner} FROM ${table}`;
  const insert = `INSERT INTO ${table} ("token", "data", "expiry"${owner})`;
  const overwrite = `ON CONFLICT ("token") DO UPDATE SET "data" = EXCLUDED."data",` +
    ` "expiry" = EXCLUDED."expiry"${ifOwned(`, "owner" = EXCLUDED."owner"`)}`;
  const FIND_ONE = fixed("rows", `${select} WHERE "token" = $1 AND "expiry" > $2`);
  const FIND = fixed("rows", `${select} WHERE "token" = ANY($1) AND "expiry" > $2`);
  const FIND_ALL = fixed("rows", `${select} WHERE "expiry" > $1`);
  const FIND_PAGE = fixed(
    "rows",
    `${select} WHERE "token" > $1 AND "expiry" > $2 ORDER BY "token" LIMIT $3`,
  );
  const FIND_PAGE_OF = fixed(
    "rows",
    `${select} WHERE "owner" = $1 AND "token" > $2 AND "expiry" > $3 ORDER BY "token" LIMIT $4`,
  );
  const FIND_EXPIRED = fixed(
    "rows",
    `SELECT "token" FROM ${table} WHERE "expiry" <= $1 ORDER BY "expiry" LIMIT $2`,
  );
  const COMMIT_ONE = fixed(
    "count",
    `${insert} VALUES ($1, decode($2, 'base64'), $3${ifOwned(", $4")}) ${overwrite}`,
  );
  const COMMIT = fixed(
    "count",
    `${insert} SELECT "token", decode("data", 'base64'), "expiry"${owner}` +
      ` FROM unnest($1::text[], $2::text[], $3::timestamptz[]${ifOwned(", $4::text[]")})` +
      ` AS "new" ("token", "data", "expiry"${owner}) ${overwrite}`,
  );
  const DELETE_ONE = fixed("count", `DELETE FROM ${table} WHERE "token" = $1`);
  const DELETE = fixed("count", `DELETE FROM ${table} WHERE "token" = ANY($1)`);
  const DELETE_EXPIRED = fixed(
    "count",
    `DELETE FROM ${table} WHERE "token" = ANY($1) AND "expiry" <= $2`,
  );
  const DELETE_OWNED = fixed(
    "rows",
    `WITH "deleted" AS (DELETE FROM ${table} WHERE "owner" = $1 AND "token" <> ALL($2::text[])` +
      ` RETURNING "expiry") SELECT count(*)::text AS "count" FROM "deleted" WHERE "expiry" > $3`,
  );
  const TOUCH_ONE = fixed(
    "count",
    `UPDATE ${table} SET "expiry" = $2 WHERE "token" = $1 AND "expiry" > $3`,
  );
  const TOUCH = fixed(
    "rows",
    `UPDATE ${table} AS "old" SET "expiry" = "new"."expiry"` +
      ` FROM unnest($1::text[], $2::timestamptz[]) AS "new" ("token", "expiry")` +
      ` WHERE "old"."token" = "new"."token" AND "old"."expiry" > $3 RETURNING "old"."token"`,
  );
  const now$ = owned ? "$6" : "$5";
  const REPLACE_ONE = fixed(
    "count",
    `UPDATE ${table} SET "data" = decode($3, 'base64'), "expiry" = $2` +
      ifOwned(`, "owner" = CASE $5::text WHEN '' THEN "owner" ELSE $5::text END`) +
      ` WHERE "token" = $1 AND "data" = decode($4, 'base64') AND "expiry" > ${now$}`,
  );
  const REPLACE = fixed(
    "rows",
    `UPDATE ${table} AS "old"` +
      ` SET "data" = decode("new"."data", 'base64'), "expiry" = "new"."expiry"` +
      ifOwned(
        `, "owner" = CASE "new"."owner" WHEN '' THEN "old"."owner" ELSE "new"."owner" END`,
      ) +
      ` FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[]` +
      `${ifOwned(", $5::text[]")}) AS "new" ("token", "expiry", "data", "current"${owner})` +
      ` WHERE "old"."token" = "new"."token"` +
      ` AND "old"."data" = decode("new"."current", 'base64') AND "old"."expiry" > ${now$}` +
      ` RETURNING "old"."token"`,
  );

  const read = async (
    statement: Statement,
    parameters: readonly Parameter[],
    transaction: InTransaction,
  ): Promise<SessionRecord[]> =>
    (await driver.send(statement, parameters, transaction)).rows.map(toSession);

  /** Sends a verb in its form for one row or for several; returns the tokens of the rows that were written. */
  const write = async (
    [one, many]: readonly [Statement, Statement],
    rows: readonly { readonly token: string }[],
    columns: readonly (readonly (string | null)[])[],
    conditions: readonly string[],
    transaction: InTransaction,
  ): Promise<Set<string>> => {
    const tokens = tokensOf(rows);
    if (rows.length > 1) {
      const written = await driver.send(many, [tokens, ...columns, ...conditions], transaction);
      return new Set(many.returns === "rows" ? tokensIn(written) : tokens);
    }
    const values = [tokens, ...columns].map(([value]) => value!);
    const { count } = await driver.send(one, [...values, ...conditions], transaction);
    return new Set(count > 0 ? tokens : []);
  };

  return {
    commit: {
      takes: "many",
      send: (rows, transaction) => {
        const owners = owned ? [rows.map(({ owner = null }) => owner)] : [];
        const columns = [rows.map(dataOf), rows.map(expiryOf), ...owners];
        return write([COMMIT_ONE, COMMIT], rows, columns, [], transaction);
      },
    },
    touch: {
      takes: "many",
      send: (rows, transaction) =>
        write([TOUCH_ONE, TOUCH], rows, [rows.map(expiryOf)], [now()], transaction),
    },
    replace: {
      takes: "many",
      send: (rows, transaction) => {
        const current = rows.map(({ current }) => current.toString("base64"));
        const owners = owned ? [rows.map(ownerOrSame)] : [];
        const columns = [rows.map(expiryOf), rows.map(dataOf), current, ...owners];
        return write([REPLACE_ONE, REPLACE], rows, columns, [now()], transaction);
      },
    },
    delete: async (tokens, transaction) => {
      if (tokens.length === 1) await driver.send(DELETE_ONE, tokens, transaction);
      else await driver.send(DELETE, [tokens], transaction);
    },
    find: (tokens, transaction) =>
      tokens.length === 1
        ? read(FIND_ONE, [tokens[0]!, now()], transaction)
        : read(FIND, [tokens, now()], transaction),
    findAll: (transaction) => read(FIND_ALL, [now()], transaction),
    findPage: async (after, limit, owner, transaction) => {
      const parameters = [after, now(), String(limit)];
      const { rows } = owner === undefined
        ? await driver.send(FIND_PAGE, parameters, transaction)
        : await driver.send(FIND_PAGE_OF, [owner, ...parameters], transaction);
      return toPage(rows, limit, rows.map(toSession));
    },
    deleteOwned: async (owner, except, transaction) => {
      const { rows } = await driver.send(DELETE_OWNED, [owner, except, now()], transaction);
      return Number(rows[0]!.count);
    },
    findExpired: async (now, limit, transaction) =>
      tokensIn(await driver.send(FIND_EXPIRED, [now.toISOString(), String(limit)], transaction)),
    deleteExpired: async (tokens, now, transaction) =>
      (await driver.send(DELETE_EXPIRED, [tokens, now.toISOString()], transaction)).count,
  };
}

function now(): string {
  return new Date().toISOString();
}

function dataOf({ data }: { readonly data: Buffer }): string {
  return data.toString("base64");
}

function expiryOf({ expiry }: { readonly expiry: Date }): string {
  return expiry.toISOString();
}

/** Makes a session from a row, whose data is in base64 and whose expiry is in milliseconds. */
function toSession({ token, data, expiry, owner }: Row): SessionRecord {
  const bytes = isString(data) ? Buffer.from(data, "base64") : data;
  return toRecord(token, bytes, new Date(Number(expiry)), owner);
}

/** Sequelize's own look-up also returns the indexes of tables of that name in other schemas. */
async function indexedColumns(
  model: SessionModel,
  options: QueryOptions,
): Promise<Set<string> | undefined> {
  const table = model.sequelize!.escape(quotedTable(model));
  const isTokenAlone = `"i"."indisunique" AND "i"."indimmediate" AND "i"."indisvalid"` +
    // This has one entry for each column of the key, without columns that are only included.
    ` AND "i"."indpred" IS NULL AND array_length("i"."indoption", 1) = 1`;
  const sql = `SELECT "a"."attname" AS "column" FROM "pg_catalog"."pg_index" AS "i"` +
    ` JOIN "pg_catalog"."pg_attribute" AS "a"` +
    ` ON "a"."attrelid" = "i"."indrelid" AND "a"."attnum" = "i"."indkey"[0]` +
    ` WHERE "i"."indrelid" = CAST(${table} AS regclass)` +
    ` AND ("a"."attname" IN ('expiry', 'owner') OR "a"."attname" = 'token' AND ${isTokenAlone})`;
  const type = libraryOf(model.sequelize!).QueryTypes.SELECT;
  try {
    const query = { ...options, raw: true, type } as const;
    const rows = await model.sequelize!.query<{ column: string }>(sql, query);
    return new Set(rows.map(({ column }) => column));
  } catch (error) {
    // This user may not read the catalogs. In a transaction, which is now unusable, that is an error.
    if (!options.transaction && driverError(error).code === "42501") return undefined;
    throw error;
  }
}

/** With a search path in front, a statement becomes two, and PostgreSQL accepts bind parameters only for one. */
function prependsSearchPath(sequelize: Sequelize): boolean {
  const { options } = sequelize as unknown as {
    options: { dialectOptions?: { prependSearchPath?: boolean } };
  };
  return options.dialectOptions?.prependSearchPath === true;
}

function literal(value: Parameter): string {
  if (value === null) return "NULL";
  if (typeof value === "string") {
    const text = value.replaceAll("'", "''");
    // With E, regardless of `standard_conforming_strings`.
    return text.includes("\\") ? `E'${text.replaceAll("\\", "\\\\")}'` : `'${text}'`;
  }
  return `ARRAY[${(value as readonly (string | null)[]).map(literal).join(", ")}]`;
}
