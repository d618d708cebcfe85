// store.stats(): what a store counts, on every database.

import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import type { SequelizeStore, StoreStats } from "../../mod.ts";
import { Counters } from "../../src/sequelize/counters.ts";
import { beforeEachQuery, passingError } from "../support/before_each_query.ts";
import { bytes, databases, inMs, soon, testOn, withStore } from "../support/databases.ts";
import { gate } from "../support/gate.ts";

const FRESH: StoreStats = {
  calls: 0,
  statements: 0,
  callsPerStatement: 0,
  waiting: 0,
  inFlight: 0,
  refused: 0,
  retried: 0,
  evicted: 0,
  lastCleanup: undefined,
};

/** The calls and the statements that were counted while something was done. */
async function counted(
  store: SequelizeStore,
  act: () => Promise<unknown>,
): Promise<readonly [calls: number, statements: number]> {
  const before = store.stats();
  await act();
  const after = store.stats();
  assert.equal(after.inFlight, 0);
  return [after.calls - before.calls, after.statements - before.statements];
}

testOn(databases, "stats() begins with zeros, and is a frozen snapshot", async (database) => {
  await withStore(database, async ({ store }) => {
    const stats = store.stats();
    assert.deepEqual(stats, FRESH);
    assert.ok(Object.isFrozen(stats));
    await store.find("token");
    assert.deepEqual(stats, FRESH);
    await store.deleteExpired();
    assert.ok(Object.isFrozen(store.stats().lastCleanup));
  });
});

testOn(
  databases,
  "stats() counts the calls and the statements of every method",
  async (database) => {
    await withStore(database, async ({ store, sequelize }) => {
      const count = (act: () => Promise<unknown>): ReturnType<typeof counted> =>
        counted(store, act);
      const data = bytes("data");
      assert.deepEqual(await count(() => store.commit("a", data, soon(), { owner: "u" })), [1, 1]);
      assert.deepEqual(await count(() => store.find("a")), [1, 1]);
      assert.deepEqual(await count(() => store.replace("a", data, data, soon())), [1, 1]);
      assert.deepEqual(await count(() => store.touch("a", soon())), [1, 1]);
      assert.deepEqual(await count(() => store.delete("missing")), [1, 1]);
      assert.deepEqual(await count(() => store.all()), [1, 1]);
      await store.commit("b", data, soon(), { owner: "u" });
      const walk = (): Promise<unknown> => Array.fromAsync(store.entries({ pageSize: 1 }));
      assert.deepEqual(await count(walk), [3, 3], "two pages, and one that is empty");
      assert.deepEqual(await count(() => Array.fromAsync(store.entriesOf("u"))), [1, 1]);
      assert.deepEqual(await count(() => store.deleteOwned("u")), [1, 1]);
      await store.commit("expired", data, inMs(-1));
      assert.deepEqual(await count(() => store.deleteExpired()), [2, 2], "one looks, one deletes");
      const inTransaction = (): Promise<unknown> =>
        sequelize.transaction((transaction) => store.find("a", { transaction }));
      assert.deepEqual(await count(inTransaction), [1, 1]);
      assert.deepEqual(await count(() => store.find("no token")), [0, 0]);
    }, { owners: true });
  },
);

testOn(databases, "stats() tells how many calls share a statement", async (database) => {
  await withStore(database, async ({ store }) => {
    const tokens = Array.from({ length: 20 }, (_, i) => `token${i}`);
    await Promise.all(tokens.map((token) => store.find(token)));
    const { calls, statements, callsPerStatement } = store.stats();
    assert.deepEqual({ calls, statements, callsPerStatement }, {
      calls: 20,
      statements: 2,
      callsPerStatement: 10,
    });
    const same = tokens.map(() => () => store.find("one"));
    assert.deepEqual(await counted(store, () => Promise.all(same.map((find) => find()))), [20, 1]);
  });
});

testOn(databases, "stats() shows what waits, is under way, and was refused", async (database) => {
  await withStore(database, async ({ store }) => {
    const { opened, open } = gate();
    beforeEachQuery(store, () => opened);
    const calls: Promise<unknown>[] = [];
    const commit = (signal?: AbortSignal): Promise<void> => {
      const call = store.commit("token", bytes("data"), soon(), { signal });
      calls.push(call.catch(() => {}));
      return call;
    };
    commit();
    calls.push(store.find("token"));
    await setTimeout();
    assert.deepEqual(store.stats(), {
      ...FRESH,
      calls: 2,
      statements: 2,
      callsPerStatement: 1,
      inFlight: 2,
    });
    const controller = new AbortController();
    commit();
    commit(controller.signal);
    await setTimeout();
    assert.equal(store.stats().waiting, 2);
    await assert.rejects(commit(), { name: "QueueFullError" });
    assert.equal(store.stats().refused, 1);
    controller.abort();
    assert.equal(store.stats().waiting, 1);
    open();
    await Promise.all(calls);
    const { waiting, inFlight, refused, ...rest } = store.stats();
    assert.deepEqual([waiting, inFlight, refused], [0, 0, 1]);
    assert.deepEqual([rest.calls, rest.statements], [3, 3], "neither the refused nor the aborted");
  }, { queueLimit: 2 });
});

testOn(databases, "stats() counts what was sent again", async (database) => {
  await withStore(database, async ({ store }) => {
    let failures = 2;
    // deno-lint-ignore require-await -- rejects, as a query does
    beforeEachQuery(store, async () => {
      if (failures-- > 0) throw passingError(database);
    });
    await store.commit("token", bytes("data"), soon());
    const { calls, statements, retried, inFlight } = store.stats();
    assert.deepEqual({ calls, statements, retried, inFlight }, {
      calls: 1,
      statements: 3,
      retried: 2,
      inFlight: 0,
    });
    failures = Infinity;
    await assert.rejects(store.find("token"), { name: "SequelizeDatabaseError" });
    assert.equal(store.stats().retried, 7, "of six attempts, five came again");
    assert.equal(store.stats().inFlight, 0);
    failures = 0;
  });
});

testOn(databases, "stats() tells about the last cleanup that did not fail", async (database) => {
  await withStore(database, async ({ store }) => {
    for (let i = 0; i < 3; i++) await store.commit(`expired${i}`, bytes("data"), inMs(-1));
    const before = Date.now();
    await store.deleteExpired({ limit: 2 });
    const { at, duration, deleted } = store.stats().lastCleanup!;
    assert.ok(at >= before && at <= Date.now(), `${at}`);
    assert.ok(duration > 0 && duration <= at - before + 1000, `${duration}`);
    assert.equal(deleted, 2);
    await assert.rejects(store.deleteExpired({ signal: AbortSignal.abort() }));
    assert.deepEqual(store.stats().lastCleanup, { at, duration, deleted });
  });
});

testOn(databases, "stats() tells about the cleanups of the loop", async (database) => {
  await withStore(database, async ({ store }) => {
    const signal = AbortSignal.timeout(30_000);
    while (store.stats().lastCleanup === undefined) await setTimeout(5, undefined, { signal });
    assert.equal(store.stats().lastCleanup?.deleted, 0);
  }, { cleanupInterval: { milliseconds: 5 } });
});

Deno.test("Counters shows evicted connections", () => {
  const counters = new Counters();
  counters.evicted++;
  assert.deepEqual(counters.toStats(3), { ...FRESH, evicted: 1, waiting: 3 });
});
