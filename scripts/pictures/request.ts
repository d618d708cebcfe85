import { arrow, box, svg, text } from "./svg.ts";

const LANES = ["Browsers", "SessionManager", "SequelizeStore", "Database"] as const;
const LANE = { width: 236, first: 104, top: 66, box: 164 };

/** One step of the way: many arrows, one arrow, or something that happens in a lane. */
type Step =
  | { readonly from: number; readonly to: number; readonly many: boolean; readonly what: Words }
  | { readonly at: number; readonly what: Words };

/** What happens, and what to know about it. */
type Words = readonly [string, string?];

const STEPS: readonly Step[] = [
  { from: 0, to: 1, many: true, what: ["requests with cookies"] },
  { from: 1, to: 2, many: true, what: ["find(key)", "key: the SHA-256 of the token"] },
  { at: 2, what: ["the batcher gathers calls", "while an earlier statement runs"] },
  { from: 2, to: 3, many: false, what: ["one SELECT"] },
  { from: 3, to: 2, many: false, what: ["the rows"] },
  { from: 2, to: 1, many: true, what: ["a record for each call"] },
  { at: 1, what: ["your handlers", "get and put values"] },
  { from: 1, to: 2, many: true, what: ["replace(key, old, new)", "for each session that changed"] },
  { at: 2, what: ["the batcher gathers calls", "while an earlier statement runs"] },
  { from: 2, to: 3, many: false, what: ["one UPDATE", "of the rows that still hold the old data"] },
  { from: 3, to: 2, many: false, what: ["which rows were updated"] },
  { from: 2, to: 1, many: true, what: ["true or false", "false: find, change and replace again"] },
  { from: 1, to: 0, many: true, what: ["responses", "Set-Cookie if the session changed"] },
];

const x = (lane: number): number => LANE.first + lane * LANE.width;

/** Draws a step below `y`, and returns the height that it takes. */
function drawStep(step: Step, y: number): { parts: string[]; height: number } {
  const [words, note] = step.what;
  if ("at" in step) {
    const parts = [
      box(x(step.at), y, LANE.box + 40, 44, "box"),
      text(x(step.at), y + 18, words),
      text(x(step.at), y + 35, note ?? "", "note"),
    ];
    return { parts, height: 60 };
  }
  const { from, to, many } = step;
  const middle = (x(from) + x(to)) / 2;
  const end = x(to) + (to > from ? -2 : 2);
  const rows = many ? [18, 24, 30] : [24];
  const parts = [
    text(middle, y + 11, words),
    ...rows.map((row) => arrow(`M${x(from)} ${y + row}H${end}`, many ? "" : "thick")),
    text(middle, y + (many ? 46 : 42), note ?? "", "note"),
  ];
  return { parts, height: note ? 58 : 42 };
}

/** Draws the way of requests through manager, batcher and database. */
export function drawRequest(): string {
  const parts: string[] = [];
  let y = LANE.top;
  for (const step of STEPS) {
    const drawn = drawStep(step, y);
    parts.push(...drawn.parts);
    y += drawn.height;
  }
  const lanes = LANES.flatMap((name, lane) => [
    `<line class="lane" x1="${x(lane)}" y1="50" x2="${x(lane)}" y2="${y}"/>`,
    box(x(lane), 14, LANE.box, 36, lane === 1 || lane === 2 ? "open" : "box"),
    text(x(lane), 37, name, "name"),
  ]);
  const width = x(LANES.length - 1) + LANE.first;
  const title = "The way of requests through manager, batcher and database";
  return svg(width, y + 14, title, [...lanes, ...parts]);
}
