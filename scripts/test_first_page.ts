// Runs `deno task demo` in a copy of this repository, with an empty cache and with nothing but Deno on the PATH.
// Checks that it serves its first page, that it installs only what it uses, and that its lock file is current.
//
//   deno run -A scripts/test_first_page.ts

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { inEmptyFolder } from "./fresh_project.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const LOCK = "examples/deno.lock";
/** The drivers that the demo may need, and the package for SQLite that it never needs. */
const DRIVERS = ["pg", "mariadb", "mysql2", "sqlite3"];

/** Copies every file that git knows. */
function copyRepository(target: string): void {
  const { stdout } = spawnSync("git", ["ls-files", "-z"], { cwd: ROOT, encoding: "utf8" });
  for (const path of stdout.split("\0")) {
    if (path && existsSync(join(ROOT, path))) cpSync(join(ROOT, path), join(target, path));
  }
}

/** Lists the npm packages in a cache of Deno's. */
function packagesIn(cache: string): string[] {
  const [registry] = readdirSync(join(cache, "npm"));
  const folder = join(cache, "npm", registry!);
  return readdirSync(folder).flatMap((name) =>
    name.startsWith("@") ? readdirSync(join(folder, name)).map((sub) => `${name}/${sub}`) : name
  );
}

/** Starts the demo, and resolves with its first page and the seconds until then. */
async function firstPage(
  args: readonly string[],
  { cwd, path, cache }: { cwd: string; path: string; cache: string },
): Promise<number> {
  const start = performance.now();
  const env = { ...process.env, PATH: path, DENO_DIR: cache, HOME: cache, NO_COLOR: "1" };
  const child = spawn(join(path, "deno"), ["task", "demo", "--port", "0", ...args], { cwd, env });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => output += text);
  const closed = once(child, "close");
  try {
    let address: string | undefined;
    while (address === undefined) {
      if (child.exitCode !== null) throw new Error(`Cannot start the demo:\n${output}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
      address = /served on (http:\/\/localhost:\d+)/.exec(output)?.[1];
    }
    const page = await (await fetch(address)).text();
    if (!page.includes("Hello, visitor")) throw new Error(`The first page is ${page}`);
    return (performance.now() - start) / 1000;
  } finally {
    child.kill();
    await closed;
  }
}

/** Checks that the demo installs the drivers that are expected, and no others. */
async function check(expected: readonly string[], args: readonly string[] = []): Promise<void> {
  await inEmptyFolder(async (folder) => {
    const cwd = join(folder, "clone");
    const path = join(folder, "bin");
    const cache = join(folder, "cache");
    for (const each of [cwd, path, cache]) mkdirSync(each);
    symlinkSync(process.execPath, join(path, "deno"));
    copyRepository(cwd);
    const seconds = await firstPage(args, { cwd, path, cache });
    const packages = packagesIn(cache);
    const drivers = packages.filter((name) => DRIVERS.includes(name));
    if (drivers.join() !== expected.join()) {
      throw new Error(`The demo must install the drivers [${expected}]: received [${drivers}]`);
    }
    if (existsSync(join(cwd, "node_modules"))) throw new Error("The demo has made node_modules");
    const [before, after] = [ROOT, cwd].map((root) => readFileSync(join(root, LOCK), "utf8"));
    if (expected.length === 0 && before !== after) {
      throw new Error(`${LOCK} is not current: run deno task demo, and commit it`);
    }
    console.log(`First page after ${seconds.toFixed(1)} s, with ${packages.length} packages`);
  });
}

await check([]);
const { TEST_POSTGRES_URL } = process.env;
if (TEST_POSTGRES_URL) await check(["pg"], ["--database", TEST_POSTGRES_URL]);
