// SQL Server, by Sequelize's own statements.

import type { Dialect } from "./dialect.ts";

export const mssql: Dialect = {
  columnTypes: ({ BLOB }) => ({
    // The default collation ignores case, so that `abc` would find `ABC`.
    token: "NVARCHAR(255) COLLATE Latin1_General_100_BIN2",
    data: BLOB,
  }),
  errors: {
    1205: "transient", // deadlock
    208: "system", // there is no such table
    229: "system", // permission denied
    3906: "system", // the database is read-only
    1105: "either", // no space in the file group
    9002: "either", // the transaction log is full
    1222: "either", // LOCK_TIMEOUT
    ETIMEOUT: "either", // requestTimeout of tedious
  },
};
