// PostgreSQL behind pgbouncer in transaction mode, with two connections to the server for 2 x 50 callers.

import { setTimeout } from "node:timers/promises";
import { SequelizeStore } from "../mod.ts";
import { open } from "../tests/support/databases.ts";
import { ownPostgres } from "../tests/faults/engines.ts";
import { withoutPooler, withPooler } from "../tests/faults/pooler.ts";
import { type Server, withServer } from "../tests/faults/servers.ts";
import { settle, storm } from "../tests/faults/storm.ts";
import { Tally } from "../tests/faults/tally.ts";
import { type Drill, milliseconds, percentile, type Row } from "./drill.ts";

/** Puts two Sequelize instances with default options under a storm, during which the server may restart. */
async function stormThrough(url: string, server: Server, restart: boolean): Promise<Row> {
  const instances = [open(url), open(url)];
  const times: number[] = [];
  try {
    const rows = await Promise.all(instances.map(async (sequelize, i) => {
      const tableName = `sessions${i}${restart ? "_restart" : ""}`;
      const store = await SequelizeStore.open(sequelize, { tableName, cleanupInterval: 0 });
      const tally = new Tally();
      const stop = AbortSignal.timeout(6000);
      const calls = storm(store, tally, { callers: 50, stop, onAnswer: (ms) => times.push(ms) });
      if (restart && i === 0) {
        await setTimeout(2000);
        await server.stop();
        await server.start();
      }
      await calls;
      return await settle(store, tally);
    }));
    const sum = (key: keyof typeof rows[0]): number => rows[0]![key] + rows[1]![key];
    return {
      fault: restart ? "the server restarts" : "none",
      acknowledged: sum("acknowledged"),
      failed: sum("failed"),
      lost: sum("lost"),
      revived: sum("revived"),
      falselyMissing: sum("falselyMissing"),
      "p99, ms": milliseconds(percentile(times, 99)),
    };
  } finally {
    for (const sequelize of instances) await sequelize.close();
  }
}

export const pgbouncerDrill: Drill = {
  name: "pgbouncer",
  about: "pgbouncer in transaction mode, two connections to the server, 2 x 50 callers",
  ignored: ownPostgres.ignored ?? withoutPooler,
  run: async () => {
    const rows: Row[] = [];
    await withServer(ownPostgres, async (server) => {
      await withPooler(server, async (url) => {
        rows.push(await stormThrough(url, server, false));
        rows.push(await stormThrough(url, server, true));
      });
    });
    return rows;
  },
};
