// Measures the store on large tables: finds, a cleanup while callers are active, an iteration over all
// sessions, and opening. It runs on PostgreSQL and MariaDB, which can generate the rows in SQL.
//
//   deno task bench:scale [--database DATABASE]... [--rows 3000000] [--json FILE]
//
// DATABASE is a URL, or one of postgres and mariadb, which stand for TEST_POSTGRES_URL and TEST_MARIADB_URL.

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import process from "node:process";
import { parseArgs } from "node:util";
import { QueryTypes, Sequelize } from "sequelize";
import { SequelizeStore } from "../mod.ts";
import { POOL } from "./contender.ts";
import { compare, type Load, median, percentile } from "./measure.ts";
import { readDatabases, readOrExit } from "./options.ts";
import { serverName } from "./report.ts";

const { values: flags } = readOrExit(() =>
  parseArgs({
    options: {
      database: { type: "string", multiple: true },
      rows: { type: "string", default: "3000000" },
      few: { type: "string", default: "10000" },
      expired: { type: "string", default: "1000000" },
      only: { type: "string", default: "cleanup,walk,open,find" },
      json: { type: "string" },
    },
  })
);

const CALLERS = 50;
const REST_MS = 10_000;
const LIFETIME_MS = 24 * 3_600_000;
const MIB = 1024 * 1024;
const DATA = Buffer.alloc(300, "data ");

/** Computes the token of a row from its number, as the SQL below also does. */
function tokenOf(number: number): string {
  return createHash("md5").update(String(number)).digest("hex");
}

/** Opens a store on a table of `active` sessions, followed by `expired` ones. */
async function openTable(
  sequelize: Sequelize,
  tableName: string,
  { active, expired = 0 }: { active: number; expired?: number },
): Promise<SequelizeStore> {
  const store = await SequelizeStore.open(sequelize, { tableName, cleanupInterval: 0 });
  console.error(`Filling ${tableName} with ${active + expired} rows ...`);
  const isPostgres = sequelize.getDialect() === "postgres";
  const numbers = isPostgres
    ? `generate_series(1, ${active + expired}) AS n`
    : `(SELECT seq AS n FROM seq_1_to_${active + expired}) AS numbers`;
  const data = isPostgres ? "decode(:data, 'hex')" : "unhex(:data)";
  const expiry = isPostgres ? "CAST(:expiry AS timestamptz)" : "CAST(:expiry AS DATETIME(3))";
  const past = expiry.replace(":expiry", ":past");
  const replacements = {
    data: DATA.toString("hex"),
    expiry: new Date(Date.now() + LIFETIME_MS),
    past: new Date(Date.now() - LIFETIME_MS),
  };
  await store.model.destroy({ truncate: true });
  await sequelize.query(
    `INSERT INTO ${tableName} (token, data, expiry)
     SELECT md5(n), ${data}, CASE WHEN n <= ${active} THEN ${expiry} ELSE ${past} END
     FROM ${numbers} ORDER BY 1`.replace("md5(n)", isPostgres ? "md5(n::text)" : "md5(n)"),
    { replacements },
  );
  const analyze = isPostgres ? `VACUUM ANALYZE ${tableName}` : `ANALYZE TABLE ${tableName}`;
  await sequelize.query(analyze, { type: QueryTypes.SELECT });
  return store;
}

function anyToken(active: number): string {
  return tokenOf(1 + Math.floor(Math.random() * active));
}

/** Measures how many times longer a find takes among many rows than among few. */
async function compareFinds(
  few: SequelizeStore,
  many: SequelizeStore,
): Promise<Record<string, number>> {
  const entries = [few, many].map((store, i) => {
    const active = Number(i === 0 ? flags.few : flags.rows);
    return { call: async () => await store.find(anyToken(active)) !== undefined };
  });
  const costs: Record<string, number> = {};
  for (const callers of [1, 10, 100]) {
    const load: Load = { callers, milliseconds: 1000, rounds: 7, maxCalls: Infinity };
    const [short, long] = await compare(entries, load);
    const ratios = short!.map(({ perSecond }, i) => perSecond / long![i]!.perSecond);
    costs[`findCostRatioAt${callers}Callers`] = median(ratios);
  }
  return costs;
}

