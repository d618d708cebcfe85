import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";

Deno.test("README shows examples/hello.ts as it stands", async () => {
  const read = (path: string): Promise<string> => readFile(new URL(path, import.meta.url), "utf8");
  const [readme, example] = await Promise.all([read("../README.md"), read("../examples/hello.ts")]);
  assert.ok(readme.includes(`\`\`\`ts ignore\n${example}\`\`\``));
});
