// Measures the requests per second of a page with a counter in the session. It compares Deno.serve,
// SessionManager and SequelizeStore with Express, express-session and connect-session-sequelize, each on
// PostgreSQL and in memory: the difference is the store's share. There are 100 connections, each with its
// own session.
//
//   deno task bench:http [--database DATABASE] [--node PATH] [--json FILE]
//
// DATABASE is a URL, or postgres, which stands for TEST_POSTGRES_URL.

import { spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import autocannon from "autocannon";
import { Sequelize } from "sequelize";
import { median } from "../measure.ts";
import { readDatabase, readOrExit } from "../options.ts";
import { type App, signUp, startApp } from "./app.ts";

const { values: flags } = readOrExit(() =>
  parseArgs({
    options: {
      database: { type: "string", default: "postgres" },
      node: { type: "string", default: "node" },
      rounds: { type: "string", default: "5" },
      seconds: { type: "string", default: "4" },
      json: { type: "string" },
    },
  })
);

const CONNECTIONS = 100;

/** The figures of one page in one round. */
interface Sample {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly cpuMicroseconds: number;
}

/** The part of autocannon's client of one connection that is used here. */
interface Client {
  setHeaders(headers: Record<string, string>): void;
}

async function load(app: App, path: string, cookies: readonly string[]): Promise<Sample> {
  let next = 0;
  const cpu = await app.cpuMicroseconds();
  const result = await autocannon({
    url: app.url + path,
    connections: CONNECTIONS,
    duration: Number(flags.seconds),
    setupClient: (client: Client) => client.setHeaders({ cookie: cookies[next++]! }),
  });
  if (result.non2xx + result.errors + result.timeouts > 0) {
    throw new Error("Cannot measure the page: a request has failed");
  }
  return {
    perSecond: result.requests.total / result.duration,
    p50: result.latency.p50,
    p99: result.latency.p99,
    cpuMicroseconds: (await app.cpuMicroseconds() - cpu) / result.requests.total,
  };
}

/** Puts load on the pages in turns. The first round is a warm-up. */
async function compare(apps: readonly App[], path: string): Promise<Sample[]> {
  const samples: Sample[][] = apps.map(() => []);
  const cookies = await Promise.all(apps.map((app) => signUp(app, CONNECTIONS)));
  for (let round = 0; round <= Number(flags.rounds); round++) {
    for (const [i, app] of apps.entries()) {
      const sample = await load(app, path, cookies[i]!);
      console.error(`${path} ${app.name}: ${sample.perSecond.toFixed(0)}/s`);
      if (round > 0) samples[i]!.push(sample);
    }
  }
  return samples.map((all) => ({
    perSecond: median(all.map(({ perSecond }) => perSecond)),
    p50: median(all.map(({ p50 }) => p50)),
    p99: median(all.map(({ p99 }) => p99)),
    cpuMicroseconds: median(all.map(({ cpuMicroseconds }) => cpuMicroseconds)),
  }));
}

const { node } = flags;
const database = readOrExit(() => readDatabase(flags.database, ["postgres"]));
const nodeVersion = spawnSync(node, ["--version"], { encoding: "utf8" }).stdout.trim();
const onDeno = `Deno ${Deno.version.deno}, SessionManager`;
const onNode = `Node ${nodeVersion}, Express`;
const apps = [
  await startApp(`${onDeno}, SequelizeStore`, { store: "ours", database }),
  await startApp(`${onNode}, ExpressStore, SequelizeStore`, { node, store: "ours", database }),
  await startApp(`${onNode}, connect-session-sequelize`, { node, store: "peer", database }),
  await startApp(`${onDeno}, memory`, { store: "memory", database }),
  await startApp(`${onNode}, memory`, { node, store: "memory", database }),
];
const results = [];
for (const path of ["/count", "/show"]) {
  const samples = await compare(apps, path);
  for (const [i, sample] of samples.entries()) {
    const inMemory = samples[apps[i]!.name.startsWith("Deno") ? 3 : 4]!;
    results.push({
      path,
      app: apps[i]!.name,
      ...sample,
      ratio: samples[0]!.perSecond / sample.perSecond,
      storeShareOfTime: 1 - sample.perSecond / inMemory.perSecond,
      storeShareOfCpu: 1 - inMemory.cpuMicroseconds / sample.cpuMicroseconds,
    });
  }
}
console.table(results);
if (flags.json) await writeFile(flags.json, JSON.stringify(results, undefined, 2) + "\n");
for (const app of apps) app.stop();
const sequelize = new Sequelize(database, { logging: false });
for (const table of ["bench_http", "bench_http_express", "bench_http_css"]) {
  await sequelize.getQueryInterface().dropTable(table);
}
await sequelize.close();
