// Draws docs/architecture.svg, from the imports of src/, and docs/request.svg:
//
//   deno task pictures

import { writeFile } from "node:fs/promises";
import { drawArchitecture } from "./pictures/architecture.ts";
import { drawRequest } from "./pictures/request.ts";

const pictures = { architecture: await drawArchitecture(), request: drawRequest() };
for (const [name, picture] of Object.entries(pictures)) {
  await writeFile(new URL(`../docs/${name}.svg`, import.meta.url), picture);
}
