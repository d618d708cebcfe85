import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import process from "node:process";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const isDeno = "deno" in process.versions;

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(`${ROOT}/${folder}`, { withFileTypes: true });
  const files = entries.map((entry) => {
    const path = `${folder}/${entry.name}`;
    return entry.isDirectory() ? filesIn(path) : [path];
  });
  return (await Promise.all(files)).flat();
}

Deno.test({
  name: `what is published is the sources and their documents, no more${
    isDeno ? "" : " (ignored: deno publish is Deno's)"
  }`,
  ignore: !isDeno,
  fn: async () => {
    const { exports } = JSON.parse(await readFile(`${ROOT}/deno.json`, "utf8"));
    const entryPoints = Object.values<string>(exports).map((path) => path.replace("./", ""));
    const guides = (await filesIn("docs")).filter((path) => path !== "docs/releasing.md");
    const documents = ["CHANGELOG.md", "LICENSE", "README.md", ...guides];
    const sources = await filesIn("src");
    const expected = [...new Set(["deno.json", ...entryPoints, ...documents, ...sources])];

    const args = ["publish", "--dry-run", "--allow-dirty", "--no-check"];
    const env = { ...process.env, NO_COLOR: "1" };
    const { stderr } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: "utf8", env });
    const prefix = new URL("..", import.meta.url).href;
    const published = [...stderr.matchAll(/^ +(file:\S+) \(/gm)].map(([, url]) =>
      url!.replace(prefix, "")
    );
    assert.deepEqual(published.sort(), expected.sort());
  },
});
