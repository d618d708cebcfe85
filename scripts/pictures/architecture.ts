import { readFile } from "node:fs/promises";
import { readImports, roomOf } from "../../tests/support/house.ts";
import { arrow, box, svg, text } from "./svg.ts";

/** What each room is, in a few words. Rooms beside one another are drawn in this order. */
const ABOUT: Readonly<Record<string, string>> = {
  hono: "honoSessions",
  node: "nodeSessions",
  react_router: "createSessionStorage",
  sequelize: "SequelizeStore",
  manager: "SessionManager",
  express: "ExpressStore, KoaStore",
  encryption: "EncryptedStore",
  batching: "one statement for many calls",
  store: "the contract, MemoryStore",
  util: "rules, retries, queues by key",
  node_sqlite: "nodeSqlite",
};

const BOX = { width: 200, height: 64, gap: 22, level: 126 };

interface Place {
  readonly x: number;
  readonly y: number;
}

/** Returns the rooms that each room imports from. */
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

/** Returns the package's entry points by their rooms. */
async function readDoors(): Promise<Map<string, string[]>> {
  const config = await readFile(new URL("../../deno.json", import.meta.url), "utf8");
  const { exports } = JSON.parse(config) as { exports: Record<string, string> };
  const doors = new Map<string, string[]>();
  for (const [door, path] of Object.entries(exports)) {
    const [, room = "sequelize"] = /^\.\/src\/(\w+)\//.exec(path) ?? [];
    const name = door === "." ? "mod.ts" : door.slice(1);
    doors.set(room, [...doors.get(room) ?? [], name]);
  }
  return doors;
}

/** Removes the arrows to rooms that the other arrows lead to anyway. */
function reduce(arrows: ReadonlyMap<string, ReadonlySet<string>>): [string, string][] {
  const reaches = (from: string, to: string): boolean =>
    [...arrows.get(from) ?? []].some((next) => next === to || reaches(next, to));
  return [...arrows].flatMap(([from, targets]) =>
    [...targets]
      .filter((to) => ![...targets].some((other) => other !== to && reaches(other, to)))
      .map((to): [string, string] => [from, to])
  );
}

/** Places each room above those that it imports from. */
function placeRooms(
  arrows: ReadonlyMap<string, ReadonlySet<string>>,
): { places: Map<string, Place>; width: number; height: number } {
  const levelOf = (room: string): number =>
    Math.max(-1, ...[...arrows.get(room) ?? []].map(levelOf)) + 1;
  const order = Object.keys(ABOUT);
  const levels: string[][] = [];
  for (const room of [...arrows.keys()].sort((a, b) => order.indexOf(a) - order.indexOf(b))) {
    (levels[levelOf(room)] ??= []).push(room);
  }
  const step = BOX.width + BOX.gap;
  const width = Math.max(...levels.map(({ length }) => length)) * step + BOX.gap;
  const places = new Map<string, Place>();
  for (const [level, rooms] of levels.entries()) {
    for (const [i, room] of rooms.entries()) {
      const x = width / 2 + (i - (rooms.length - 1) / 2) * step;
      places.set(room, { x, y: BOX.gap + (levels.length - 1 - level) * BOX.level });
    }
  }
  return { places, width, height: BOX.gap + (levels.length - 1) * BOX.level + BOX.height };
}

/** Returns where an arrow meets a box, so that the arrows of one box keep apart and do not cross. */
function portOf(room: string, other: string, all: readonly string[], places: Places): number {
  const sorted = [...all].sort((one, two) => places.get(one)!.x - places.get(two)!.x);
  return places.get(room)!.x + (sorted.indexOf(other) - (sorted.length - 1) / 2) * 24;
}

type Places = ReadonlyMap<string, Place>;

/** Draws the rooms of src/, each above those that it imports from. */
export async function drawArchitecture(): Promise<string> {
  const [arrows, doors] = [await readArrows(), await readDoors()];
  const { places, width, height } = placeRooms(arrows);
  const pairs = reduce(arrows);
  const lines = pairs.map(([from, to]) => {
    const targets = pairs.filter(([one]) => one === from).map(([, target]) => target);
    const sources = pairs.filter(([, target]) => target === to).map(([source]) => source);
    const x = portOf(from, to, targets, places);
    const end = portOf(to, from, sources, places);
    const [top, bottom] = [places.get(from)!.y + BOX.height, places.get(to)!.y - 2];
    const middle = (top + bottom) / 2;
    return arrow(`M${x} ${top}C${x} ${middle} ${end} ${middle} ${end} ${bottom}`);
  });
  const boxes = [...places].flatMap(([room, { x, y }]) => {
    const names = doors.get(room);
    return [
      box(x, y, BOX.width, BOX.height, names ? "open" : "box"),
      text(x, y + (names ? 20 : 28), room, "name"),
      text(x, y + (names ? 37 : 45), ABOUT[room] ?? "", "note"),
      text(x, y + 54, names?.join(", ") ?? "", "door"),
    ];
  });
  const notes = [
    "A room imports only from rooms that its arrows lead to, directly or through other rooms.",
    "Green rooms are entry points of the package: mod.ts is @scs/sequelize-store itself, and /hono is @scs/sequelize-store/hono.",
  ];
  return svg(width, height + 64, "The rooms of src/, and which imports from which", [
    ...lines,
    ...boxes,
    ...notes.map((note, i) => text(width / 2, height + 30 + i * 18, note, "note")),
  ]);
}
