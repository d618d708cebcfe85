// Makes sure that `sqlite3` has its native binding. Deno does not build it by default: it runs install scripts
// only if they are allowed, and would not report that a build has failed.
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import process from "node:process";
import { fileURLToPath } from "node:url";

function loads(): boolean {
  try {
    createRequire(import.meta.url)("sqlite3");
    return true;
  } catch {
    return false;
  }
}

function run(command: string, args: string[], cwd: string): string {
  const { error, stdout, stderr } = spawnSync(command, args, { cwd, encoding: "utf8" });
  return `$ ${command} ${args.join(" ")}\n${stdout ?? ""}${stderr ?? ""}${error ?? ""}`;
}

const root = fileURLToPath(new URL("..", import.meta.url));
// npm includes node-gyp. If there is no npm, Deno can run the package's install script itself.
const attempts = [
  () => run("npm", ["run", "install"], `${root}/node_modules/sqlite3`),
  () => run(Deno.execPath(), ["install", "--allow-scripts=npm:sqlite3"], root),
];

let output = "";
for (const attempt of attempts) {
  if (loads()) break;
  console.log(
    "Building the native binding of sqlite3; this happens once, and can take a minute or two",
  );
  output += attempt();
}

if (!loads()) {
  console.error(`${output}\nCannot load sqlite3: its native binding was not built (see above)`);
  process.exit(1);
}
