// Binds parameters as `sqlite3` does: by position, even if they have names, or by name.

import { Buffer } from "node:buffer";
import { RANGE, sqliteError } from "./errors.ts";

/** A value that SQLite returns. */
export type Value = string | number | Buffer | null;

/** Values by position, or by name with the prefix: `{ $id: 1 }`. */
export type Parameters = readonly unknown[] | { readonly [name: string]: unknown };

/** A value that `node:sqlite` can bind. */
export type Bound = string | number | bigint | Uint8Array | null;

/** The arguments of a prepared statement's `run()` and `all()`. */
export type Arguments = [named: Record<string, Bound>, ...anonymous: Bound[]];

/** Parameters, and tokens that may contain their characters: https://sqlite.org/c3ref/bind_blob.html */
const TOKENS =
  /'[^']*'|"[^"]*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|\/\*[^]*?(?:\*\/|$)|[\w\u0080-\uffff][\w$\u0080-\uffff]*|\?\d*|[:@$][\w$\u0080-\uffff]+(?:::[\w$\u0080-\uffff]+)*(?:\([^\s)]*\))?/g;

/** A statement's parameters. */
export interface ParameterList {
  /** Their names by position, from 1 on; empty for `?`. */
  readonly names: readonly string[];
  readonly positions: ReadonlyMap<string, number>;
}

/** Reads a statement's parameters, and numbers them as SQLite does. */
export function parametersOf(sql: string): ParameterList {
  const names = [""];
  const positions = new Map<string, number>();
  for (const [token] of sql.matchAll(TOKENS)) {
    if (!/^[?:@$]/.test(token) || positions.has(token)) continue;
    const position = /^\?\d/.test(token) ? Number(token.slice(1)) : names.length;
    // Positions that are skipped count as `?`.
    while (names.length <= position) names.push("");
    if (token === "?") continue;
    names[position] = token;
    positions.set(token, position);
  }
  return { names, positions };
}

/** Arranges values for `node:sqlite`, which binds named parameters by name only. */
export function bind({ names, positions }: ParameterList, parameters: Parameters): Arguments {
  const values: Bound[] = [];
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined) continue;
    const position = Array.isArray(parameters)
      ? Number(name) + 1
      : positions.get(name) ?? Number(name);
    if (!Number.isInteger(position) || position < 1 || position >= names.length) {
      throw sqliteError(RANGE, "column index out of range");
    }
    values[position] = boundOf(value);
  }
  const named: Record<string, Bound> = {};
  const anonymous: Bound[] = [];
  for (let position = 1; position < names.length; position++) {
    const name = names[position];
    const value = values[position] ?? null;
    if (name) named[name] = value;
    else anonymous.push(value);
  }
  return [named, ...anonymous];
}

/** Converts a value as `sqlite3` does. */
function boundOf(value: unknown): Bound {
  switch (typeof value) {
    case "string":
    case "bigint":
      return value;
    case "number":
      // As a number, it would be bound as REAL: text of 1 would become "1.0".
      return Number.isSafeInteger(value) ? BigInt(value) : value;
    case "boolean":
      return value ? 1n : 0n;
    case "object":
      if (value === null) return null;
      if (value instanceof Uint8Array) return value;
      if (ArrayBuffer.isView(value)) {
        return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
      }
      if (value instanceof Date) return value.getTime();
      return value instanceof RegExp ? String(value) : "[object Object]";
    default:
      return null;
  }
}
