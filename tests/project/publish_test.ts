import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdir } from "node:fs/promises";
import { relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const isDeno = "deno" in process.versions;

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(`${ROOT}/${folder}`, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(ROOT, `${parentPath}/${name}`));
}

Deno.test({
  name: `only the sources and their documents are published${
    isDeno ? "" : " (ignored: deno publish is Deno's)"
  }`,
  ignore: !isDeno,
  fn: async () => {
    const guides = (await filesIn("docs")).filter((path) => path !== "docs/releasing.md");
    const documents = ["CHANGELOG.md", "LICENSE", "README.md", "SECURITY.md", ...guides];
    const expected = ["deno.json", "mod.ts", ...documents, ...await filesIn("src")];

    const args = ["publish", "--dry-run", "--allow-dirty", "--no-check"];
    const env = { ...process.env, NO_COLOR: "1" };
    const { stderr } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: "utf8", env });
    const prefix = new URL("../../", import.meta.url).href;
    const published = [...stderr.matchAll(/^ +(file:\S+) \(/gm)].map(([, url]) =>
      url!.replace(prefix, "")
    );
    assert.deepEqual(published.sort(), [...expected].sort());
  },
});
