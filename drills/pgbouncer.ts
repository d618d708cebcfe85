// PostgreSQL behind pgbouncer in transaction mode, with two connections to the server for 2 x 50 callers.

import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { SequelizeStore } from "../mod.ts";
import { open } from "../tests/support/databases.ts";
import { withFolder } from "../tests/support/folder.ts";
import { Daemon, freePort, unableToRun } from "../tests/faults/process.ts";
import { ownPostgres } from "../tests/faults/engines.ts";
import { type Server, whileServing, withServer } from "../tests/faults/servers.ts";
import { settle, storm } from "../tests/faults/storm.ts";
import { Tally } from "../tests/faults/tally.ts";
import { type Drill, milliseconds, percentile, type Row } from "./drill.ts";

const BINARY = "/usr/sbin/pgbouncer";

/** Runs a test with the URL of a pgbouncer in front of a server. */
async function withPooler(server: Server, test: (url: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    await chmod(folder, 0o777);
    const port = await freePort();
    await writeFile(
      join(folder, "pgbouncer.ini"),
      `[databases]
test = host=127.0.0.1 port=${server.port} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 2
server_reset_query_always = 0
`,
    );
    const daemon = new Daemon("postgres", [BINARY, join(folder, "pgbouncer.ini")]);
    await whileServing(daemon, `postgres://postgres@127.0.0.1:${port}/test`, test);
  });
}

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
  ignored: ownPostgres.ignored ?? unableToRun("postgres", BINARY),
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
