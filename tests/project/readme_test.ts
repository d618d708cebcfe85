import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";

/** The documents that show an example, and the example. */
const SHOWN = [
  ["README.md", "hello.ts"],
  ["README.md", "hello_node.mts"],
  ["README.md", "hello_bun.ts"],
  ["docs/express.md", "express.ts"],
  ["docs/express.md", "fastify.ts"],
  ["docs/express.md", "carry_over.ts"],
  ["docs/operations.md", "prometheus.ts"],
  ["docs/operations.md", "opentelemetry.ts"],
] as const;

for (const [document, example] of SHOWN) {
  Deno.test(`${document} shows examples/${example} unchanged`, async () => {
    const read = (path: string): Promise<string> =>
      readFile(new URL(`../../${path}`, import.meta.url), "utf8");
    const [text, code] = await Promise.all([read(document), read(`examples/${example}`)]);
    assert.ok(text.includes(`\`\`\`ts ignore\n${code}\`\`\``));
  });
}
