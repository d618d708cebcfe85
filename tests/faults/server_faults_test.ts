// The database server is killed, stopped and frozen, and its connections are ended, under a storm of calls.

import assert from "node:assert/strict";
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { SequelizeStore, type SequelizeStoreOptions } from "../../mod.ts";
import { bytes, soon, text } from "../databases.ts";
import {
  ask,
  type Engine,
  engines,
  type Server,
  testOnServers,
  withConnection,
} from "./servers.ts";
import { settle, storm } from "./storm.ts";
import { Tally } from "./tally.ts";

const CALLERS = 50;

/** Lets a storm go on while something happens to the server; nothing may be amiss afterwards. */
async function underStorm(
  engine: Engine,
  meanwhile: (server: Server, tally: Tally) => Promise<void>,
  options: SequelizeStoreOptions & { readonly patience?: number } = {},
): Promise<void> {
  await withConnection(engine, async (server, sequelize) => {
    const cleanup = { cleanupInterval: 50, onError: () => {} };
    await using store = await SequelizeStore.open(sequelize, { ...cleanup, ...options });
    const tally = new Tally();
    const controller = new AbortController();
    const { patience } = options;
    const calls = storm(store, tally, {
      callers: CALLERS,
      stop: controller.signal,
      ...(patience && { patience }),
    });
    await setTimeout(500);
    try {
      await meanwhile(server, tally);
    } finally {
      server.thaw();
      controller.abort();
    }
    await calls;
    const counts = await settle(store, tally);
    if (process.env.SHOW_COUNTS) console.error(engine.name, counts);
  });
}

testOnServers(
  engines,
  "killed and started twice, it loses no acknowledged write",
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

testOnServers(engines, "stopped and started, it serves the store again", async (engine) => {
  await underStorm(engine, async (server, tally) => {
    await server.stop();
    await setTimeout(100);
    await server.start();
    const { acknowledged } = tally.counts;
    await setTimeout(500);
    assert.ok(tally.counts.acknowledged > acknowledged, "nothing was acknowledged afterwards");
  });
});

/** Ends the connections of the test's database, but for the asking one, one by one. */
async function endConnections(engine: Engine, { url }: Server): Promise<number> {
  const isPostgres = engine.dialect === "postgres";
  const rows = await ask(
    url,
    isPostgres
      // Not those that are just being made: until Sequelize has them, nobody listens for their errors.
      ? `SELECT pid AS id FROM pg_stat_activity WHERE datname = 'test' AND pid <> pg_backend_pid()
         AND backend_start < now() - interval '100 ms'`
      : `SELECT id FROM information_schema.processlist WHERE db = 'test' AND id <> connection_id()`,
  ) as { id: number }[];
  for (const { id } of rows) {
    await ask(url, isPostgres ? `SELECT pg_terminate_backend(${id})` : `KILL ${id}`).catch(
      () => {},
    );
    await setTimeout(20);
  }
  return rows.length;
}

testOnServers(engines, "its connections ended one by one, nothing is lost", async (engine) => {
  await underStorm(engine, async (server, tally) => {
    let ended = 0;
    for (let round = 0; round < 5; round++) {
      ended += await endConnections(engine, server);
      await setTimeout(150);
    }
    assert.ok(ended > 0 && tally.counts.failed > 0);
  });
});

testOnServers(engines, "frozen, it holds up no call longer than its signal", async (engine) => {
  await underStorm(engine, async (server, tally) => {
    server.freeze();
    await setTimeout(300);
    const before = tally.counts;
    await setTimeout(1000);
    const meanwhile = tally.counts;
    // Each caller waits 100 ms, and then 10 more: nine times a second.
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

testOnServers(engines, "frozen, it fills the queue and no more", async (engine) => {
  await withConnection(engine, async (server, sequelize) => {
    const options = { cleanupInterval: 0, queueLimit: 100 };
    await using store = await SequelizeStore.open(sequelize, options);
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
    // Of finds and of commits those that were sent, and those that the queue had room for; a server
    // takes a moment to freeze.
    const answered = outcomes.filter((outcome) => outcome === "answered").length;
    assert.ok(answered <= 4 * (1 + 100), `${answered} were answered`);
    assert.equal(text((await store.find("token"))?.data), "new");
  });
});
