// What docs/security.md refers to is there.

import assert from "node:assert/strict";
import { readFile, stat } from "node:fs/promises";

function read(path: string): Promise<string> {
  return readFile(new URL(`../../${path}`, import.meta.url), "utf8");
}

const page = await read("docs/security.md");

Deno.test("every test file that docs/security.md names exists, and has tests", async () => {
  const files = new Set(Array.from(page.matchAll(/tests\/[\w./-]+/g), ([path]) => path));
  assert.ok(files.size >= 10, [...files].join());
  for (const file of files) {
    assert.ok((await stat(new URL(`../../${file}`, import.meta.url))).isFile(), file);
    assert.match(await read(file), /\bDeno\.test\(|\btestOn\(|\btestInBrowser\(/, file);
  }
});

Deno.test("docs/security.md has every requirement of ASVS 5.0's V7 and V3.3, once", () => {
  const rows = Array.from(page.matchAll(/^\| (\d\.\d\.\d) \|/gm), ([, number]) => number);
  const counts = { "7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 3, "7.6": 2, "3.3": 5 };
  const expected = Object.entries(counts).flatMap(([section, count]) =>
    Array.from({ length: count }, (_, i) => `${section}.${i + 1}`)
  );
  assert.deepEqual(rows, expected);
});

Deno.test("the grants of docs/security.md are those of docs/databases.md, which a test runs", async () => {
  const databases = await read("docs/databases.md");
  const grants = page.match(/^ *GRANT .*;$/gm) ?? [];
  assert.equal(grants.length, 2);
  for (const grant of grants) assert.ok(databases.includes(`\n${grant.trim()}\n`), grant);
});

Deno.test("the README and SECURITY.md lead to docs/security.md", async () => {
  for (const file of ["README.md", "SECURITY.md"]) {
    assert.ok((await read(file)).includes("](docs/security.md)"), file);
  }
});
