// More than a hundred thousand cases of hostile input, and whether the duration of a lookup reveals a token
// or a row.

import { SequelizeStore } from "../mod.ts";
import { MemoryStore, SessionManager } from "../src/manager/mod.ts";
import { open } from "../tests/support/databases.ts";
import {
  fuzzCookies,
  fuzzEncryptedRows,
  fuzzExpress,
  fuzzRows,
  fuzzStore,
} from "../tests/faults/hostile_properties.ts";
import { ownPostgres } from "../tests/faults/engines.ts";
import { withServer } from "../tests/faults/servers.ts";
import { compareAlteredRows } from "./altered_rows.ts";
import { type Drill, percentile, type Row } from "./drill.ts";

const CASES = {
  store: 20_000,
  postgres: 10_000,
  cookies: 40_000,
  rows: 30_000,
  encrypted: 30_000,
  express: 30_000,
};
const LOOKUPS = 20_000;

async function onSqlite(test: (store: SequelizeStore) => Promise<void>): Promise<void> {
  const sequelize = open(":memory:");
  await test(await SequelizeStore.open(sequelize, { cleanupInterval: 0 }));
  await sequelize.close();
}

async function onPostgres(test: (store: SequelizeStore) => Promise<void>): Promise<void> {
  await withServer(ownPostgres, async ({ url }) => {
    const sequelize = open(url);
    try {
      await test(await SequelizeStore.open(sequelize, { cleanupInterval: 0 }));
    } finally {
      await sequelize.close();
    }
  });
}

/** Loads existing and missing sessions in turns, and compares the durations. */
async function compareTimes(store: SequelizeStore): Promise<Row> {
  const sessions = new SessionManager<{ user: string }>({ store });
  const tokens: string[] = [];
  for (let i = 0; i < 1000; i++) {
    const session = await sessions.load(undefined);
    session.put("user", `user${i}`);
    await sessions.commit(session);
    tokens.push(session.token!);
  }
  const times: { known: number[]; unknown: number[] } = { known: [], unknown: [] };
  for (let i = 0; i < LOOKUPS; i++) {
    const known = tokens[i % tokens.length]!;
    const kind = i % 2 === 0 ? "known" : "unknown";
    // Differs from a known token only in its last characters.
    const token = kind === "known" ? known : known.slice(0, 40) + "AAA";
    const start = performance.now();
    await sessions.load(token);
    times[kind].push((performance.now() - start) * 1000);
  }
  return {
    cases: `${LOOKUPS} lookups`,
    "p50 of known tokens, µs": percentile(times.known, 50).toFixed(0),
    "p50 of unknown tokens, µs": percentile(times.unknown, 50).toFixed(0),
  };
}

export const hostileDrill: Drill = {
  name: "hostile",
  about: "hostile tokens, data, cookies and rows, and the durations of lookups",
  ignored: ownPostgres.ignored,
  run: async () => {
    const rows: Row[] = [];
    const count = (input: string, cases: number): unknown => rows.push({ input, cases, broken: 0 });
    await onSqlite((store) => fuzzStore(store, CASES.store));
    count("tokens and data, SQLite", CASES.store);
    await onPostgres((store) => fuzzStore(store, CASES.postgres));
    count("tokens and data, PostgreSQL", CASES.postgres);
    await fuzzCookies(new MemoryStore(), CASES.cookies);
    count("cookies", CASES.cookies);
    await fuzzRows(new MemoryStore(), CASES.rows);
    count("rows", CASES.rows);
    await fuzzEncryptedRows(new MemoryStore(), CASES.encrypted);
    count("rows under encryption", CASES.encrypted);
    await fuzzExpress(new MemoryStore(), CASES.express);
    count("rows behind express-session", CASES.express);
    await onPostgres(async (store) => {
      rows.push({ input: "an almost correct token", ...await compareTimes(store) });
    });
    rows.push(...await compareAlteredRows());
    return rows;
  },
};
