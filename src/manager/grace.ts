// After `renewToken({ grace })`, a link replaces the record of the old token for some seconds. The compare-and-swap
// that ends the old record writes the link, so there is no gap in between, and no request that saw the old record can
// write to it. The link holds the values of that moment. It counts only while its successor is active: whatever ends
// the session ends both. A session that is loaded from a link can only be read.

import { Buffer } from "node:buffer";
import type { ConditionalStore } from "../store/conditional_store.ts";
import type { SessionRecord } from "../store/store.ts";
import { type Duration, isDuration, toMilliseconds } from "../util/duration.ts";
import type { Rule } from "../util/check.ts";

/** What replaces a record that was renewed. */
export interface Link {
  /** The key of the same session under its new token. */
  readonly to: string;
  /** When the link ends, in milliseconds since 1970, even if a slow request prolongs its record. */
  readonly until: number;
  /** The data before the renewal. */
  readonly data: Uint8Array;
}

/** The longest time that an old token can still read the session, in milliseconds. */
const MAX_GRACE_MS = 60_000;

/** How long an old token can still read the session. */
export const GRACE: Rule<Duration> = {
  text: "a number of milliseconds, more than 0 and at most 60 000; or { milliseconds: 5 }",
  hasType: isDuration,
  inRange: (value) => toMilliseconds(value) > 0 && toMilliseconds(value) <= MAX_GRACE_MS,
  describe: (value) => String(toMilliseconds(value)),
};

/** No text begins like this, because the byte 0xC1 does not occur in UTF-8. */
const MAGIC = Buffer.from("\xc1SCSlink", "latin1");
const UNTIL_AT = MAGIC.length;
const LENGTH_AT = UNTIL_AT + 8;
const KEY_AT = LENGTH_AT + 1;

/**
 * The most links that are followed, one after another; each renewal took place within the grace of the one before.
 */
const MAX_LINKS = 10;

export function encodeLink({ to, until, data }: Link): Uint8Array {
  const head = Buffer.alloc(KEY_AT);
  MAGIC.copy(head);
  head.writeDoubleBE(until, UNTIL_AT);
  head.writeUInt8(to.length, LENGTH_AT);
  return Buffer.concat([head, Buffer.from(to, "latin1"), data]);
}

/** Decodes the link that a record holds; `undefined` if it holds a session. */
export function readLink(record: SessionRecord): Link | undefined {
  let bytes: Buffer;
  try {
    const { buffer, byteOffset, byteLength } = record.data;
    bytes = Buffer.from(buffer, byteOffset, byteLength);
  } catch {
    return undefined; // It cannot be decrypted.
  }
  if (bytes.length <= KEY_AT || !bytes.subarray(0, UNTIL_AT).equals(MAGIC)) return undefined;
  const end = KEY_AT + bytes.readUInt8(LENGTH_AT);
  const to = bytes.toString("latin1", KEY_AT, end);
  return { to, until: bytes.readDoubleBE(UNTIL_AT), data: bytes.subarray(end) };
}

/** Returns a store whose `find` treats a link like a record that is gone, and reports each link. */
export function withoutLinks(
  store: ConditionalStore,
  onLink: (key: string, link: Link) => void,
): ConditionalStore {
  return {
    ...store,
    find: async (key, options) => {
      const record = await store.find(key, options);
      const link = record && readLink(record);
      if (link === undefined) return record;
      onLink(key, link);
      return undefined;
    },
  };
}

/**
 * Finds the record that a link leads to, through further links if there are any.
 *
 * @returns The record, or `undefined` if the link or the session has ended.
 */
export async function followLink(
  find: (key: string) => Promise<SessionRecord | undefined>,
  { to, until }: Link,
): Promise<SessionRecord | undefined> {
  if (until <= Date.now()) return undefined;
  let key = to;
  for (let count = 0; count < MAX_LINKS; count++) {
    const record = await find(key);
    const next = record && readLink(record);
    if (next === undefined) return record;
    key = next.to;
  }
  return undefined;
}
