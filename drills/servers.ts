// Kills, stops, freezes and disconnects servers under 50 callers, for longer and more often than the tests do.

import assert from "node:assert/strict";
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { QueueFullError, SequelizeStore } from "../mod.ts";
import { bytes, open, soon } from "../tests/support/databases.ts";
import { type Engine, engines } from "../tests/faults/engines.ts";
import { withServer } from "../tests/faults/servers.ts";
import { storm } from "../tests/faults/storm.ts";
import type { Counts } from "../tests/faults/tally.ts";
import { Tally } from "../tests/faults/tally.ts";
import { endConnections, killAndStart, underStorm } from "../tests/faults/under_storm.ts";
import { type Drill, megabytes, milliseconds, percentile, type Row } from "./drill.ts";

const ROUNDS = 10;
const FREEZE_MS = 10_000;

const FAULTS: Readonly<Record<string, (engine: Engine) => Promise<Counts>>> = {
  "killed and started 10 times": (engine) =>
    underStorm(engine, async (server) => {
      for (let round = 0; round < ROUNDS; round++) await killAndStart(server);
    }),
  "stopped and started 10 times": (engine) =>
    underStorm(engine, async (server) => {
      for (let round = 0; round < ROUNDS; round++) {
        await server.stop();
        await server.start();
        await setTimeout(500);
      }
    }),
  "connections ended in 50 rounds": (engine) =>
    underStorm(engine, async (server) => {
      for (let round = 0; round < 50; round++) {
        await endConnections(engine, server);
        await setTimeout(100);
      }
    }),
  "frozen for 10 s, calls given up after 1 s": (engine) =>
    underStorm(engine, async (server) => {
      server.freeze();
      await setTimeout(FREEZE_MS);
      server.thaw();
      await setTimeout(2000);
    }, { patience: 1000 }),
};

/** Makes far more calls than the queue accepts while the server is frozen, and watches the memory. */
async function fillQueue(engine: Engine): Promise<Row> {
  let row: Row | undefined;
  await withServer(engine, async (server) => {
    const sequelize = open(server.url);
    try {
      const store = await SequelizeStore.open(sequelize, { cleanupInterval: 0 });
      await store.commit("token", bytes("data"), soon());
      server.freeze();
      row = await hammer(store, () => server.thaw());
    } finally {
      server.thaw();
      await sequelize.close();
    }
  });
  return { server: engine.name, fault: "frozen for 10 s, 1000 calls every 50 ms", ...row };
}

async function hammer(store: SequelizeStore, thaw: () => void): Promise<Row> {
  const before = process.memoryUsage();
  let [answered, refused, failed, peak] = [0, 0, 0, 0];
  const calls = new Set<Promise<void>>();
  const add = (promise: Promise<unknown>): void => {
    const call: Promise<void> = promise.then(() => void answered++, (error) => {
      if (error instanceof QueueFullError) refused++;
      // The mariadb driver abandons a connection that a frozen server has not accepted within a second.
      else failed++;
    }).finally(() => calls.delete(call));
    calls.add(call);
  };
  const end = Date.now() + FREEZE_MS;
  for (let n = 0; Date.now() < end; n++) {
    for (let i = 0; i < 1000; i++) {
      add(
        i % 2 ? store.find(`token${n}-${i}`) : store.commit(`token${n}-${i}`, bytes("x"), soon()),
      );
    }
    await setTimeout(50);
    peak = Math.max(peak, process.memoryUsage().rss);
  }
  thaw();
  await Promise.all(calls);
  const growth = peak - before.rss;
  assert.ok(growth < 200e6, `memory has grown by ${growth} bytes`);
  return { acknowledged: answered, failed, refused, "memory at most": `+${megabytes(growth)} MB` };
}

/** Measures how long a call takes under the same storm, without a fault. */
async function measureStorm(engine: Engine): Promise<Row> {
  const times: number[] = [];
  const tally = new Tally();
  await withServer(engine, async (server) => {
    const sequelize = open(server.url);
    try {
      const store = await SequelizeStore.open(sequelize, { cleanupInterval: 0 });
      const stop = AbortSignal.timeout(5000);
      await storm(store, tally, { callers: 50, stop, onAnswer: (ms) => times.push(ms) });
    } finally {
      await sequelize.close();
    }
  });
  const fault = "none, for 5 s";
  return {
    server: engine.name,
    fault,
    ...tally.counts,
    "p50, ms": milliseconds(percentile(times, 50)),
    "p99, ms": milliseconds(percentile(times, 99)),
  };
}

export const serversDrill: Drill = {
  name: "servers",
  about: "a server is killed, stopped, frozen and disconnected under 50 callers",
  ignored: engines.map(({ ignored }) => ignored).find(Boolean),
  run: async () => {
    const rows: Row[] = [];
    for (const engine of engines) {
      rows.push(await measureStorm(engine));
      for (const [fault, inflict] of Object.entries(FAULTS)) {
        rows.push({ server: engine.name, fault, ...await inflict(engine) });
      }
      rows.push(await fillQueue(engine));
    }
    return rows;
  },
};
