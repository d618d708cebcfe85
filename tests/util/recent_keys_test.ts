import assert from "node:assert/strict";
import { RecentKeys } from "../../src/util/recent_keys.ts";
import { withClock } from "../support/clock.ts";

Deno.test("RecentKeys forgets keys that are too old, and the oldest ones if there are too many", async () => {
  let ms = 0;
  await withClock(() => ms, () => {
    const keys = new RecentKeys<number>({ maxAge: 10, maxSize: 3 });
    keys.set("a", 1);
    assert.equal(keys.get("a"), 1);
    assert.equal(keys.get("b"), undefined);
    ms = 10;
    assert.equal(keys.get("a"), 1);
    ms = 11;
    assert.equal(keys.get("a"), undefined);
    for (const key of ["a", "b", "c", "a", "d"]) keys.set(key, 2);
    assert.deepEqual(["a", "b", "c", "d"].map((key) => keys.get(key)), [2, undefined, 2, 2]);
    keys.delete("a");
    assert.equal(keys.get("a"), undefined);
  });
});
