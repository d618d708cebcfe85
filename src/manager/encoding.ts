import { Buffer } from "node:buffer";
import { types } from "node:util";
import { DevalueError } from "devalue";
import { ABOUT, type About, readAbout, writeAbout } from "./about.ts";
import type { Codec, SessionContent } from "./codec.ts";
import { DATA, EXPIRY } from "../store/arguments.ts";
import type { SessionRecord } from "../store/store.ts";
import { check, isString } from "../util/check.ts";
import { errorName } from "../util/error_name.ts";
import { findUnencodable } from "./unencodable.ts";

/** A session's data, decoded. What it says about the session itself is separate from the values. */
export interface Content extends SessionContent {
  readonly about: About;
}

/**
 * Encodes a session.
 *
 * @throws {TypeError} If the codec cannot encode a value: the message contains the path to the value, and the cause
 *   is the codec's error without the value. Also if the codec does not return bytes.
 */
export function encodeWith(codec: Codec, { deadline, values, about }: Content): Uint8Array {
  const content = { deadline, values: new Map(values).set(ABOUT, writeAbout(about)) };
  let data: Uint8Array;
  try {
    data = codec.encode(content);
  } catch (error) {
    const cause = withoutValue(error);
    const wrong = findUnencodable(content.values, (value) => encodeValue(codec, "key", value));
    if (wrong === undefined) {
      throw new TypeError("Cannot commit the session: the codec failed to encode it", { cause });
    }
    throw new TypeError(
      `Cannot commit the session: '${wrong.path}' must be a value that the codec can encode: ` +
        `received ${wrong.kind}`,
      { cause },
    );
  }
  check("commit the session", "codec.encode(session)", data, DATA);
  return data;
}

/** Whether a codec encodes two values of a key to the same bytes. */
export function encodesAlike(codec: Codec, key: string, one: unknown, other: unknown): boolean {
  try {
    return Buffer.compare(encodeValue(codec, key, one), encodeValue(codec, key, other)) === 0;
  } catch {
    return false;
  }
}

/** Encodes one value by itself. */
function encodeValue(codec: Codec, key: string, value: unknown): Uint8Array {
  return codec.encode({
    deadline: new Date("2000-01-01T00:00:00Z"),
    values: new Map([[key, value]]),
  });
}

/** Returns a codec's error without what may contain the value: its message, its fields and its stack. */
function withoutValue(error: unknown): Error {
  const isDevalue = error instanceof DevalueError;
  // devalue's own messages name only the kind of the value.
  const message = isDevalue
    ? error.message
    : "The codec's message is left out: it may hold the value";
  const value = errorName(error);
  return Object.defineProperty(new Error(message), "name", { value, configurable: true });
}

/**
 * Decodes a session.
 *
 * @param lifetime How long a session lasts from its beginning, in milliseconds.
 * @throws {Error} If the codec cannot decode the data; its message contains none of the data.
 */
export function decodeWith(
  codec: Codec,
  { token, data }: Pick<SessionRecord, "token" | "data">,
  lifetime: number,
): Content {
  const { deadline, values: all } = decodeContent(codec, data);
  const values = new Map(all);
  values.delete(ABOUT);
  const began = Math.min(deadline.getTime() - lifetime, Date.now());
  return { deadline, values, about: readAbout(all.get(ABOUT), token, began) };
}

function decodeContent(codec: Codec, data: Uint8Array): SessionContent {
  let reason = "it holds no deadline and values";
  try {
    const content = codec.decode(data);
    if (isContent(content)) return content;
  } catch (error) {
    // Only the name, and no cause: the message of a parser quotes the data that it failed on.
    reason = errorName(error);
  }
  throw new Error(`Cannot decode the session's data: ${reason}`);
}

/** Whether a session has not reached its deadline yet. */
export function isActive({ deadline }: Pick<SessionContent, "deadline">): boolean {
  return deadline.getTime() > Date.now();
}

/** Whether a codec has returned a session that can be encoded and stored again. */
function isContent({ deadline, values }: SessionContent): boolean {
  if (!EXPIRY.hasType(deadline) || !EXPIRY.inRange!(deadline) || !types.isMap(values)) return false;
  return [...values.keys()].every(isString);
}
