// Draws docs/architecture.svg, from the imports of src/, and docs/request.svg:
//
//   deno task pictures

import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { readImports, roomOf } from "../tests/support/house.ts";

const ROOT = new URL("../", import.meta.url);

/** Readable on a light page and on a dark one. */
const STYLE = `<style>
text { font: 13px system-ui, sans-serif; fill: #1b1b1b; text-anchor: middle }
.name { font-weight: 600; font-size: 14px }
.door { fill: #2f6f4f; font-size: 12px }
.note { fill: #575757; font-size: 12px }
.left { text-anchor: start }
.box { fill: #f4f7f5; stroke: #767676 }
.open { fill: #e3f0e9; stroke: #2f6f4f }
.line { stroke: #767676; stroke-width: 1.25; fill: none; marker-end: url(#head) }
.lane { stroke: #bbb; stroke-dasharray: 4 4 }
#head path { fill: #767676 }
@media (prefers-color-scheme: dark) {
  text { fill: #ececec } .door { fill: #7fcaa3 } .note { fill: #a8a8a8 }
  .box { fill: #1c211e; stroke: #8c8c8c } .open { fill: #1d2b24; stroke: #7fcaa3 }
  .line { stroke: #a0a0a0 } .lane { stroke: #555 } #head path { fill: #a0a0a0 }
}
</style>
<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8"
orient="auto-start-reverse"><path d="M0 0L8 4L0 8z"/></marker></defs>`;

function svg(width: number, height: number, title: string, parts: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img">
<title>${title}</title>${STYLE}${parts.join("\n")}</svg>
`;
}

function text(x: number, y: number, content: string, kind = ""): string {
  const escaped = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text x="${x}" y="${y}" class="${kind}">${escaped}</text>`;
}

/** What each room is, in a few words. */
const ABOUT: Readonly<Record<string, string>> = {
  util: "rules, retries, queues by key",
  batching: "one statement for many calls",
  store: "the contract, MemoryStore",
  sequelize: "SequelizeStore",
  manager: "SessionManager",
  express: "ExpressStore, KoaStore",
  encryption: "EncryptedStore",
  hono: "honoSessions",
  node: "nodeSessions",
  react_router: "createSessionStorage",
  node_sqlite: "nodeSqlite",
};

const BOX = { width: 190, height: 64, gap: 26, level: 130 };

/** The rooms that each room imports from. */
async function readArrows(): Promise<Map<string, Set<string>>> {
  const arrows = new Map<string, Set<string>>();
  for (const [file, imports] of await readImports()) {
    const room = roomOf(file);
    const others = arrows.get(room) ?? new Set();
    arrows.set(room, others);
    for (const path of imports) if (roomOf(path) !== room) others.add(roomOf(path));
  }
  return arrows;
}

/** The entry points of each room. */
async function readDoors(): Promise<Map<string, string[]>> {
  const { exports } = JSON.parse(await readFile(new URL("deno.json", ROOT), "utf8")) as {
    exports: Record<string, string>;
  };
  const doors = new Map<string, string[]>();
  for (const [door, path] of Object.entries(exports)) {
    const [, room = "sequelize"] = /^\.\/src\/(\w+)\//.exec(path) ?? [];
    doors.set(room, [...doors.get(room) ?? [], door]);
  }
  return doors;
}