/** Starts callers that find and commit until they are stopped, and records how long each call takes. */
function startCallers(store: SequelizeStore, active: number): {
  latencies: number[];
  stop: () => Promise<unknown>;
} {
  const latencies: number[] = [];
  let isStopped = false;
  const expiry = new Date(Date.now() + LIFETIME_MS);
  const all = Promise.all(Array.from({ length: CALLERS }, async () => {
    for (let isFind = true; !isStopped; isFind = !isFind) {
      const start = performance.now();
      if (isFind) await store.find(anyToken(active));
      else await store.commit(anyToken(active), DATA, expiry);
      latencies.push(performance.now() - start);
    }
  }));
  return {
    latencies,
    stop: () => {
      isStopped = true;
      return all;
    },
  };
}

/** Runs a cleanup while callers are active, and compares their latencies before and during it. */
async function cleanUp(store: SequelizeStore, active: number): Promise<Record<string, number>> {
  const { latencies, stop } = startCallers(store, active);
  await new Promise((resolve) => setTimeout(resolve, REST_MS / 2));
  latencies.length = 0;
  await new Promise((resolve) => setTimeout(resolve, REST_MS));
  const atRest = latencies.splice(0);
  const start = performance.now();
  const deleted = await store.deleteExpired();
  const seconds = (performance.now() - start) / 1000;
  const during = latencies.splice(0);
  await stop();
  const [p50, p99] = [0.5, 0.99].map((share) =>
    percentile(during, share) / percentile(atRest, share)
  );
  return {
    cleanupRows: deleted,
    cleanupSeconds: seconds,
    callsPerSecondAtRest: atRest.length / REST_MS * 1000,
    callsPerSecondDuringCleanup: during.length / seconds,
    p50MillisecondsAtRest: percentile(atRest, 0.5),
    p99MillisecondsAtRest: percentile(atRest, 0.99),
    p50MillisecondsDuringCleanup: percentile(during, 0.5),
    p99MillisecondsDuringCleanup: percentile(during, 0.99),
    p50Ratio: p50!,
    p99Ratio: p99!,
  };
}

/** Iterates over all sessions, and measures the time and the peak memory. */
async function walk(store: SequelizeStore): Promise<Record<string, number>> {
  const start = performance.now();
  const before = process.memoryUsage.rss();
  let [sessions, peak] = [0, before];
  for await (const _ of store.entries()) {
    if (++sessions % 1000 === 0) peak = Math.max(peak, process.memoryUsage.rss());
  }
  return {
    entries: sessions,
    entriesSeconds: (performance.now() - start) / 1000,
    entriesPeakMebibytesAboveStart: (peak - before) / MIB,
  };
}

async function timeOpening(sequelize: Sequelize, tableName: string): Promise<number> {
  const start = performance.now();
  await SequelizeStore.open(sequelize, { tableName, cleanupInterval: 0 });
  return performance.now() - start;
}

type AddResults = (results: Record<string, unknown>) => void;

function isWanted(part: string): boolean {
  return flags.only.split(",").includes(part);
}

async function benchDirtyTable(sequelize: Sequelize, add: AddResults): Promise<void> {
  const active = Number(flags.expired);
  const store = await openTable(sequelize, "bench_dirty", { active, expired: active });
  if (isWanted("cleanup")) add(await cleanUp(store, active));
  if (isWanted("walk")) add(await walk(store));
  await store.model.drop();
}

async function benchLargeTable(sequelize: Sequelize, add: AddResults): Promise<void> {
  const few = await openTable(sequelize, "bench_few", { active: Number(flags.few) });
  const many = await openTable(sequelize, "bench_many", { active: Number(flags.rows) });
  if (isWanted("open")) add({ openMilliseconds: await timeOpening(sequelize, "bench_many") });
  if (isWanted("find")) add(await compareFinds(few, many));
  for (const { model } of [few, many]) await model.drop();
}

async function bench(url: string): Promise<Record<string, unknown>> {
  const sequelize = new Sequelize(url, { logging: false, pool: { max: POOL } });
  const database = await serverName(sequelize);
  console.error(`\n# ${database}`);
  const results: Record<string, unknown> = { database, rows: Number(flags.rows) };
  const add = (more: Record<string, unknown>): void => {
    Object.assign(results, more);
    console.log(more);
  };
  if (isWanted("cleanup") || isWanted("walk")) await benchDirtyTable(sequelize, add);
  if (isWanted("open") || isWanted("find")) await benchLargeTable(sequelize, add);
  await sequelize.close();
  return results;
}

const urls = readOrExit(() => readDatabases(flags.database, ["postgres", "mariadb"]));
const all: Record<string, unknown>[] = [];
for (const url of urls) {
  all.push(await bench(url));
  if (flags.json) await writeFile(flags.json, JSON.stringify(all, undefined, 2) + "\n");
}
