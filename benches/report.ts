// Prints tables while a benchmark runs, and writes the JSON that the docs and the chart are made from.

import { readFile, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import process from "node:process";
import { QueryTypes, Sequelize } from "sequelize";
import type { Verb } from "./contender.ts";
import { median, type Sample } from "./measure.ts";

/** One contender's figures for one verb and number of callers: the medians of all rounds. */
export interface Row extends Sample {
  readonly verb: Verb;
  readonly callers: number;
  readonly contender: string;
  /** The first contender's calls per second, divided by this contender's; the median of all rounds. */
  readonly ratio: number;
}

/** The results on one database. */
export interface DatabaseReport {
  readonly database: string;
  readonly addedLatencyMilliseconds: number;
  readonly rows: Row[];
}

/** The JSON file that a run writes. */
export interface Report {
  readonly date: string;
  readonly versions: Record<string, string>;
  readonly processors: string;
  readonly databases: DatabaseReport[];
}

/** Summarizes the samples of all contenders. Each is compared with the first. */
export function summarize(
  names: readonly string[],
  samples: readonly (readonly Sample[])[],
  { verb, callers }: { readonly verb: Verb; readonly callers: number },
): Row[] {
  return names.map((contender, i) => {
    const ratios = samples[i]!.map(({ perSecond }, n) => samples[0]![n]!.perSecond / perSecond);
    return {
      verb,
      callers,
      contender,
      perSecond: median(samples[i]!.map(({ perSecond }) => perSecond)),
      cpuMicroseconds: median(samples[i]!.map(({ cpuMicroseconds }) => cpuMicroseconds)),
      loopMilliseconds: median(samples[i]!.map(({ loopMilliseconds }) => loopMilliseconds)),
      ratio: median(ratios),
    };
  });
}

/** Prints the rows of one verb and number of callers. */
export function printRows(rows: readonly Row[]): void {
  const { verb, callers } = rows[0]!;
  const title = `${verb}, ${callers} ${callers === 1 ? "caller" : "callers"}`;
  console.log(
    `\n${title.padEnd(28)}         calls/s   CPU µs/call   loop p99 ms   SequelizeStore makes`,
  );
  for (const { contender, perSecond, cpuMicroseconds, loopMilliseconds, ratio } of rows) {
    const figures = [perSecond.toFixed(0), cpuMicroseconds.toFixed(1), loopMilliseconds.toFixed(1)]
      .map((figure) => figure.padStart(14)).join("");
    console.log(`  ${contender.padEnd(28)}${figures}${ratio.toFixed(2).padStart(16)} x`);
  }
}

const PACKAGES = [
  "pg",
  "mariadb",
  "mysql2",
  "sqlite3",
  "connect-session-sequelize",
  "connect-pg-simple",
];

/** Returns the versions of the runtime and of all packages that take part. */
export async function versions(): Promise<Record<string, string>> {
  const found: Record<string, string> = {
    deno: process.versions.deno ?? "",
    sequelize: (Sequelize as unknown as { version: string }).version,
  };
  for (const name of PACKAGES) {
    const path = new URL(`../node_modules/${name}/package.json`, import.meta.url);
    found[name] = JSON.parse(await readFile(path, "utf8")).version;
  }
  return found;
}

/** Returns the name and version of a server, and the driver if there are two for it. */
export async function serverName(sequelize: Sequelize): Promise<string> {
  const dialect = sequelize.getDialect();
  const call = dialect === "sqlite" ? "sqlite_version()" : "version()";
  const type = QueryTypes.SELECT;
  const [row] = await sequelize.query<{ version: string }>(`SELECT ${call} AS version`, { type });
  const number = /[\d.]+/.exec(row!.version)![0];
  if (dialect === "postgres") return `PostgreSQL ${number}`;
  if (dialect === "sqlite") return `SQLite ${number}`;
  const product = row!.version.includes("MariaDB") ? "MariaDB" : "MySQL";
  return `${product} ${number} through ${dialect === "mysql" ? "mysql2" : "mariadb"}`;
}

/** Writes all results so far, so that they are not lost if the run is stopped. */
export async function writeReport(file: string, databases: DatabaseReport[]): Promise<void> {
  const report: Report = {
    date: new Date().toISOString().slice(0, 10),
    versions: await versions(),
    processors: `${cpus().length} processors`,
    databases,
  };
  await writeFile(file, JSON.stringify(report, undefined, 2) + "\n");
}
