import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";

/** The documents that show an example, and the example. */
const SHOWN = [
  ["README.md", "hello"],
  ["docs/express.md", "express"],
  ["docs/express.md", "fastify"],
  ["docs/express.md", "carry_over"],
] as const;

for (const [document, example] of SHOWN) {
  Deno.test(`${document} shows examples/${example}.ts unchanged`, async () => {
    const read = (path: string): Promise<string> =>
      readFile(new URL(`../../${path}`, import.meta.url), "utf8");
    const [text, code] = await Promise.all([read(document), read(`examples/${example}.ts`)]);
    assert.ok(text.includes(`\`\`\`ts ignore\n${code}\`\`\``));
  });
}
