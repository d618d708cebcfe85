import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { generateToken, isGenerated } from "../../src/store/token.ts";

Deno.test("tokens are unique, and each of their 256 bits is as often 0 as 1", () => {
  const count = 10_000;
  const tokens = Array.from({ length: count }, generateToken);
  assert.equal(new Set(tokens).size, count);
  assert.ok(tokens.every(isGenerated));
  const ones = new Array<number>(256).fill(0);
  for (const token of tokens) {
    const bytes = Buffer.from(token, "base64url");
    assert.equal(bytes.length, 32);
    for (const i of ones.keys()) ones[i]! += bytes[i >> 3]! >> (i & 7) & 1;
  }
  // Ten standard deviations from the mean: by chance, less than once in 10^20 runs.
  for (const [i, n] of ones.entries()) assert.ok(Math.abs(n - count / 2) < 500, `bit ${i}: ${n}`);
});
