// Runs examples/frameworks/ on Bun, in a project that has the package from npm: see test_package.ts.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { freePort, untilServing } from "../tests/support/run_script.ts";
import { fetchFrom, Visitor } from "../tests/support/visitor.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const EXAMPLES = ["bun/serve.ts", "bun/hono.ts", "bun/elysia.ts", "express.ts", "node_http.ts"];
const FRAMEWORKS = ["elysia", "express", "hono"];

/** Runs each of the examples that Bun can run; throws if one does not keep its sessions. */
export async function runBunExamples(project: string): Promise<void> {
  for (const name of FRAMEWORKS) {
    const path = join(project, "node_modules", name);
    rmSync(path, { recursive: true, force: true });
    symlinkSync(join(ROOT, "node_modules", name), path);
  }
  const folder = join(project, "frameworks");
  mkdirSync(folder);
  cpSync(join(ROOT, "examples", "frameworks"), folder, { recursive: true });
  // Not by way of npx, which would leave the program running.
  const which = ["-y", "-p", "bun", "which", "bun"];
  const bun = spawnSync("npx", which, { cwd: project, encoding: "utf8" }).stdout.trim();
  for (const example of EXAMPLES) {
    const port = await freePort();
    const child = spawn(bun, [join(folder, example)], {
      cwd: folder,
      env: { ...process.env, PORT: String(port) },
      stdio: ["ignore", "ignore", "inherit"],
    });
    const ended = once(child, "close");
    try {
      await untilServing(port);
      await visit(example, `http://127.0.0.1:${port}`);
    } finally {
      child.kill();
      await ended;
    }
    console.log(`examples/frameworks/${example}: sessions kept on Bun`);
  }
}

async function visit(example: string, address: string): Promise<void> {
  const visitor = new Visitor(fetchFrom(address));
  const pages = [await visitor.text("/"), await visitor.text("/")];
  const other = visitor.clone();
  const signOut = await visitor.fetch("/sign-out", { method: "POST" });
  await signOut.body?.cancel();
  pages.push(String(signOut.status), await other.text("/"), await visitor.text("/"));
  const expected = ["View 1\n", "View 2\n", "302", "View 1\n", "View 1\n"];
  if (pages.join() === expected.join()) return;
  throw new Error(`${example} must answer ${expected}: received ${pages}`);
}
