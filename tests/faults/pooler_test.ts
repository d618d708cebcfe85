// PostgreSQL behind a pgbouncer in transaction mode, which mixes up the names of prepared statements.

import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { SequelizeStore } from "../../mod.ts";
import { DRIVER, open } from "../support/databases.ts";
import { ownPostgres } from "./engines.ts";
import { withoutPooler, withPooler } from "./pooler.ts";
import { withServer } from "./servers.ts";
import { settle, storm } from "./storm.ts";
import { Tally } from "./tally.ts";

const ignored = ownPostgres.ignored ?? withoutPooler;

Deno.test({
  name: `two applications behind a pooler meet no error${ignored ? ` (ignored: ${ignored})` : ""}`,
  ignore: ignored !== undefined,
  fn: () =>
    withServer(ownPostgres, (server) =>
      withPooler(server, async (url) => {
        const results = await Promise.all(["one", "another"].map(async (tableName) => {
          const sequelize = open(url);
          const options = { ...DRIVER, tableName, cleanupInterval: 0 };
          const store = await SequelizeStore.open(sequelize, options);
          const tally = new Tally();
          await storm(store, tally, { callers: 20, stop: AbortSignal.timeout(2000) });
          await setTimeout(100);
          const { acknowledged, failed, lost, revived, falselyMissing } = await settle(
            store,
            tally,
          );
          await sequelize.close();
          assert.ok(acknowledged > 0);
          return { failed, lost, revived, falselyMissing };
        }));
        const none = { failed: 0, lost: 0, revived: 0, falselyMissing: 0 };
        assert.deepEqual(results, [none, none]);
      })),
});
