// Errors as the drivers give them, those of drivers that are not installed among them.

import assert from "node:assert/strict";
import { mssql } from "../../src/sequelize/dialects/mssql.ts";
import { mysql } from "../../src/sequelize/dialects/mysql.ts";
import { postgres } from "../../src/sequelize/dialects/postgres.ts";
import { sqlite } from "../../src/sequelize/dialects/sqlite.ts";
import { classify, type ErrorTable, faultOf, isTransient } from "../../src/sequelize/errors.ts";

const UNIQUE = { name: "SequelizeUniqueConstraintError", parent: { code: "23505" } };

function database(parent: object): object {
  return { name: "SequelizeDatabaseError", parent };
}

const transient = {
  "a deadlock of PostgreSQL": database({ code: "40P01" }),
  "a serialization failure of PostgreSQL": database({ code: "40001" }),
  "a deadlock of MySQL and MariaDB": database({ code: "ER_LOCK_DEADLOCK", errno: 1213 }),
  "a changed record of MariaDB": database({ code: "ER_CHECKREAD", errno: 1020 }),
  "a deadlock of SQL Server": database({ code: "EREQUEST", number: 1205 }),
  // Of their manuals: no TiDB was at hand.
  "a write conflict of TiDB through mysql2": database({ errno: 9007 }),
  "a write conflict of a SELECT FOR UPDATE of TiDB through mysql2": database({ errno: 8002 }),
  "an optimistic write conflict of TiDB through mysql2": database({ errno: 8005 }),
  "a commit of TiDB through mysql2 that was rolled back": database({ errno: 8022 }),
  "a changed table of TiDB through mysql2": database({ errno: 8028 }),
};

const lost = {
  "a refused connection": { name: "SequelizeConnectionRefusedError", parent: {} },
  "an unknown host": { name: "SequelizeHostNotFoundError", parent: {} },
  "a pool without a free connection": { name: "SequelizeConnectionAcquireTimeoutError" },
  "a refused login": { name: "SequelizeAccessDeniedError", parent: {} },
  "a reset socket": database({ code: "ECONNRESET" }),
  "a socket that was closed under a write": database({ code: "ECANCELED" }),
  "a PostgreSQL that shuts down": database({ code: "57P01" }),
  "a connection that pg lost": database({ message: "Connection terminated unexpectedly" }),
  "a connection that pg gave up": database({
    message: "Client has encountered a connection error and is not queryable",
  }),
  "a connection that mysql2 lost": database({ code: "PROTOCOL_CONNECTION_LOST", fatal: true }),
  "a connection that mariadb lost": database({ errno: 45009, sqlState: "08S01", fatal: true }),
  "a connection that tedious lost": database({ code: "ESOCKET" }),
  "a closed Sequelize instance": new Error(
    "ConnectionManager.getConnection was called after the connection manager was closed!",
  ),
};

const timeouts = {
  "statement_timeout of PostgreSQL": database({ code: "57014" }),
  "lock_timeout of PostgreSQL": database({ code: "55P03" }),
  "query_timeout of pg": database({ message: "Query read timeout" }),
  "a lock wait timeout of MySQL": database({ code: "ER_LOCK_WAIT_TIMEOUT", errno: 1205 }),
  "max_statement_time of MariaDB": database({ errno: 1969, sqlState: "70100", fatal: true }),
  "max_execution_time of MySQL": database({ errno: 3024 }),
  "LOCK_TIMEOUT of SQL Server": database({ code: "EREQUEST", number: 1222 }),
  "requestTimeout of tedious": database({ code: "ETIMEOUT" }),
};

const everybodys = {
  "a missing table of PostgreSQL": database({ code: "42P01" }),
  "a missing permission of PostgreSQL": database({ code: "42501" }),
  "a missing table of MySQL": database({ code: "ER_NO_SUCH_TABLE", errno: 1146 }),
  "a missing permission of MySQL": database({ code: "ER_TABLEACCESS_DENIED_ERROR", errno: 1142 }),
  "a node that has left its Galera cluster": database({ errno: 1047 }),
  "a MySQL with an option that forbids a statement": database({
    errno: 1290,
    message: "The MySQL server is running with the --secure-file-priv option",
  }),
  "a missing table of SQLite": database({
    code: "SQLITE_ERROR",
    message: "SQLITE_ERROR: no such table: sessions",
  }),
  "a read-only file of SQLite": database({ code: "SQLITE_READONLY", errno: 8 }),
  "a missing table of SQL Server": database({ code: "EREQUEST", number: 208 }),
};

