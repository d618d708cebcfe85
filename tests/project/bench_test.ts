// How the benchmarks read their arguments and evaluate their measurements. No test asserts a time.

import assert from "node:assert/strict";
import { drawChart } from "../../benches/chart.ts";
import { markdownTable } from "../../benches/markdown.ts";
import { compare, median, percentile, type Sample } from "../../benches/measure.ts";
import { type Dialect, readDatabases } from "../../benches/options.ts";
import { summarize } from "../../benches/report.ts";
import { runScript } from "../support/run_script.ts";

const NAMES = ["SequelizeStore", "bare pg", "a <peer>"];
const SAMPLES = [[400, 90, 100], [100, 45, 50], [10, 10, 10]].map((figures) => {
  return figures.map((perSecond): Sample => ({
    perSecond,
    cpuMicroseconds: 5,
    loopMilliseconds: 0,
  }));
});
const ROWS = summarize(NAMES, SAMPLES, { verb: "find", callers: 10 });
const REPORT = { database: "PostgreSQL", addedLatencyMilliseconds: 0, rows: ROWS };

Deno.test("median() and percentile() ignore the order", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(percentile(Array.from({ length: 100 }, (_, i) => 99 - i), 0.99), 99);
});

Deno.test("compare() takes turns, discards the first round, and restores after each", async () => {
  const turns: string[] = [];
  const entries = ["a", "b"].map((name) => ({
    call: () => Promise.resolve(turns.push(name)),
    restore: () => Promise.resolve(void turns.push("restored")),
  }));
  const samples = await compare(entries, { callers: 1, milliseconds: 1e6, rounds: 1, maxCalls: 1 });
  assert.deepEqual(turns, ["a", "restored", "b", "restored", "a", "restored", "b", "restored"]);
  assert.deepEqual(samples.map(({ length }) => length), [1, 1]);
});

Deno.test("compare() fails if a call finds no row", async () => {
  const entry = { call: () => Promise.resolve(false) };
  const load = { callers: 1, milliseconds: 1e6, rounds: 1, maxCalls: 1 };
  await assert.rejects(compare([entry], load), /has not found an existing row/);
});

Deno.test("summarize() returns the median of the rounds' ratios", () => {
  assert.deepEqual(ROWS.map(({ ratio }) => ratio), [1, 2, 10]);
  assert.deepEqual(ROWS.map(({ perSecond }) => perSecond), [100, 50, 10]);
});

Deno.test("the chart has a bar for each contender, and escapes their names", () => {
  const svg = drawChart(REPORT, { verbs: ["find"], callers: [10] });
  assert.equal(svg.match(/<rect x=/g)?.length, NAMES.length);
  assert.match(svg, /a &lt;peer>/);
  assert.match(svg, />2\.0</);
});

Deno.test("the table has a line for each contender, with the store's speed-up", () => {
  const lines = markdownTable(REPORT).split("\n");
  assert.equal(lines.length, 2 + NAMES.length);
  assert.match(lines[3]!, /^\| find \| bare pg \| 50\/s, 5 µs: \*\*2\.0\*\* \|$/);
});

const DIALECTS: readonly Dialect[] = ["postgres", "mariadb", "mysql", "sqlite"];
const ENVIRONMENT = { TEST_POSTGRES_URL: "postgres://a/b", TEST_MYSQL_URL: "mysql://c/d" };

Deno.test("readDatabases() accepts URLs, and names of dialects for the URLs in their variables", () => {
  const names = ["mariadb://user:password@host/name", "postgresql://host/name", ...DIALECTS];
  const environment = { ...ENVIRONMENT, TEST_MARIADB_URL: "mariadb://e/f" };
  assert.deepEqual(readDatabases(names, DIALECTS, environment), [
    "mariadb://user:password@host/name",
    "postgresql://host/name",
    "postgres://a/b",
    "mariadb://e/f",
    "mysql://c/d",
    "sqlite",
  ]);
});

Deno.test("readDatabases() finds SQLite and every database that a variable names", () => {
  const found = ["postgres://a/b", "mysql://c/d", "sqlite"];
  assert.deepEqual(readDatabases(undefined, DIALECTS, ENVIRONMENT), found);
  assert.deepEqual(readDatabases(undefined, ["postgres"], ENVIRONMENT), ["postgres://a/b"]);
});

Deno.test("readDatabases() refuses unknown arguments without repeating a URL's password", () => {
  const refused = {
    nonsense: "must be one of postgres, sqlite, or the URL of a server, .*: received 'nonsense'",
    "": "must be one of .*: received ''",
    "sqlite://file": "must be one of .*: received 'sqlite://file'",
    "postgres://": "must be one of .*: received 'postgres://'",
    "mysql://user:secret@host/name": "must be one of .*: received 'mysql://host/name'",
    postgres: "--database postgres needs TEST_POSTGRES_URL, which is not set",
  };
  for (const [name, message] of Object.entries(refused)) {
    const read = (): unknown => readDatabases([name], ["postgres", "sqlite"], {});
    assert.throws(read, { name: "RangeError", message: new RegExp(message) });
  }
  assert.throws(
    () => readDatabases(undefined, ["postgres", "mariadb"], {}),
    /--database must be given if none of TEST_POSTGRES_URL, TEST_MARIADB_URL is set/,
  );
});

Deno.test("a benchmark reports a wrong argument in one line", async () => {
  const wrong = {
    "--database=postgres":
      /^Cannot run the benchmark: --database postgres needs TEST_POSTGRES_URL, .*\n$/,
    "--database=nonsense": /^Cannot run the benchmark: --database must be one of .*\n$/,
    "--nonsense": /^Cannot run the benchmark: Unknown option '--nonsense'.*\n$/,
  };
  for (const [argument, line] of Object.entries(wrong)) {
    const env = { TEST_POSTGRES_URL: "" };
    const { code, output } = await runScript("benches/store_bench.ts", [argument], { env }).ended;
    assert.match(output, line);
    assert.equal(code, 2);
  }
});
