// Draws a report of store_bench.ts as an SVG. It shows each contender's calls per second as a multiple of the
// bare driver's, because the absolute figures depend on the machine.
//
//   deno task bench:chart, or deno run -A benches/chart.ts FILE.json FILE.svg

import { readFile, writeFile } from "node:fs/promises";
import process from "node:process";
import type { Verb } from "./contender.ts";
import type { DatabaseReport, Report, Row } from "./report.ts";

const WIDTH = 760;
const LABEL_WIDTH = 190;
const BAR_WIDTH = WIDTH - LABEL_WIDTH - 70;
const BAR_HEIGHT = 14;
const ROW_HEIGHT = 18;
const OURS = "SequelizeStore";

/** Colors by name: this package's stores stand out, and so does the bare driver, the baseline. */
const FILLS: [RegExp, string][] = [
  [/^SequelizeStore$/, "#1a7f5a"],
  [/^ExpressStore$/, "#7cc4a8"],
  [/^bare /, "#6b7280"],
  [/./, "#b6bcc6"],
];

/** Makes a text element, and escapes its content. */
function text(x: number, y: number, content: string, attributes = ""): string {
  const escaped = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text x="${x}" y="${y}" ${attributes}>${escaped}</text>`;
}

/** Selects the rows of one verb and number of callers, the fastest contender first. */
function groupRows({ rows }: DatabaseReport, verb: Verb, callers: number): Row[] {
  const group = rows.filter((row) => row.verb === verb && row.callers === callers);
  return group.toSorted((a, b) => a.ratio - b.ratio);
}

/** Calculates a row's calls per second as a multiple of the bare driver's. */
function timesBare(row: Row, group: readonly Row[]): number {
  return group.find(({ contender }) => contender.startsWith("bare"))!.ratio / row.ratio;
}

function drawBar(row: Row, value: number, { y, largest }: { y: number; largest: number }): string {
  const width = Math.max(1, Math.round(value / largest * BAR_WIDTH));
  const [, fill] = FILLS.find(([name]) => name.test(row.contender))!;
  const bold = row.contender === OURS ? 'font-weight="600"' : "";
  return [
    text(LABEL_WIDTH - 8, y + 11, row.contender, `text-anchor="end" ${bold}`),
    `<rect x="${LABEL_WIDTH}" y="${y}" width="${width}" height="${BAR_HEIGHT}" fill="${fill}"/>`,
    text(LABEL_WIDTH + width + 6, y + 11, value.toFixed(1), bold),
  ].join("\n");
}

/** Draws the chart of one database's report. */
export function drawChart(
  report: DatabaseReport,
  { verbs, callers }: { readonly verbs: readonly Verb[]; readonly callers: readonly number[] },
): string {
  const groups = verbs.flatMap((verb) => {
    return callers.map((callers) => ({ verb, callers, rows: groupRows(report, verb, callers) }));
  });
  const all = groups.flatMap(({ rows }) => rows.map((row) => timesBare(row, rows)));
  const largest = Math.max(...all);
  const parts = [
    text(16, 26, `Calls per second, as a multiple of the bare driver's`, 'font-weight="600"'),
    text(
      16,
      44,
      `${report.database}, at most 5 connections, 300 bytes a session`,
      'fill="#57606a"',
    ),
  ];
  let y = 62;
  for (const { verb, callers, rows } of groups) {
    y += 12;
    parts.push(text(16, y + 2, `${verb}, ${callers} at a time`, 'font-weight="600"'));
    y += 10;
    for (const row of rows) {
      parts.push(drawBar(row, timesBare(row, rows), { y, largest }));
      y += ROW_HEIGHT;
    }
    y += 6;
  }
  const style = 'font-family="system-ui, sans-serif" font-size="12" fill="#1f2328"';
  const background = `<rect width="${WIDTH}" height="${y + 8}" rx="6" fill="#ffffff"/>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y + 8}" ${style}>\n` +
    [background, ...parts].join("\n") + "\n</svg>\n";
}

if (import.meta.main) {
  const [source = "benches/results/postgres.json", target = "docs/benchmarks.svg"] = process.argv
    .slice(2);
  const { databases }: Report = JSON.parse(await readFile(source, "utf8"));
  const selection = { verbs: ["find", "commit", "replace"], callers: [10, 100] } as const;
  await writeFile(target, drawChart(databases[0]!, selection));
}