const readOnly = {
  "a standby of PostgreSQL": database({ code: "25006" }),
  "a read on a standby": Object.assign(new Error("old rows"), { name: "StandbyError" }),
  "a read-only MySQL": database({
    errno: 1290,
    message: "The MySQL server is running with the --read-only option so it cannot execute this",
  }),
  "a super-read-only MySQL": database({
    errno: 1290,
    message: "The MySQL server is running with the --super-read-only option",
  }),
  "a read-only transaction of MySQL": database({ errno: 1792 }),
  "a read-only mode of MySQL": database({ errno: 1836 }),
  "a reader of MySQL": database({ errno: 1874 }),
};

const full = {
  "a full disk of PostgreSQL": database({ code: "53100" }),
  "a full table of MySQL": database({ code: "ER_RECORD_FILE_FULL", errno: 1114 }),
  "a full disk of SQLite": database({ code: "SQLITE_FULL", errno: 13 }),
  "a full file group of SQL Server": database({ code: "EREQUEST", number: 1105 }),
};

const own = {
  "a unique violation": UNIQUE,
  "a value that is too long": database({ code: "22001" }),
  "a refused row of MySQL": database({ code: "ER_DATA_TOO_LONG", errno: 1406, fatal: false }),
  "a row that is too large for TiDB through mysql2": database({ errno: 8025 }),
  "a constraint of SQLite": database({ code: "SQLITE_CONSTRAINT", errno: 19 }),
  "an error of SQL Server": database({ code: "EREQUEST", number: 547 }),
  "something else": new TypeError("x is not a function"),
  "no error at all": undefined,
};

/** The errors of the dialect that an error's description names. */
function tableFor(description: string): ErrorTable {
  if (/SQL Server|tedious/.test(description)) return mssql.errors;
  if (/mysql|mariadb|galera/i.test(description)) return mysql.errors;
  return /sqlite/i.test(description) ? sqlite.errors : postgres.errors;
}

function expect(errors: Record<string, unknown>, expected: unknown[]): void {
  for (const [description, error] of Object.entries(errors)) {
    const errorClass = classify(error, tableFor(description));
    assert.deepEqual(
      [isTransient(errorClass), errorClass === "connection", faultOf(errorClass)],
      expected,
      description,
    );
  }
}

Deno.test("isTransient() knows what may succeed when it is sent again", () => {
  expect(transient, [true, false, "operation"]);
});

Deno.test("isConnectionError() knows a lost connection", () => {
  expect(lost, [false, true, "system"]);
});

Deno.test("faultOf() cannot tell whose fault a timeout is", () => {
  expect(timeouts, [false, false, "either"]);
});

// Or a batch of 500 sessions would meet it 500 times more.
Deno.test("faultOf() knows what no session's statement can get past", () => {
  expect(everybodys, [false, false, "system"]);
});

Deno.test("a server that refuses writes is recognized, and every call fails", () => {
  expect(readOnly, [false, false, "system"]);
  for (const [description, error] of Object.entries(readOnly)) {
    assert.equal(classify(error, tableFor(description)), "read-only", description);
  }
  for (const [description, error] of Object.entries(everybodys)) {
    assert.notEqual(classify(error, tableFor(description)), "read-only", description);
  }
});

Deno.test("faultOf() cannot tell whether a smaller session would have had room", () => {
  expect(full, [false, false, "either"]);
});

Deno.test("faultOf() takes any other error for the statement's own", () => {
  expect(own, [false, false, "operation"]);
});

Deno.test("a busy SQLite file is everybody's trouble, and may pass", () => {
  const busy = { name: "SequelizeTimeoutError", parent: { code: "SQLITE_BUSY", errno: 5 } };
  expect({ "SQLite": busy }, [true, false, "system"]);
});
