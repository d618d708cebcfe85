// What the dialects' statements have in common.

import { Buffer } from "node:buffer";
import { types } from "node:util";
import type { SessionRecord } from "../../store/store.ts";
import { check, isString, type Rule } from "../../util/check.ts";
import type { Outcome, Row } from "../drivers/driver.ts";
import type { SessionModel } from "../model.ts";
import type { Page } from "./dialect.ts";

/** Returns the table's name as it is written in a statement, with its schema. */
export function quotedTable(model: SessionModel): string {
  const { queryGenerator } = model.sequelize!.getQueryInterface();
  const { quoteTable } = queryGenerator as { quoteTable(table: unknown): string };
  return quoteTable.call(queryGenerator, model.getTableName());
}

/** Returns the tokens of rows that were written. */
export function tokensOf(rows: readonly { readonly token: string }[]): string[] {
  return rows.map(({ token }) => token);
}

/**
 * Returns the tokens of rows that were read.
 *
 * @throws {TypeError} If one is not a string: the session must not seem to be missing then.
 */
export function tokensIn({ rows }: Pick<Outcome, "rows">): string[] {
  return rows.map(({ token }) => {
    check(ACTION, "token", token, TOKEN);
    return token;
  });
}

const ACTION = "read the session";
const TOKEN: Rule<string> = { text: "a string", hasType: isString };
const DATA: Rule<Uint8Array> = { text: "bytes", hasType: types.isUint8Array };
const OWNER: Rule<string> = { text: "a string", hasType: isString };
const EXPIRY: Rule<Date> = {
  text: "a date",
  hasType: types.isDate,
  inRange: (value) => !Number.isNaN(value.getTime()),
};
const NO_DATA = new Uint8Array();

/**
 * Makes a record of a row's values.
 *
 * @throws {TypeError} If one has the wrong type, because another program made the table or an option of the driver
 *   changes results: a session must not seem to be missing then.
 * @throws {RangeError} If the expiry is not a date.
 */
export function toRecord(
  token: unknown,
  data: unknown,
  expiry: Date,
  owner: unknown,
): SessionRecord {
  // Another program made the table and the row: this is an empty session.
  const bytes = data ?? NO_DATA;
  check(ACTION, "token", token, TOKEN);
  check(ACTION, "data", bytes, DATA);
  check(ACTION, "expiry", expiry, EXPIRY);
  // The owner is not read if the table has no owners.
  if (owner === undefined || owner === null) return { token, data: bytes, expiry };
  check(ACTION, "owner", owner, OWNER);
  return { token, data: bytes, expiry, owner };
}

/** The type of the owner's column in databases whose text comparisons ignore the spaces at the end. */
export const BYTES_OF_OWNER = "VARBINARY(1020)";

/** Converts an owner for a column of bytes. */
export function toBytes(owner: string | null): Buffer | null {
  return owner === null ? null : Buffer.from(owner);
}

/** Converts the owner that a column of bytes holds. */
export function toText(owner: unknown): unknown {
  return types.isUint8Array(owner) ? Buffer.from(owner).toString() : owner;
}

/** Returns what a replacement writes for the owner. `""`, which is never an owner, keeps the current one. */
export function ownerOrSame(
  { owner }: { readonly owner: string | null | undefined },
): string | null {
  return owner === undefined ? "" : owner;
}

/** Makes a page of the rows that were read, some of which may not be sessions. */
export function toPage(
  rows: readonly Row[],
  limit: number,
  records: readonly SessionRecord[],
): Page {
  const last = rows.length < limit ? undefined : rows.at(-1)!.token;
  // SQLite sorts blobs after all texts, so no session follows.
  return { records, last: isString(last) ? last : undefined };
}

/** Writes a date in UTC as MySQL, MariaDB and SQLite take and return it, without the time zone. */
export function utc(date: Date): string {
  return date.toISOString().replace("T", " ").replace("Z", "");
}
