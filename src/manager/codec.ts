import { Buffer } from "node:buffer";
import { types } from "node:util";
import { defaultStringifyOperations, DevalueError, parse, stringify } from "devalue";
import { EXPIRY } from "../store/arguments.ts";

/** What a session's data holds, decoded. */
export interface SessionContent {
  /** The moment at which the session ends, however much it is used. */
  readonly deadline: Date;
  /** The session's values by their keys. */
  readonly values: ReadonlyMap<string, unknown>;
}

/** The format of a session's data: how its deadline and values become bytes, and come back. */
export interface Codec {
  /**
   * Encodes a session.
   *
   * @throws Anything if a value cannot be encoded, so that it is not lost. The manager then throws a
   *   `TypeError` that names the path to the value, such as `user.settings.theme`.
   */
  encode(content: SessionContent): Uint8Array;
  /**
   * Decodes what `encode` made.
   *
   * @throws Anything if the data is not in this format.
   */
  decode(data: Uint8Array): SessionContent;
}

/**
 * The default format: text of [devalue](https://github.com/sveltejs/devalue), which keeps dates, maps,
 * sets, bytes, bigints, URLs, `undefined` and repeated or circular references, nested at will. Instances
 * of classes of your own and functions cannot be encoded.
 */
export const devalueCodec: Codec = {
  encode: ({ deadline, values }) => {
    return toBytes(stringify({ deadline, values }, undefined, { operations: { viewInfo } }));
  },
  decode: (data) => parse(toText(data)),
};

/**
 * JSON for tables that other languages share: `{"deadline": "2030-01-02T03:04:05.678Z", "values":
 * {...}}`. Values are null, booleans, finite numbers, strings, arrays and plain objects of them. Others
 * are refused, since JSON would turn a `Date` into a string, a `Map` into `{}`, and drop an `undefined`;
 * -0 becomes 0.
 */
export const jsonCodec: Codec = {
  encode: ({ deadline, values }) => {
    for (const value of values.values()) assertJson(value);
    return toBytes(JSON.stringify({ deadline, values: Object.fromEntries(values) }));
  },
  decode: (data) => {
    const { deadline, values } = JSON.parse(toText(data));
    // `null` is what Go makes of a map that was never filled.
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

/** Of a view on a part of a buffer, that part alone: devalue would write the whole buffer. */
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
  // With Array.from, because the values of a sparse array leave its holes out.
  const parts = Array.isArray(value) ? Array.from(value) : Object.values(value as object);
  for (const part of parts) assertJson(part);
}

/**
 * Encodes a session.
 *
 * @throws {TypeError} If the codec cannot encode a value; it names the path to the value. Its cause says what
 *   the codec said, without the value.
 */
export function encodeWith(codec: Codec, content: SessionContent): Uint8Array {
  try {
    return codec.encode(content);
  } catch (error) {
    const cause = withoutValue(error);
    const wrong = findUnencodable(codec, content);
    if (wrong === undefined) {
      throw new TypeError("Cannot commit the session: the codec failed to encode it", { cause });
    }
    throw new TypeError(
      `Cannot commit the session: '${wrong.path}' must be a value that the codec can encode: ` +
        `received ${wrong.kind}`,
      { cause },
    );
  }
}

/** Whether a codec encodes two values of a key alike. */
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

/** A value inside another one, and the end of the path to it. */
type Part = [step: string, value: unknown];

/** How deep the value that cannot be encoded is looked for. */
const MAX_DEPTH = 50;

/** The path to the innermost value that the codec cannot encode, and of what kind that is. */
function findUnencodable(
  codec: Codec,
  { values }: SessionContent,
): { readonly path: string; readonly kind: string } | undefined {
  const seen = new Set<unknown>();
  const fails = ([, value]: Part): boolean => {
    if (seen.has(value)) return false;
    try {
      encodeValue(codec, "key", value);
      return false;
    } catch {
      return true;
    }
  };
  const path: string[] = [];
  let wrong: unknown;
  for (
    let part = [...values].find(fails);
    part !== undefined && path.length < MAX_DEPTH;
    part = partsOf(wrong).find(fails)
  ) {
    const [step, value]: Part = part;
    path.push(step);
    wrong = value;
    // A value that contains itself is not looked into again.
    if (Object(value) === value) seen.add(value);
  }
  return path.length === 0 ? undefined : { path: path.join(""), kind: kindOf(wrong) };
}

/** What a value is made of. Keys of a map are data, and do not appear in the steps. */
function partsOf(value: unknown): Part[] {
  try {
    if (types.isSet(value)) return Array.from(value, (part, i) => [`.values()[${i}]`, part]);
    if (types.isMap(value)) {
      return [...value].flatMap(([key, part], i): Part[] => [
        [`.keys()[${i}]`, key],
        [`.values()[${i}]`, part],
      ]);
    }
    if (Object(value) !== value || typeof value === "function" || ArrayBuffer.isView(value)) {
      return [];
    }
    return Object.entries(value as object).map(([name, part]) => [
      Array.isArray(value) ? `[${name}]` : toStep(name),
      part,
    ]);
  } catch {
    // A getter has thrown.
    return [];
  }
}

function toStep(name: string): string {
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name)
    ? `.${name}`
    : `[${JSON.stringify(name)}]`;
}

function kindOf(value: unknown): string {
  // Not of the value itself, which may have a property of this name.
  const kind = Object(value) === value && Object.getPrototypeOf(value)?.constructor?.name;
  return kind || typeof value;
}

/** What may be said of a codec's error. Its message, its fields and its stack may hold the value. */
function withoutValue(error: unknown): Error {
  const isDevalue = error instanceof DevalueError;
  // devalue's own messages say what kind of value it was.
  const message = isDevalue
    ? error.message
    : "The codec's message is left out: it may hold the value";
  const name = error instanceof Error ? error.name : typeof error;
  return Object.defineProperty(new Error(message), "name", { value: name, configurable: true });
}

/**
 * Decodes a session.
 *
 * @throws {Error} If the codec cannot decode the data; its message holds none of the data.
 */
export function decodeWith(codec: Codec, data: Uint8Array): SessionContent {
  let reason = "it holds no deadline and values";
  try {
    const content = codec.decode(data);
    if (isContent(content)) return content;
  } catch (error) {
    // No more of it, and no cause: a parser's message quotes what it failed on.
    reason = error instanceof Error ? error.name : typeof error;
  }
  throw new Error(`Cannot decode the session's data: ${reason}`);
}

/** Whether a session has not reached its deadline yet. */
export function isActive({ deadline }: SessionContent): boolean {
  return deadline.getTime() > Date.now();
}

/** Whether something is a session that can be saved again. */
function isContent({ deadline, values }: SessionContent): boolean {
  if (!EXPIRY.hasType(deadline) || !EXPIRY.inRange!(deadline) || !types.isMap(values)) return false;
  return [...values.keys()].every((key) => typeof key === "string");
}
