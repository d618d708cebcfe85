// One cell of the matrix: a storm during which something happens to the primary.

import { setTimeout } from "node:timers/promises";
import { SequelizeStore } from "../../mod.ts";
import { bytes, inMs } from "../../tests/support/databases.ts";
import { readBack, storm } from "../../tests/faults/storm.ts";
import type { Row } from "../drill.ts";
import { ACCESSES, QUERY_TIMEOUT_MS } from "./access.ts";
import type { Choice } from "./choice.ts";
import type { Cluster } from "./cluster.ts";
import { FAULTS } from "./faults.ts";
import { delayAfter, TimedTally, watchCluster } from "../../tests/faults/outage.ts";

const CALLERS = 50;
const COMMITTERS = 10;
const CALM_MS = 2000;

/** How long after the cluster the store may be up. */
const MOST_DELAY_MS = 1000;

/** Commits sessions of their own tokens until the signal, and returns which were acknowledged. */
async function commitUnique(store: SequelizeStore, stop: AbortSignal): Promise<string[]> {
  const acknowledged: string[] = [];
  await Promise.all(Array.from({ length: COMMITTERS }, async (_, committer) => {
    for (let i = 0; !stop.aborted; i++) {
      const token = `unique${committer}-${i}`;
      await store.commit(token, bytes("data"), inMs(3_600_000))
        .then(() => acknowledged.push(token), () => setTimeout(10));
    }
  }));
  return acknowledged;
}

/** What a cell has shown. */
export interface Outcome {
  readonly row: Row;
  /** What should not have happened, if anything. */
  readonly violations: readonly string[];
}

/** Runs one cell. */
export async function runCell(
  cluster: Cluster,
  { mode, fault, access }: Choice,
  tableName: string,
): Promise<Outcome> {
  const { endsSessions, open } = ACCESSES[access]!;
  const { sequelize, ports, close } = await open(cluster);
  const controller = new AbortController();
  const { signal } = controller;
  try {
    await sequelize.query("CREATE TABLE IF NOT EXISTS attempts (at timestamptz DEFAULT now())");
    const options = { tableName, onError: () => {} };
    await using store = await SequelizeStore.open(sequelize, options);
    const tally = new TimedTally();
    const calls = storm(store, tally, { callers: CALLERS, stop: signal });
    const commits = commitUnique(store, signal);
    const watch = watchCluster(ports, signal);
    try {
      await setTimeout(CALM_MS);
      await FAULTS[fault]!(cluster);
      await setTimeout(CALM_MS);
    } finally {
      controller.abort();
      tally.gaps.note();
    }
    await calls;
    const clusterGaps = await watch;
    const acknowledged = await commits;
    const counts = await readBack(store, tally);
    const there = await store.all();
    const lostUnique = acknowledged.filter((token) => !there.has(token)).length;
    const delay = delayAfter(clusterGaps.all, tally.gaps.all);
    const row = {
      mode,
      fault,
      access,
      ...counts,
      "unique commits": acknowledged.length,
      "of them lost": lostUnique,
      "cluster down for": seconds(clusterGaps.longest),
      "writes down for": seconds(tally.gaps.longest),
      "store after the cluster": seconds(delay),
    };
    const wrong = counts.lost + counts.revived + counts.falselyMissing + lostUnique;
    const violations: string[] = [];
    if (mode !== "asynchronous" && wrong > 0) violations.push(`${wrong} sessions were wrong`);
    // An old primary that does not know better lets its last statements wait for a standby that has left.
    const waits = fault === "patroni-frozen" && !endsSessions;
    const mostDelay = MOST_DELAY_MS + (waits ? QUERY_TIMEOUT_MS : 0);
    if (delay > mostDelay) violations.push(`the store was up ${seconds(delay)} late`);
    return { row, violations };
  } finally {
    controller.abort();
    await close();
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
