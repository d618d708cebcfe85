// A Galera cluster of three MariaDB nodes: callers on all nodes, hot sessions, and a node that fails and rejoins.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { SequelizeStore } from "../mod.ts";
import { bytes, open, soon, text } from "../tests/support/databases.ts";
import { until } from "../tests/faults/process.ts";
import { ownMariadb } from "../tests/faults/engines.ts";
import { settle, storm } from "../tests/faults/storm.ts";
import { Tally } from "../tests/faults/tally.ts";
import type { Drill, Row } from "./drill.ts";
import { GALERA, type Node, withCluster } from "./galera_cluster.ts";

const CALLERS = 20;

/** Runs a test with a store on each node. `sessionVariables` are set on each connection. */
async function withStores(
  nodes: readonly Node[],
  test: (stores: readonly SequelizeStore[]) => Promise<Row>,
  sessionVariables: Record<string, number> = {},
): Promise<Row> {
  const instances = nodes.map(({ url }) => open(url, { dialectOptions: { sessionVariables } }));
  try {
    const stores: SequelizeStore[] = [];
    for (const sequelize of instances) {
      stores.push(
        await SequelizeStore.open(sequelize, {
          cleanupInterval: { milliseconds: 200 },
          onError: () => {},
        }),
      );
    }
    const row = await test(stores);
    for (const store of stores) await store.stopCleanup();
    return row;
  } finally {
    for (const sequelize of instances) await sequelize.close();
  }
}

/** Runs callers with their own sessions on all nodes, kills a node, and lets it rejoin. */
async function killNode(nodes: readonly Node[], stores: readonly SequelizeStore[]): Promise<Row> {
  const controller = new AbortController();
  const storms = stores.map(async (store, i) => {
    const tally = new Tally();
    await storm(store, tally, { callers: CALLERS, stop: controller.signal, name: `node${i}-` });
    return await settle(store, tally);
  });
  try {
    await setTimeout(3000);
    await nodes[2]!.server.kill();
    await setTimeout(3000);
    await nodes[2]!.join();
    await setTimeout(3000);
  } finally {
    controller.abort();
  }
  const counts = await Promise.all(storms);
  const sum = (key: keyof typeof counts[0]): number => counts.reduce((n, each) => n + each[key], 0);
  return {
    what: "3 x 20 callers, a node is killed and rejoins",
    acknowledged: sum("acknowledged"),
    failed: sum("failed"),
    lost: sum("lost"),
    revived: sum("revived"),
    falselyMissing: sum("falselyMissing"),
  };
}

/** Runs callers on all nodes that add to the same two sessions. */
async function addToHot(stores: readonly SequelizeStore[]): Promise<Row> {
  const hot = ["hot0", "hot1"];
  for (const token of hot) await stores[0]!.commit(token, bytes("0"), soon());
  const isThere = (store: SequelizeStore): Promise<boolean> => store.find("hot1").then(Boolean);
  for (const store of stores) await until(() => isThere(store));
  let [added, failed, conflicts] = [0, 0, 0];
  const end = Date.now() + 10_000;
  const add = async (store: SequelizeStore, token: string): Promise<void> => {
    const { data } = (await store.find(token))!;
    const next = bytes(String(Number(text(data)) + 1));
    if (await store.replace(token, data, next, soon())) added++;
    else conflicts++;
  };
  await Promise.all(stores.flatMap((store) =>
    Array.from({ length: 4 }, async (_, caller) => {
      while (Date.now() < end) await add(store, hot[caller % 2]!).catch(() => failed++);
    })
  ));
  const total = async (store: SequelizeStore): Promise<number> => {
    const found = await Promise.all(hot.map((token) => store.find(token)));
    return found.reduce((sum, session) => sum + Number(text(session?.data)), 0);
  };
  for (const store of stores) await until(async () => await total(store) >= added, 5000);
  const lost = added - await total(stores[0]!);
  assert.equal(lost, 0);
  return {
    what: "12 callers on 3 nodes, 2 hot sessions, 10 s",
    acknowledged: added,
    conflicts,
    failed,
    lost,
  };
}

/** Commits on one node, and reads from another immediately afterwards. */
async function readElsewhere(stores: readonly SequelizeStore[], what: string): Promise<Row> {
  let stale = 0;
  for (let i = 0; i < 1000; i++) {
    const token = `${what.length}-${i}`;
    await stores[0]!.commit(token, bytes("data"), soon());
    if (await stores[1]!.find(token) === undefined) stale++;
  }
  return { what, acknowledged: 1000, stale };
}

export const galeraDrill: Drill = {
  name: "galera",
  about: "a Galera cluster of three MariaDB nodes",
  ignored: ownMariadb.ignored ?? (existsSync(GALERA) ? undefined : `there is no ${GALERA}`),
  run: async () => {
    const rows: Row[] = [];
    await withCluster(async (nodes) => {
      const elsewhere = "read from another node";
      rows.push(await withStores(nodes, (stores) => readElsewhere(stores, elsewhere)));
      const synced = `${elsewhere}, wsrep_sync_wait = 1`;
      const row = await withStores(nodes, (stores) => readElsewhere(stores, synced), {
        wsrep_sync_wait: 1,
      });
      rows.push(row);
      assert.equal(row.stale, 0);
      rows.push(await withStores(nodes, addToHot));
      rows.push(await withStores(nodes, (stores) => killNode(nodes, stores)));
    });
    return rows;
  },
};
