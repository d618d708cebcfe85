// What the dialects' statements have in common.

import { Buffer } from "node:buffer";
import type { SessionRecord } from "../../store/store.ts";
import type { Outcome, Row } from "../drivers/driver.ts";
import type { SessionModel } from "../model.ts";
import type { Page } from "./dialect.ts";

/** The table's name as it stands in a statement, with its schema. */
export function quotedTable(model: SessionModel): string {
  const { queryGenerator } = model.sequelize!.getQueryInterface();
  const { quoteTable } = queryGenerator as { quoteTable(table: unknown): string };
  return quoteTable.call(queryGenerator, model.getTableName());
}

/** The tokens of rows that were written. */
export function tokensOf(rows: readonly { readonly token: string }[]): string[] {
  return rows.map(({ token }) => token);
}

/** The tokens of rows that were read. */
export function tokensIn({ rows }: Outcome): string[] {
  return (rows as readonly { readonly token: string }[]).map(({ token }) => token);
}

/**
 * Makes a record of a row.
 *
 * @throws {Error} If the expiry or the data cannot be read: a session must not seem to be missing because
 *   somebody else has made the table or set up the driver.
 */
export function toRecord(
  { token, data, expiry }: Row,
  toDate: (expiry: string) => Date,
): SessionRecord {
  const date = toDate(String(expiry));
  // Without data is an empty session: somebody else has made the table, and the row.
  const isData = data === null || typeof data === "string" || data instanceof Uint8Array;
  if (typeof token !== "string" || !isData || Number.isNaN(date.getTime())) {
    throw new Error("Cannot read a session's row: its token, data or expiry has another type");
  }
  return { token, data: toBytes(data), expiry: date };
}

/** Makes a page of the rows that were read, some of which may be no sessions. */
export function toPage(
  rows: readonly Row[],
  limit: number,
  records: readonly SessionRecord[],
): Page {
  return { records, last: rows.length < limit ? undefined : rows.at(-1)!.token as string };
}

function toBytes(data: string | Uint8Array | null): Uint8Array {
  return typeof data === "string" ? Buffer.from(data) : data ?? new Uint8Array();
}

/** A date in UTC as MySQL, MariaDB and SQLite take and return it, without the time zone. */
export function utc(date: Date): string {
  return date.toISOString().replace("T", " ").replace("Z", "");
}
