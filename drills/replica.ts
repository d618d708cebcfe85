// Sequelize's `replication` with a PostgreSQL primary and a streaming replica whose replay is paused.

import assert from "node:assert/strict";
import { Sequelize } from "sequelize";
import { SequelizeStore } from "../mod.ts";
import { bytes, inMs, soon, text } from "../tests/support/databases.ts";
import { ownPostgres } from "../tests/faults/engines.ts";
import { until } from "../tests/faults/process.ts";
import { withReplica } from "../tests/faults/replica.ts";
import { ask, withServer } from "../tests/faults/servers.ts";
import type { Drill, Row } from "./drill.ts";

const SESSIONS = 1000;

function connect(primaryPort: number, replicaUrl: string): Sequelize {
  const at = (port: number): object => ({ host: "127.0.0.1", port, username: "postgres" });
  const read = [at(Number(new URL(replicaUrl).port))];
  return new Sequelize("test", "postgres", "", {
    dialect: "postgres",
    logging: false,
    replication: { write: at(primaryPort), read },
  });
}

/** Reads every session right after its commit, its change and its deletion, while the replica lags behind. */
async function readAtOnce(sequelize: Sequelize, replicaUrl: string): Promise<Row> {
  const store = await SequelizeStore.open(sequelize, { cleanupInterval: 0 });
  await until(async () => (await ask(replicaUrl, "SELECT * FROM sessions")).length === 0);
  await ask(replicaUrl, "SELECT pg_wal_replay_pause()");
  let missed = 0;
  await Promise.all(Array.from({ length: SESSIONS }, async (_, i) => {
    const token = `token${i}`;
    await store.commit(token, bytes("old"), soon());
    if (text((await store.find(token))?.data) !== "old") missed++;
    await store.replace(token, bytes("old"), bytes("new"), soon());
    if (text((await store.find(token))?.data) !== "new") missed++;
    if (i % 2) await store.delete(token);
    if ((await store.find(token) === undefined) !== (i % 2 === 1)) missed++;
  }));
  const active = (await store.all()).size;
  await store.commit("expired", bytes("data"), inMs(-1));
  assert.equal(await store.deleteExpired(), 1);
  const [{ count }] = await ask(replicaUrl, "SELECT count(*) FROM sessions") as [{ count: string }];
  assert.deepEqual([missed, active, count], [0, SESSIONS / 2, "0"]);
  const acknowledged = SESSIONS * 2.5;
  return { acknowledged, "reads right after": SESSIONS * 3, missed, "rows on the replica": count };
}

export const replicaDrill: Drill = {
  name: "replica",
  about: "PostgreSQL with a replica whose replay is paused",
  ignored: ownPostgres.ignored,
  run: async () => {
    const rows: Row[] = [];
    await withServer(ownPostgres, async ({ port }) => {
      await withReplica(port, async (replicaUrl) => {
        const sequelize = connect(port, replicaUrl);
        try {
          rows.push(await readAtOnce(sequelize, replicaUrl));
        } finally {
          await sequelize.close();
        }
      });
    });
    return rows;
  },
};
