// Runs the demo under 200 connections for ten minutes, with a cleanup every second, to find leaks.

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { Agent, request } from "node:http";
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { ownPostgres } from "../tests/faults/engines.ts";
import { ask, withServer } from "../tests/faults/servers.ts";
import { runScript } from "../tests/support/run_script.ts";
import { type Drill, megabytes, milliseconds, percentile, type Row } from "./drill.ts";

const CONNECTIONS = 200;
const SAMPLE_MS = 3000;

/** Sends a request over a persistent connection. Resolves with the session cookie if the response sets one. */
function send(
  agent: Agent,
  url: string,
  { cookie, method = "GET" }: { readonly cookie?: string | undefined; readonly method?: string } =
    {},
): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const headers = cookie === undefined ? {} : { cookie };
    request(url, { agent, headers, method }, (response) => {
      response.resume().on("error", reject).on("end", () => {
        if (response.statusCode! >= 400) {
          return reject(new Error(`${response.statusCode} at ${url}`));
        }
        resolve(response.headers["set-cookie"]?.[0]?.split(";")[0]);
      });
    }).on("error", reject).end();
  });
}

/** Visits until `end`. Each visit makes a session, reads and changes it, and leaves or destroys it. */
async function keepVisiting(address: string, end: number, times: number[]): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const get = ["/put", "/get", "/get", "/count", "/get"];
  for (let visit = 0; Date.now() < end; visit++) {
    let cookie: string | undefined;
    for (const path of visit % 2 ? [...get, "/end"] : get) {
      const start = performance.now();
      const method = path === "/count" ? "POST" : "GET";
      cookie = await send(agent, address + path, { cookie, method }) ?? cookie;
      times.push(performance.now() - start);
    }
  }
  agent.destroy();
}

interface Sample {
  readonly heapUsed: number;
  readonly rss: number;
  readonly errors: number;
  readonly handles: number;
  readonly rows: number;
}

async function sample(address: string, pid: number, url: string): Promise<Sample> {
  const figures = await (await fetch(`${address}/figures`)).json();
  const [{ count }] = await ask(url, "SELECT count(*) FROM sessions") as [{ count: string }];
  const handles = readdirSync(`/proc/${pid}/fd`).length;
  return { ...figures, handles, rows: Number(count) };
}

/** Returns the minimum of a figure: what remains after garbage collection. */
function least(samples: readonly Sample[], key: keyof Sample): number {
  return Math.min(...samples.map((each) => each[key]));
}

function judge(samples: readonly Sample[], times: readonly number[]): readonly Row[] {
  const fifth = Math.floor(samples.length / 5);
  const parts = {
    "second fifth": samples.slice(fifth, 2 * fifth),
    "last fifth": samples.slice(-fifth),
  };
  const [early, late] = Object.values(parts);
  const growth = least(late!, "heapUsed") / least(early!, "heapUsed");
  if (process.env.SHOW_SAMPLES) console.log(samples);
  assert.ok(growth < 1.3, `the heap has grown by a factor of ${growth}`);
  assert.ok(
    least(late!, "handles") <= least(early!, "handles") + 10,
    "the number of open handles has grown",
  );
  assert.equal(samples.at(-1)!.errors, 0);
  return Object.entries(parts).map(([when, part]) => ({
    when,
    "heap, MB": megabytes(least(part, "heapUsed")),
    "resident, MB": megabytes(least(part, "rss")),
    handles: least(part, "handles"),
    rows: least(part, "rows"),
    requests: when === "last fifth" ? times.length : "",
    errors: part.at(-1)!.errors,
    "p99, ms": when === "last fifth" ? milliseconds(percentile(times, 99)) : "",
  }));
}

async function soak(url: string, minutes: number): Promise<readonly Row[]> {
  const script = runScript("drills/soak_server.ts", [url], {
    env: { DENO_V8_FLAGS: "--expose-gc" },
  });
  try {
    const address = await script.printed(/served on (\S+)/);
    const end = Date.now() + minutes * 60_000;
    const times: number[] = [];
    const samples: Sample[] = [];
    const visitors = Promise.all(
      Array.from({ length: CONNECTIONS }, () => keepVisiting(address, end, times)),
    );
    while (Date.now() < end) {
      await setTimeout(SAMPLE_MS);
      samples.push(await sample(address, script.process.pid!, url));
    }
    await visitors;
    const rows = judge(samples, times);
    // Two lifetimes later, the cleanup must have deleted every row.
    await setTimeout(10_000);
    assert.equal((await sample(address, script.process.pid!, url)).rows, 0);
    return [...rows, { when: "10 s after the last request", rows: 0 }];
  } finally {
    script.process.kill();
    await script.ended;
  }
}

export const soakDrill: Drill = {
  name: "soak",
  about: "the demo under 200 connections, sessions of 5 s, cleanup every second, PostgreSQL",
  ignored: ownPostgres.ignored,
  run: async (minutes = 10) => {
    let rows: readonly Row[] = [];
    await withServer(ownPostgres, async ({ url }) => {
      rows = await soak(url, minutes);
    });
    return rows;
  },
};
