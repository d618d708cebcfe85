// Follows the README in empty folders on each runtime, with a tarball of the npm package:
//
//   deno task pack package.tgz && deno run -A scripts/test_readme.ts package.tgz
//
// On Node, so does the program of docs/getting-started.md, also compiled by TypeScript and as CommonJS.

import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import {
  checkProgram,
  inEmptyFolder,
  installFromNpm,
  installOnDeno,
  run,
  type Runtime,
  saveProgram,
} from "./fresh_project.ts";

const PORT = 4017;
/** The program of docs/getting-started.md for Node, which tests/project/readme_test.ts compares with it. */
const ON_NODE = readFileSync(new URL("../examples/hello_node.mts", import.meta.url), "utf8");
const DENO: Runtime = {
  command: "deno",
  actual: [process.execPath],
  version: /^deno /,
};
const BUN: Runtime = {
  command: "bun",
  actual: ["npx", "-y", "bun"],
  version: /^1\./,
};
const NODES = ["22", "24"].map((version): Runtime => ({
  command: "node",
  actual: ["npx", "-y", "-p", `node-${process.platform}-${process.arch}@${version}`, "node"],
  version: new RegExp(`^v${version}\\.`),
}));

/** Compiles the example with the options that TypeScript recommends for Node. */
function compile(folder: string): void {
  const packages = ["typescript@5.9", "@types/node@24"];
  run(folder, ["npm", "install", "--silent", "--save-dev", ...packages]);
  const options = ["--module", "nodenext", "--target", "es2022", "--strict"];
  run(folder, ["npx", "tsc", ...options, "hello.mts"]);
}

/** Rewrites an ES module as CommonJS, where `await` needs a function. */
function toCommonJs(code: string): string {
  const body = code.replace(/^import (\{.+?\}) from (".+?");$/gm, "const $1 = require($2);");
  return `(async () => {\n${body}})();\n`;
}

async function testOnNode(tarball: string): Promise<void> {
  await inEmptyFolder(async (folder) => {
    installFromNpm(folder, tarball, NODES[0]!);
    for (const node of NODES) {
      saveProgram(folder, node, { port: PORT });
      await checkProgram(folder, node, { port: PORT });
      saveProgram(folder, node, { port: PORT, code: ON_NODE });
      await checkProgram(folder, node, { port: PORT });
    }
    compile(folder);
    const compiled = readFileSync(join(folder, "hello.mjs"), "utf8");
    writeFileSync(join(folder, "hello.cjs"), toCommonJs(compiled));
    for (const node of NODES) {
      for (const file of ["hello.mjs", "hello.cjs"]) {
        await checkProgram(folder, node, { port: PORT, args: [file] });
      }
    }
  });
}

const [argument] = process.argv.slice(2);
if (argument === undefined) {
  console.error("Usage: deno run -A scripts/test_readme.ts package.tgz");
  process.exit(2);
}
const tarball = resolve(argument);

await inEmptyFolder(async (folder) => {
  installOnDeno(folder);
  saveProgram(folder, DENO, { port: PORT });
  await checkProgram(folder, DENO, { port: PORT });
});
console.log("The README's program runs on Deno");
await testOnNode(tarball);
console.log(
  "The README's program runs on Node; that for node:http, as an ES module and as CommonJS too",
);
await inEmptyFolder(async (folder) => {
  installFromNpm(folder, tarball, BUN);
  saveProgram(folder, BUN, { port: PORT });
  await checkProgram(folder, BUN, { port: PORT });
});
console.log("The README's program runs on Bun");
