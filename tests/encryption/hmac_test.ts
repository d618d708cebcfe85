import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import fc from "fast-check";
import { Hmac } from "../../src/encryption/hmac.ts";

Deno.test("an Hmac returns what node:crypto does, whatever came before", () => {
  for (const [algorithm, block] of [["sha256", 64], ["sha512", 128]] as const) {
    const key = fc.uint8Array({ maxLength: block, size: "max" });
    // Above and below the room that all of them share.
    const text = fc.nat({ max: 9000 }).chain((length) =>
      fc.nat({ max: 255 }).map((byte) => new Uint8Array(length).fill(byte))
    );
    const texts = fc.array(fc.oneof(text, fc.uint8Array({ maxLength: 300, size: "max" })), {
      minLength: 1,
    });
    const property = (key: Uint8Array, texts: readonly Uint8Array[]): void => {
      const hmac = new Hmac(algorithm, key);
      for (const text of texts) {
        const expected = createHmac(algorithm, key).update(text).digest("hex");
        assert.equal(hmac.hexOf(text), expected);
      }
    };
    const bounds = [8191, 8192, 8193].map((length) => new Uint8Array(length - block).fill(7));
    const examples: [Uint8Array, Uint8Array[]][] = [[new Uint8Array(32).fill(1), bounds]];
    fc.assert(fc.property(key, texts, property), { examples });
  }
});

Deno.test("an Hmac keeps neither the key's array nor the data's", () => {
  const [key, text] = [new Uint8Array(32).fill(1), new Uint8Array(300).fill(2)];
  const hmac = new Hmac("sha256", key);
  const before = hmac.hexOf(text);
  key.fill(0);
  assert.equal(hmac.hexOf(text), before);
  text.fill(0);
  assert.notEqual(hmac.hexOf(text), before);
});
