// Which room of src/ may import from which: arrows point down only. See CONTRIBUTING.md.

import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join, normalize, sep } from "node:path";
import { fileURLToPath } from "node:url";

const SRC = fileURLToPath(new URL("../../src", import.meta.url));

/** The rooms that each room may import from, besides itself. */
const BELOW: Readonly<Record<string, readonly string[]>> = {
  util: [],
  node_sqlite: [],
  batching: ["util"],
  store: ["util"],
  sequelize: ["util", "batching", "store"],
  manager: ["util", "store"],
  express: ["util", "store"],
  hono: ["util", "manager"],
  node: ["util", "manager"],
  react_router: ["util", "manager"],
};

/** The files below src/ that each file below src/ imports. */
async function readImports(): Promise<Map<string, string[]>> {
  const entries = await readdir(SRC, { recursive: true });
  const imports = new Map<string, string[]>();
  for (const file of entries.filter((entry) => entry.endsWith(".ts"))) {
    const code = (await readFile(join(SRC, file), "utf8")).replace(/^ *(\*|\/\/).*$/gm, "");
    const paths = [...code.matchAll(/\b(?:from|import) "(\.[^"]+)"/g)].map(([, path]) => path!);
    imports.set(file, paths.map((path) => normalize(join(dirname(file), path))));
  }
  return imports;
}

Deno.test("every file of src/ is in a room, and imports only from its own room and those below", async () => {
  for (const [file, imports] of await readImports()) {
    const [room] = file.split(sep) as [string];
    assert.ok(BELOW[room], `${file} is in no room`);
    for (const path of imports) {
      const [other] = path.split(sep) as [string];
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
