import { defaultStringifyOperations, parse, stringify } from "devalue";

/** A session's data, decoded. */
export interface SessionContent {
  /** The moment at which the session ends, even if it is in use. */
  readonly deadline: Date;
  /** The session's values by their keys. */
  readonly values: ReadonlyMap<string, unknown>;
}

/** The format of a session's data: encodes its deadline and values as bytes, and decodes them. */
export interface Codec {
  /**
   * Encodes a session.
   *
   * @param content The deadline and the values.
   * @returns What the store keeps.
   * @throws Any error if a value cannot be encoded: otherwise the value would be lost. The manager then throws a
   *   `TypeError` with the path to the value, such as `user.settings.theme`.
   */
  encode(content: SessionContent): Uint8Array;
  /**
   * Decodes data that `encode` made.
   *
   * @param data What the store has kept.
   * @returns The deadline and the values.
   * @throws Any error if the data is not in this format.
   */
  decode(data: Uint8Array): SessionContent;
}

/**
 * The default format: text of [devalue](https://github.com/sveltejs/devalue). It keeps dates, maps, sets, bytes,
 * bigints, URLs, `undefined`, and repeated or circular references, nested to any depth. It cannot encode functions or
 * instances of your own classes.
 *
 * @example What it keeps
 * ```ts
 * import { devalueCodec } from "@scs/sequelize-store/manager";
 *
 * const values = new Map([["cart", new Map([["tea", 2]])]]);
 * const data = devalueCodec.encode({ deadline: new Date(), values });
 * console.log(devalueCodec.decode(data).values.get("cart")); // Map(1) { "tea" => 2 }
 * ```
 */
export const devalueCodec: Codec = {
  encode: ({ deadline, values }) => {
    return toBytes(stringify({ deadline, values }, undefined, { operations: { viewInfo } }));
  },
  decode: (data) => parse(toText(data)),
};

/**
 * JSON, for tables that programs in other languages share:
 * `{"deadline": "2030-01-02T03:04:05.678Z", "values": {...}}`. Values can be null, booleans, finite numbers, strings,
 * and arrays and plain objects of them. Other values are refused, because JSON turns a `Date` into a string, a `Map`
 * into `{}`, and drops an `undefined`. -0 becomes 0.
 *
 * @example A table that other programs read
 * ```ts
 * import { jsonCodec, SessionManager } from "@scs/sequelize-store/manager";
 *
 * const sessions = new SessionManager<{ userId: number }>({ codec: jsonCodec });
 * await sessions.load(undefined);
 * ```
 */
export const jsonCodec: Codec = {
  encode: ({ deadline, values }) => {
    for (const value of values.values()) assertJson(value);
    return toBytes(JSON.stringify({ deadline, values: Object.fromEntries(values) }));
  },
  decode: (data) => {
    const { deadline, values } = JSON.parse(toText(data));
    // Go encodes a map that was never filled as `null`.
    if (typeof deadline !== "string" || typeof values !== "object" || Array.isArray(values)) {
      throw new TypeError("Cannot decode the session: it is of another layout");
    }
    return { deadline: new Date(deadline), values: new Map(Object.entries(values ?? {})) };
  },
};

function toBytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function toText(data: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(data);
}

/** Limits a view on a part of a buffer to that part: devalue would write the whole buffer. */
function viewInfo(view: unknown): ReturnType<typeof defaultStringifyOperations.viewInfo> {
  const info = defaultStringifyOperations.viewInfo(view);
  const buffer = info.buffer.slice(info.byteOffset, info.byteOffset + info.byteLength);
  return { ...info, buffer, byteOffset: 0, bufferByteLength: info.byteLength };
}

function assertJson(value: unknown): void {
  if (value === null || typeof value === "string" || typeof value === "boolean") return;
  if (Number.isFinite(value)) return;
  const prototype = typeof value === "object" && Object.getPrototypeOf(value);
  if (prototype !== Array.prototype && prototype !== Object.prototype) {
    throw new TypeError("Cannot encode the value: JSON would change it");
  }
  // Array.from, because Object.values leaves out the holes of a sparse array.
  const parts = Array.isArray(value) ? Array.from(value) : Object.values(value as object);
  for (const part of parts) assertJson(part);
}
