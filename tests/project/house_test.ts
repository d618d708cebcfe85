// Which room of src/ may import from which: arrows point down only. See CONTRIBUTING.md.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join, sep } from "node:path";
import { readImports, roomOf, SRC } from "../support/house.ts";

/** The rooms that each room may import from, besides itself. */
const BELOW: Readonly<Record<string, readonly string[]>> = {
  util: [],
  node_sqlite: [],
  batching: ["util"],
  store: ["util"],
  sequelize: ["util", "batching", "store"],
  manager: ["util", "store"],
  express: ["util", "store"],
  encryption: ["util", "store"],
  hono: ["util", "manager"],
  node: ["util", "manager"],
  react_router: ["util", "manager"],
};

Deno.test("every file of src/ is in a room, and imports only from its own room and those below", async () => {
  for (const [file, imports] of await readImports()) {
    const room = roomOf(file);
    assert.ok(BELOW[room], `${file} is in no room`);
    for (const path of imports) {
      const other = roomOf(path);
      assert.ok(other === room || BELOW[room].includes(other), `${file} imports ${path}`);
    }
  }
});

Deno.test("no file of src/ imports itself, directly or through others", async () => {
  const imports = await readImports();
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    assert.ok(!path.includes(file), `a circle: ${[...path, file].join(" -> ")}`);
    if (done.has(file)) return;
    for (const next of imports.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of imports.keys()) visit(file, []);
});

// The store runs on the application's own copy of Sequelize: importing one could bring a second.
Deno.test("only the sequelize room names Sequelize, and only its types", async () => {
  for (const file of (await readImports()).keys()) {
    const code = await readFile(join(SRC, file), "utf8");
    const imports = code.match(/^import [^;]* from "sequelize";$/gm) ?? [];
    assert.ok(file.startsWith(`sequelize${sep}`) || imports.length === 0, file);
    assert.ok(imports.every((line) => line.startsWith("import type ")), file);
  }
});
