// Makes a server fail during a storm of calls: a short one in the tests, a long one in the drills.

import { setTimeout } from "node:timers/promises";
import { SequelizeStore, type SequelizeStoreOptions } from "../../mod.ts";
import type { Engine } from "./engines.ts";
import { ask, type Server, withConnection } from "./servers.ts";
import { settle, storm } from "./storm.ts";
import { type Counts, Tally } from "./tally.ts";
import { DRIVER } from "../support/databases.ts";

const CALLERS = 50;

/** The options of such a storm. */
export interface UnderStormOptions extends SequelizeStoreOptions {
  /** After how many milliseconds a call is aborted; by default never. */
  readonly patience?: number;
}

/** Runs a function during a storm, and asserts that nothing is lost or wrong afterwards. */
export async function underStorm(
  engine: Engine,
  meanwhile: (server: Server, tally: Tally, store: SequelizeStore) => Promise<void>,
  { patience, ...options }: UnderStormOptions = {},
): Promise<Counts> {
  let counts: Counts | undefined;
  await withConnection(engine, async (server, sequelize) => {
    const cleanup = { cleanupInterval: { milliseconds: 50 }, onError: () => {} };
    await using store = await SequelizeStore.open(sequelize, { ...DRIVER, ...cleanup, ...options });
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

/** Kills the server and starts it again. */
export async function killAndStart(server: Server): Promise<void> {
  await server.kill();
  await setTimeout(50);
  await server.start();
  await setTimeout(500);
}

/** Ends the connections to the server's database one by one, except its own. */
export async function endConnections(engine: Engine, { url }: Server): Promise<number> {
  const isPostgres = engine.dialect === "postgres";
  const rows = await ask(
    url,
    isPostgres
      // Not new ones: until Sequelize has them, nothing listens for their errors.
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