/** Draws the rooms of src/, each above those that it imports from. */
export async function drawArchitecture(): Promise<string> {
  const [arrows, doors] = [await readArrows(), await readDoors()];
  const levelOf = (room: string): number =>
    Math.max(-1, ...[...arrows.get(room) ?? []].map(levelOf)) + 1;
  const levels: string[][] = [];
  for (const room of [...arrows.keys()].sort()) (levels[levelOf(room)] ??= []).push(room);
  const most = Math.max(...levels.map(({ length }) => length));
  const width = most * (BOX.width + BOX.gap) + BOX.gap;
  const height = (levels.length - 1) * BOX.level + BOX.height + 2 * BOX.gap;

  const places = new Map<string, { readonly x: number; readonly y: number }>();
  for (const [level, rooms] of levels.entries()) {
    const start = (width - rooms.length * (BOX.width + BOX.gap) + BOX.gap) / 2;
    for (const [i, room] of rooms.entries()) {
      const x = start + i * (BOX.width + BOX.gap) + BOX.width / 2;
      places.set(room, { x, y: BOX.gap + (levels.length - 1 - level) * BOX.level });
    }
  }

  const reaches = (from: string, to: string): boolean =>
    [...arrows.get(from) ?? []].some((next) => next === to || reaches(next, to));
  const lines: string[] = [];
  const boxes: string[] = [];
  for (const [room, { x, y }] of places) {
    const targets = [...arrows.get(room)!].sort();
    for (const target of targets) {
      // An arrow that others make already would only be in the way.
      if (targets.some((other) => other !== target && reaches(other, target))) continue;
      const end = places.get(target)!;
      const [from, to] = [y + BOX.height, end.y - 3];
      const middle = (from + to) / 2;
      lines.push(
        `<path class="line" d="M${x} ${from}C${x} ${middle} ${end.x} ${middle} ${end.x} ${to}"/>`,
      );
    }
    const entrances = doors.get(room)?.join("  ") ?? "";
    boxes.push(
      `<rect class="${entrances ? "open" : "box"}" x="${x - BOX.width / 2}" y="${y}" ` +
        `width="${BOX.width}" height="${BOX.height}" rx="8"/>`,
      text(x, y + 20, room, "name"),
      text(x, y + 37, ABOUT[room] ?? "", "note"),
      text(x, y + 54, entrances, "door"),
    );
  }
  const title = "The rooms of src/: each imports only from those that its arrows point to";
  return svg(width, height, title, [...lines, ...boxes]);
}

const LANES = ["Browsers", "SessionManager", "SequelizeStore", "Database"] as const;
const LANE = { width: 215, first: 110, top: 64, step: 44 };

/** From lane, to lane, what is sent, and what to know about it. */
const STEPS: readonly (readonly [number, number, string, string?])[] = [
  [0, 1, "requests with cookies"],
  [1, 2, "find(key) for each", "key: the token's SHA-256"],
  [2, 3, "one SELECT for all that wait", "while it runs, the next calls gather"],
  [3, 2, "rows that have not expired"],
  [2, 1, "a record for each"],
  [1, 1, "your handlers: get, put", "only changes are kept"],
  [1, 2, "replace(key, before, after)", "nothing changed: no call"],
  [2, 3, "one UPDATE for all that wait", "only rows that still hold `before`"],
  [3, 2, "which rows were written"],
  [2, 1, "true; false: try again"],
  [1, 0, "responses with Set-Cookie"],
];

/** Draws the way of a request through manager, batcher and database. */
export function drawRequest(): string {
  const x = (lane: number): number => LANE.first + lane * LANE.width;
  const height = LANE.top + STEPS.length * LANE.step + 20;
  const width = x(LANES.length - 1) + LANE.first;
  const parts = LANES.flatMap((name, lane) => [
    `<line class="lane" x1="${x(lane)}" y1="50" x2="${x(lane)}" y2="${height - 10}"/>`,
    `<rect class="${lane === 1 || lane === 2 ? "open" : "box"}" x="${x(lane) - 75}" y="14" ` +
    `width="150" height="34" rx="8"/>`,
    text(x(lane), 36, name, "name"),
  ]);
  for (const [i, [from, to, what, note]] of STEPS.entries()) {
    const y = LANE.top + i * LANE.step + 24;
    const [start, end] = [x(from), x(to)];
    if (from === to) {
      parts.push(`<path class="line" d="M${start} ${y - 8}h22v14h-19"/>`);
      parts.push(text(start + 30, y + 1, what, "left"));
      if (note) parts.push(text(start + 30, y + 17, note, "note left"));
      continue;
    }
    const gap = end > start ? -2 : 2;
    parts.push(`<line class="line" x1="${start}" y1="${y}" x2="${end + gap}" y2="${y}"/>`);
    parts.push(text((start + end) / 2, y - 6, what));
    if (note) parts.push(text((start + end) / 2, y + 15, note, "note"));
  }
  return svg(width, height, "The way of requests through manager, store and database", parts);
}

if (import.meta.main) {
  for (
    const [name, picture] of [
      ["architecture", await drawArchitecture()],
      ["request", drawRequest()],
    ] as const
  ) {
    await writeFile(fileURLToPath(new URL(`docs/${name}.svg`, ROOT)), picture);
  }
}
