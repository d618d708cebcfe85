// Arbitraries: values that an attacker, a broken client or another program may send or store.

import { Buffer } from "node:buffer";
import fc from "fast-check";

/** The beginning of every hostile token and data, to search messages and logs for. */
export const SECRET = "hostile0";

const FRAGMENTS = [
  "'",
  '"',
  "`",
  "\\",
  "\0",
  "\n",
  "\r\n",
  ";",
  "--",
  "/*",
  "%",
  "_",
  "$1",
  ":token",
  "?",
  "' OR '1'='1",
  "'; DROP TABLE sessions; --",
  "\\'; DELETE FROM sessions; --",
  "$$",
  "${7*7}",
  "{{7*7}}",
  "../../etc/passwd",
  "__proto__",
  "constructor",
  "\ud800",
  "\u202e",
  "ＡＢＣ",
  "é",
  "e\u0301",
  "\xff",
  "x".repeat(300),
];

/** Text that breaks code which concatenates statements, headers or paths. */
export const hostileText: fc.Arbitrary<string> = fc
  .array(fc.oneof(fc.constantFrom(...FRAGMENTS), fc.string({ unit: "binary", maxLength: 20 })), {
    maxLength: 6,
  })
  .map((parts) => parts.join(""));

/** A token or a session's id as an untyped program may pass it; sometimes well-formed. */
export const hostileToken: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 5, arbitrary: hostileText.map((text) => SECRET + text) },
  // Mostly well-formed: these get as far as a statement.
  {
    weight: 5,
    arbitrary: fc
      .array(
        fc.constantFrom("\\", "`", ";", "--", "/*", "%", "_", "$1", ":x", "?", "{", "A", "a"),
        {
          maxLength: 60,
        },
      )
      .map((parts) => (SECRET + parts.join("")).slice(0, 255)),
  },
  { weight: 1, arbitrary: fc.anything() },
);

/** The value of a `Cookie` header, with one cookie of that name or several. */
export function hostileCookie(name: string): fc.Arbitrary<string> {
  // In the format of the manager's own tokens.
  const guess = fc.string({
    unit: fc.constantFrom(..."abcXYZ019-_"),
    minLength: 43,
    maxLength: 43,
  });
  const value = fc.oneof(
    hostileText,
    fc.constantFrom("%", "%00", "%E0%A4%A", '"quoted"', "", "a".repeat(20_000)),
  );
  const pair = fc.oneof(value.map((text) => SECRET + text), guess).map((text) => `${name}=${text}`);
  return fc.oneof(
    fc.array(fc.oneof(pair, hostileText), { maxLength: 8 }).map((pairs) => pairs.join("; ")),
    fc.constant(Array(2000).fill(`${name}=a`).join("; ")),
  );
}

/** Formats that resemble the package's own, and text that confuses parsers. */
const FORMATS = [
  `[{"deadline":1,"values":2},["Date","2100-01-01T00:00:00.000Z"],["Map",3,4],"k","${SECRET}"]`,
  `[{"deadline":1,"values":1},["Date","2100-01-01T00:00:00.000Z"]]`,
  `[{"__proto__":1},{"polluted":2},true]`,
  `[["Map",1,0],"self"]`,
  `{"deadline":"2100-01-01T00:00:00.000Z","values":{"__proto__":{"polluted":true}}}`,
  `{"deadline":"never","values":{}}`,
  `{"cookie":{"originalMaxAge":null},"user":"${SECRET}"}`,
  `O:8:"stdClass":1:{s:4:"user";s:8:"${SECRET}";}`,
  "[".repeat(20_000),
  "null",
  "-1",
  "[]",
  "",
];

/** A session's data as another program may have written it: of another format, truncated, or not text. */
export const hostileData: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.constantFrom(...FORMATS).map((text) => Buffer.from(text)),
  fc.tuple(fc.constantFrom(...FORMATS), fc.nat({ max: 100 })).map(([text, length]) =>
    Buffer.from(text.slice(0, length))
  ),
  fc.json().map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 300 }).map((data) => Buffer.concat([Buffer.from(SECRET), data])),
  fc.uint8Array({ maxLength: 300 }),
);

/** One of these rows: as it is, cut off, prolonged, or with another byte somewhere. */
export function altered(rows: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const row = fc.constantFrom(...rows);
  const place = fc.nat({ max: Math.max(...rows.map(({ length }) => length)) });
  return fc.oneof(
    row,
    fc.tuple(row, place).map(([row, length]) => row.subarray(0, length)),
    fc.tuple(row, fc.uint8Array({ maxLength: 20 })).map((parts) => Buffer.concat(parts)),
    fc.tuple(row, place, fc.nat({ max: 255 })).map(([row, place, byte]) =>
      row.map((before, i) => i === place ? byte : before)
    ),
  );
}
