import assert from "node:assert/strict";
import { MemoryStore } from "../../src/store/memory_store.ts";
import { later } from "../support/clock.ts";
import { bytes, inMs, soon } from "../support/databases.ts";
import { testOwnedStoreContract } from "../support/store_contract.ts";

testOwnedStoreContract("MemoryStore", (test) => test(new MemoryStore()));

Deno.test("MemoryStore removes expired sessions on commits, at most once a minute", async () => {
  const store = new MemoryStore();
  await store.commit("expired", bytes("data"), inMs(0));
  await store.commit("active", bytes("data"), inMs(600_000));
  await later(60_000, () => store.commit("another", bytes("data"), inMs(60_000)));
  assert.equal(await store.deleteExpired(), 0);
  assert.deepEqual([...(await store.all()).keys()], ["active", "another"]);
  await store.commit("expired", bytes("data"), inMs(0));
  await store.commit("kept", bytes("data"), soon());
  assert.equal(await store.deleteExpired(), 1);
});

Deno.test("MemoryStore.deleteExpired() with a limit deletes the oldest", async () => {
  const store = new MemoryStore();
  for (const [token, ms] of [["later", 60_000], ["first", 40_000], ["second", 50_000]] as const) {
    await store.commit(token, bytes("data"), inMs(ms));
  }
  await later(120_000, async () => assert.equal(await store.deleteExpired({ limit: 2 }), 2));
  assert.deepEqual([...(await store.all()).keys()], ["later"]);
});
