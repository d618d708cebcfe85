// Builds the native binding of `sqlite3` unless it is already there. Deno does not build it by default: it runs
// install scripts only if they are allowed, and would not report that a build has failed.
//
//   deno task setup:sqlite3, or deno run -A scripts/setup_sqlite3.ts --optional
//
// With `--optional`, a build that fails is no error: the tests then run on `node:sqlite`.

import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { loadSqlite3 } from "../tests/support/sqlite3.ts";

const PROGRESS_MS = 5000;
const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Runs a command and resolves with everything that it has printed, or why it cannot be run. */
async function run(command: string, args: readonly string[], cwd: string): Promise<string> {
  let output = `$ ${command} ${args.join(" ")}\n`;
  const child = spawn(command, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => output += chunk);
  }
  return await new Promise((resolve) => {
    child.on("close", () => resolve(output));
    child.on("error", (error) => resolve(`${output}${error.message}\n`));
  });
}

/** Prints how long something has taken so far, every few seconds, until it has ended. */
async function withProgress<T>(promise: Promise<T>): Promise<T> {
  const start = Date.now();
  const timer = setInterval(() => {
    console.log(`  still building: ${Math.round((Date.now() - start) / 1000)} s`);
  }, PROGRESS_MS);
  return await promise.finally(() => clearInterval(timer));
}

/** Tries each way of building until one has succeeded. Returns what they have printed. */
async function build(): Promise<string> {
  console.log("Building the native binding of sqlite3: this happens once, and can take 2 minutes");
  // npm includes node-gyp.
  let output = await run("npm", ["run", "install"], `${ROOT}/node_modules/sqlite3`);
  // If there is no npm, Deno can run the package's install script itself.
  if (!loadSqlite3()) {
    output += await run(process.execPath, ["install", "--allow-scripts=npm:sqlite3"], ROOT);
  }
  return output;
}

const output = loadSqlite3() ? "" : await withProgress(build());
if (!loadSqlite3()) {
  const problem = "Cannot load sqlite3: its native binding was not built";
  if (process.argv.includes("--optional")) {
    console.log(`${problem} (deno task setup:sqlite3 prints why). The tests on it are ignored`);
  } else {
    console.error(`${output}\n${problem} (see above)`);
    process.exit(1);
  }
}
