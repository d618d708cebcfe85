// Packs the package for npm as `deno pack` does:
//
//   deno task pack package.tgz
//
// `deno pack` itself leaves the dependencies out of package.json if Deno uses node_modules, as it does in this
// repository. This script runs it on a copy of the published files, where Deno does not.

import { cpSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import config from "../deno.json" with { type: "json" };
import { inEmptyFolder, run } from "./fresh_project.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

const [argument] = process.argv.slice(2);
if (argument === undefined) {
  console.error("Usage: deno task pack package.tgz");
  process.exit(2);
}
await inEmptyFolder((folder) => {
  for (const path of config.publish.include) {
    cpSync(join(ROOT, path), join(folder, path), { recursive: true });
  }
  const copy = { ...config, nodeModulesDir: "none" };
  writeFileSync(join(folder, "deno.json"), JSON.stringify(copy));
  run(folder, [process.execPath, "pack", "-o", resolve(argument)]);
  return Promise.resolve();
});
