// Lets something happen to a server under a storm of calls, for the tests a short one, for the drills a long.

import { setTimeout } from "node:timers/promises";
import { SequelizeStore, type SequelizeStoreOptions } from "../../mod.ts";
import type { Engine } from "./engines.ts";
import { ask, type Server, withConnection } from "./servers.ts";
import { settle, storm } from "./storm.ts";
import { type Counts, Tally } from "./tally.ts";

const CALLERS = 50;

/** How a storm goes on while something happens. */
export interface UnderStormOptions extends SequelizeStoreOptions {
  /** After how many milliseconds a call is given up; by default never. */
  readonly patience?: number;
}

/** Lets a storm go on while something happens to the server; nothing may be amiss afterwards. */
export async function underStorm(
  engine: Engine,
  meanwhile: (server: Server, tally: Tally, store: SequelizeStore) => Promise<void>,
  { patience, ...options }: UnderStormOptions = {},
): Promise<Counts> {
  let counts: Counts | undefined;
  await withConnection(engine, async (server, sequelize) => {
    const cleanup = { cleanupInterval: { milliseconds: 50 }, onError: () => {} };
    await using store = await SequelizeStore.open(sequelize, { ...cleanup, ...options });
    const tally = new Tally();
    const controller = new AbortController();
    const stop = controller.signal;
    const calls = storm(store, tally, { callers: CALLERS, stop, ...(patience && { patience }) });
    await setTimeout(500);
    try {
      await meanwhile(server, tally, store);
    } finally {
      server.thaw();
      controller.abort();
    }
    await calls;
    counts = await settle(store, tally);
  });
  return counts!;
}

/** Kills the server, and starts it again. */
export async function killAndStart(server: Server): Promise<void> {
  await server.kill();
  await setTimeout(50);
  await server.start();
  await setTimeout(500);
}

/** Ends the connections of the server's database, but for the asking one, one by one. */
export async function endConnections(engine: Engine, { url }: Server): Promise<number> {
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
