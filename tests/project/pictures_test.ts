import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { drawArchitecture } from "../../scripts/pictures/architecture.ts";
import { drawRequest } from "../../scripts/pictures/request.ts";

/** Without the layout, which `deno fmt` changes. */
function words(svg: string): string {
  return svg.replace(/\s+|;(?=\s*\})/g, "");
}

Deno.test("the pictures in docs/ are those that `deno task pictures` draws", async () => {
  const pictures = { architecture: await drawArchitecture(), request: drawRequest() };
  for (const [name, picture] of Object.entries(pictures)) {
    const file = new URL(`../../docs/${name}.svg`, import.meta.url);
    assert.equal(words(await readFile(file, "utf8")), words(picture), name);
  }
});
