// A database server is killed, stopped or frozen, or its connections are ended, during a storm of calls.

import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { SequelizeStore } from "../../mod.ts";
import { bytes, DRIVER, soon, text } from "../support/databases.ts";
import { engines } from "./engines.ts";
import { until } from "./process.ts";
import { testOnServers, withConnection } from "./servers.ts";
import { endConnections, underStorm } from "./under_storm.ts";

/** How many callers the storm has. */
const CALLERS = 50;

testOnServers(
  engines,
  "after it was killed and started twice, no acknowledged write is lost",
  async (engine) => {
    await underStorm(engine, async (server, tally) => {
      for (let round = 0; round < 2; round++) {
        await server.kill();
        const { failed } = tally.counts;
        await setTimeout(50);
        assert.ok(tally.counts.failed > failed, "no error while there was no server");
        await server.start();
        await setTimeout(500);
      }
    });
  },
);

testOnServers(engines, "stopped and started, it works again", async (engine) => {
  await underStorm(engine, async (server, tally) => {
    await server.stop();
    await setTimeout(100);
    await server.start();
    const { acknowledged } = tally.counts;
    await setTimeout(500);
    assert.ok(tally.counts.acknowledged > acknowledged, "nothing was acknowledged afterwards");
  });
});

testOnServers(engines, "connections that end one by one lose nothing", async (engine) => {
  await underStorm(engine, async (server, tally) => {
    let ended = 0;
    for (let round = 0; round < 5; round++) {
      ended += await endConnections(engine, server);
      await setTimeout(150);
    }
    assert.ok(ended > 0 && tally.counts.failed > 0);
  });
});

testOnServers(engines, "while it is frozen, no call outlasts its signal", async (engine) => {
  await underStorm(engine, async (server, tally) => {
    server.freeze();
    await setTimeout(300);
    const before = tally.counts;
    await setTimeout(1000);
    const meanwhile = tally.counts;
    // Each caller waits 100 ms and then 10 ms more: nine calls a second.
    assert.ok(
      meanwhile.failed - before.failed > CALLERS * 5,
      `${meanwhile.failed - before.failed}`,
    );
    assert.equal(meanwhile.acknowledged, before.acknowledged);
    server.thaw();
    await setTimeout(500);
    assert.ok(tally.counts.acknowledged > meanwhile.acknowledged);
  }, { patience: 100 });
});

testOnServers(engines, "while it is frozen, the queue stays bounded", async (engine) => {
  await withConnection(engine, async (server, sequelize) => {
    const options = { cleanupInterval: 0, queueLimit: 100 };
    await using store = await SequelizeStore.open(sequelize, { ...DRIVER, ...options });
    await store.commit("token", bytes("old"), soon());
    server.freeze();
    const calls: Promise<string>[] = [];
    const add = (call: Promise<unknown>): void => {
      calls.push(call.then(() => "answered", ({ name }: Error) => name));
    };
    for (let i = 0; i < 1000; i++) {
      add(store.find("token"));
      add(store.commit("token", bytes("new"), soon()));
      if (i % 100 === 0) await setTimeout();
    }
    server.thaw();
    const outcomes = await Promise.all(calls);
    assert.deepEqual(new Set(outcomes), new Set(["answered", "QueueFullError"]));
    // Of the finds and of the commits, those that were sent and those in the queue; and some more, because a
    // server takes a moment to freeze.
    const answered = outcomes.filter((outcome) => outcome === "answered").length;
    assert.ok(answered <= 4 * (1 + 100), `${answered} were answered`);
    assert.equal(text((await store.find("token"))?.data), "new");
  });
});

/** The drivers' timeouts for a server that does not respond. */
const TIMEOUTS = {
  postgres: { query_timeout: 300, connectionTimeoutMillis: 300 },
  mariadb: { socketTimeout: 300 },
};

testOnServers(
  engines,
  "while it is frozen, no call outlasts the driver's timeout",
  async (engine) => {
    const dialectOptions = TIMEOUTS[engine.dialect];
    await withConnection(engine, async (server, sequelize) => {
      await using store = await SequelizeStore.open(sequelize, { ...DRIVER, cleanupInterval: 0 });
      await store.commit("token", bytes("old"), soon());
      server.freeze();
      const signal = AbortSignal.timeout(10_000);
      const calls = [
        store.find("token", { signal }),
        store.commit("other", bytes("new"), soon(), { signal }),
        store.touch("token", soon(), { signal }),
        store.deleteExpired({ limit: 1000, signal }),
      ];
      await Promise.all(calls.map((call) => assert.rejects(call, { name: /^Sequelize/ })));
      server.thaw();
      // One call fails for each connection that the driver has given up.
      await until(async () => text((await store.find("token"))?.data) === "old");
      await until(() => store.commit("later", bytes("new"), soon()).then(() => true));
    }, { dialectOptions });
  },
);
