// SQL Server, by Sequelize's own statements.

import { driverError } from "../errors.ts";
import type { Dialect } from "./dialect.ts";
import { genericStatements } from "./generic.ts";
import { shownIndexedColumns } from "./indexes.ts";
import { BYTES_OF_OWNER } from "./rows.ts";

const CANNOT_LOOK: readonly unknown[] = [
  229, // permission denied
  15009, // sp_helpindex takes no synonym
];

export const mssql: Dialect = {
  columnTypes: ({ BLOB }) => ({
    // The default collation ignores case, so that `abc` would find `ABC`.
    token: "NVARCHAR(255) COLLATE Latin1_General_100_BIN2",
    data: BLOB,
    // `=` ignores the spaces at the end of text, whatever its collation is.
    owner: BYTES_OF_OWNER,
  }),
  errors: {
    1205: "transient", // deadlock
    208: "no-table",
    207: "no-column",
    229: "system", // permission denied
    3906: "system", // the database is read-only
    1105: "either", // no space in the file group
    9002: "either", // the transaction log is full
    1222: "either", // LOCK_TIMEOUT
    ETIMEOUT: "either", // requestTimeout of tedious
  },
  schemas: "real",
  statements: genericStatements,
  indexedColumns: async (model, options) => {
    try {
      return await shownIndexedColumns(model, options);
    } catch (error) {
      // In a transaction, this is an error, because the transaction is now unusable.
      if (!options.transaction && CANNOT_LOOK.includes(driverError(error).number)) return undefined;
      throw error;
    }
  },
};
