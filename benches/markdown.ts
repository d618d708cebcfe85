// Prints reports of store_bench.ts as the tables of docs/benchmarks.md.
//
//   deno run -A benches/markdown.ts FILE.json...

import { readFile } from "node:fs/promises";
import process from "node:process";
import type { DatabaseReport, Report, Row } from "./report.ts";

/** Rounds to two or three digits: more would only be noise. */
function rounded(value: number): string {
  return Number(value.toPrecision(value < 10 ? 2 : 3)).toLocaleString("en").replaceAll(",", " ");
}

/** Makes a table with one line per verb and contender, and one column per number of callers. */
export function markdownTable({ rows }: DatabaseReport): string {
  const callers = [...new Set(rows.map(({ callers }) => callers))];
  const names = [...new Set(rows.map(({ verb, contender }) => `${verb} ${contender}`))];
  const lines = names.map((name) => {
    const cells = callers.map((callers) => {
      const row = rows.find((row) => {
        return `${row.verb} ${row.contender}` === name && row.callers === callers;
      });
      return row === undefined ? "" : cell(row);
    });
    const [verb, ...contender] = name.split(" ");
    return `| ${verb} | ${contender.join(" ")} | ${cells.join(" | ")} |`;
  });
  const head = `| verb | | ${callers.map((callers) => `${callers} at a time`).join(" | ")} |`;
  const rule = `| --- | --- | ${callers.map(() => "--:").join(" | ")} |`;
  return [head, rule, ...lines].join("\n");
}

function cell({ contender, perSecond, cpuMicroseconds, ratio }: Row): string {
  const figures = `${rounded(perSecond)}/s, ${rounded(cpuMicroseconds)} µs`;
  return contender === "SequelizeStore" ? figures : `${figures}: **${ratio.toFixed(1)}**`;
}

for (const file of import.meta.main ? process.argv.slice(2) : []) {
  const { databases }: Report = JSON.parse(await readFile(file, "utf8"));
  for (const report of databases) console.log(`${report.database}:\n\n${markdownTable(report)}\n`);
}
