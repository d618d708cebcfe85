import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import fc from "fast-check";
import { Hmac } from "../../src/encryption/hmac.ts";

Deno.test("an Hmac returns what node:crypto does, whatever came before", () => {
  for (const [algorithm, block] of [["sha256", 64], ["sha512", 128]] as const) {
    const key = fc.uint8Array({ maxLength: block, size: "max" });
    const texts = fc.array(fc.uint8Array({ maxLength: 300, size: "max" }), { minLength: 1 });
    const property = (key: Uint8Array, texts: readonly Uint8Array[]): void => {
      const hmac = new Hmac(algorithm, key);
      for (const text of texts) {
        const expected = createHmac(algorithm, key).update(text).digest("hex");
        assert.equal(hmac.hexOf(text), expected);
      }
    };
    fc.assert(fc.property(key, texts, property));
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
