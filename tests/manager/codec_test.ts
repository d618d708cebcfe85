import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { inspect } from "node:util";
import fc from "fast-check";
import { type Codec, devalueCodec, jsonCodec, SessionManager } from "../../src/manager/mod.ts";
import { bytes, text } from "../support/databases.ts";

const deadline = new Date("2030-01-02T03:04:05.678Z");

function roundTrip(codec: Codec, value: unknown): unknown {
  const content = codec.decode(codec.encode({ deadline, values: new Map([["key", value]]) }));
  assert.deepEqual(content.deadline, deadline);
  return content.values.get("key");
}

Deno.test("devalueCodec keeps values that JSON does not keep", () => {
  const circular: Record<string, unknown> = { name: "circular" };
  circular.self = circular;
  const values = [
    new Date(1),
    new Map<unknown, unknown>([[1n, new Set(["x"])], [{ deep: [new Date(2)] }, undefined]]),
    new Uint8Array([0, 255]),
    2n ** 70n,
    undefined,
    NaN,
    -Infinity,
    -0,
    /x/gi,
    new URL("https://example.com/?a=b"),
    circular,
    { __proto__: null, a: 1 },
    "\u0000\ud800 </script> é",
  ];
  for (const value of values) assert.deepEqual(roundTrip(devalueCodec, value), value);
});

Deno.test("both codecs return any plain value unchanged", () => {
  const anyValue = fc.anything({
    // devalue refuses this key, because it can set a prototype elsewhere.
    key: fc.string().filter((key) => key !== "__proto__"),
    withDate: true,
    withMap: true,
    withSet: true,
    withBigInt: true,
  });
  fc.assert(fc.property(anyValue, (value) => {
    // Node 20 and 22 never take two invalid dates for equal.
    fc.pre(!inspect(value, { depth: null }).includes("Invalid Date"));
    assert.deepEqual(roundTrip(devalueCodec, value), value);
  }));
  fc.assert(fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
    const expected = JSON.parse(JSON.stringify(value));
    assert.deepEqual(roundTrip(jsonCodec, value), expected);
  }));
});

// A Buffer is a view on a pool that also holds other data.
Deno.test("bytes that are part of a larger buffer are written without the rest of it", () => {
  const whole = bytes("secret".repeat(1000));
  for (const part of [Buffer.from("abc"), whole.subarray(2, 5), new DataView(whole.buffer, 2, 3)]) {
    const data = devalueCodec.encode({ deadline, values: new Map([["key", part]]) });
    assert.ok(data.length < 200, `${data.length}`);
  }
  assert.deepEqual(roundTrip(devalueCodec, whole.subarray(2, 5)), bytes("cre"));
  assert.deepEqual(
    roundTrip(devalueCodec, new Uint16Array([1, 2, 3]).subarray(1)),
    new Uint16Array([2, 3]),
  );
});

Deno.test("jsonCodec writes the deadline and the values in plain JSON", () => {
  const values = new Map<string, unknown>([["userId", 7], ["tags", ["a", null, { b: true }]]]);
  const data = jsonCodec.encode({ deadline, values });
  assert.equal(
    text(data),
    '{"deadline":"2030-01-02T03:04:05.678Z","values":{"userId":7,"tags":["a",null,{"b":true}]}}',
  );
  assert.deepEqual(jsonCodec.decode(data), { deadline, values });
  // What Go's encoding/json writes.
  const go = '{"deadline":"2030-01-02T04:04:05.678901234+01:00","values":null}';
  assert.deepEqual(jsonCodec.decode(bytes(go)), { deadline, values: new Map() });
});

Deno.test("jsonCodec refuses values that JSON would change", () => {
  const circular: unknown[] = [];
  circular.push(circular);
  const values = [
    new Date(),
    new Map(),
    new Set(),
    new Uint8Array(1),
    1n,
    NaN,
    Infinity,
    undefined,
    () => 1,
    Symbol(),
    [1, , 3],
    { a: undefined },
    { toJSON: () => 1 },
    new (class Point {})(),
    circular,
  ];
  for (const value of values) {
    assert.throws(() => jsonCodec.encode({ deadline, values: new Map([["key", value]]) }));
    assert.throws(() => jsonCodec.encode({ deadline, values: new Map([["key", [{ value }]]]) }));
  }
});

Deno.test("jsonCodec refuses data of another layout", () => {
  for (
    const json of [
      "{}",
      "[]",
      '{"deadline":null,"values":{}}',
      '{"deadline":0,"values":{}}',
      '{"deadline":"2030-01-01T00:00:00Z","values":"text"}',
      '{"deadline":"2030-01-01T00:00:00Z","values":[]}',
      '{"deadline":"2030-01-01T00:00:00Z"}',
    ]
  ) {
    assert.throws(() => jsonCodec.decode(bytes(json)), TypeError, json);
  }
});

Deno.test("both codecs refuse bytes that are not UTF-8", () => {
  const values = new Map([["key", "x"]]);
  for (const codec of [devalueCodec, jsonCodec]) {
    const data = codec.encode({ deadline, values });
    data[data.lastIndexOf("x".charCodeAt(0))] = 0xff;
    assert.throws(() => codec.decode(data), TypeError);
  }
});

Deno.test("a codec of one's own", async () => {
  const upside: Codec = {
    encode: (content) => jsonCodec.encode(content).map((byte) => byte ^ 0xff),
    decode: (data) => jsonCodec.decode(data.map((byte) => byte ^ 0xff)),
  };
  const sessions = new SessionManager<{ name: string }>({ codec: upside });
  const session = await sessions.load(undefined);
  session.put("name", "Ada");
  await sessions.commit(session);
  assert.equal((await sessions.load(session.token)).get("name"), "Ada");
});
