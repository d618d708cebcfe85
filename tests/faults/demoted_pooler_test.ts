// A pgbouncer whose connections lead to a standby for a while.

import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { SequelizeStore } from "../../mod.ts";
import { bytes, DRIVER, open, soon, text } from "../support/databases.ts";
import { ownPostgres } from "./engines.ts";
import { listeningPg } from "./listening_pg.ts";
import { withoutPooler, withPooler } from "./pooler.ts";
import { until } from "./process.ts";
import { withReplica } from "./replica.ts";
import { ask, withServer } from "./servers.ts";
import { withSwitch } from "./switch.ts";

const ignored = ownPostgres.ignored ?? withoutPooler;

/** As docs/failover.md advises: pgbouncer itself ends a connection to a standby before it lends it. */
const LEAVES_STANDBYS = [
  "server_check_query = SELECT pg_terminate_backend(pg_backend_pid()) WHERE pg_is_in_recovery()",
  "server_check_delay = 0",
];

for (const mode of ["transaction", "session"]) {
  const name = `behind a pooler in ${mode} mode, a standby is never read from`;
  Deno.test({
    name: `${name}${ignored ? ` (ignored: ${ignored})` : ""}`,
    ignore: ignored !== undefined,
    fn: () =>
      withServer(
        ownPostgres,
        ({ url: primary, port }) =>
          withReplica(port, (standby) =>
            withSwitch(primary, async (proxy) => {
              const pooled = { port: Number(new URL(proxy.urlOf(primary)).port) };
              await withPooler(pooled, async (url) => {
                const sequelize = open(url, { dialectModule: listeningPg });
                const store = await SequelizeStore.open(sequelize, {
                  ...DRIVER,
                  cleanupInterval: 0,
                });
                await until(async () =>
                  (await ask(standby, "SELECT * FROM sessions")).length === 0
                );
                await ask(standby, "SELECT pg_wal_replay_pause()");
                await store.commit("token", bytes("data"), soon());
                assert.equal(text((await store.find("token"))?.data), "data");
                proxy.pointAt(standby);
                proxy.cut();
                // The application's own connection may stay: it is asked again after a second.
                await setTimeout(1100);
                const finding = store.find("token");
                await setTimeout(500);
                proxy.pointAt(primary);
                assert.equal(text((await finding)?.data), "data");
                await store.commit("other", bytes("data"), soon());
                await sequelize.close();
              }, [`pool_mode = ${mode}`, ...LEAVES_STANDBYS]);
            })),
      ),
  });
}
