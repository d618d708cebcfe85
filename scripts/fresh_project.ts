// Follows the README in an empty folder, word for word: installs what it names, saves its program, runs it with
// its command, and compares its pages with the transcript. The package comes from this repository instead of a
// registry.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import config from "../deno.json" with { type: "json" };

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const README = readFileSync(join(ROOT, "README.md"), "utf8");
const START_MS = 30_000;
/** How the comments begin that the README puts above the last line of other runtimes' programs. */
const NAMES: Readonly<Record<string, string>> = { bun: "Bun", node: "Node" };

/** How a runtime is called here: `npx ... node` instead of the README's `node`. */
export interface Runtime {
  /** How the README's command for it starts. */
  readonly command: "deno" | "bun" | "node";
  /** What is run for that. */
  readonly actual: readonly string[];
  /** What it prints for `--version`. */
  readonly version: RegExp;
}

/** Returns the README's line that starts so, without its comment. */
function lineOf(start: string): string {
  const line = README.split("\n").find((line) => line.startsWith(start));
  if (line === undefined) throw new Error(`Cannot follow the README: no line starts with ${start}`);
  return line.replace(/ +#.*/, "");
}

/** Returns the code that follows a line of the README. */
function codeAfter(line: string): string {
  const code = README.split(`\n${line}\n\n\`\`\`ts ignore\n`)[1]?.split("```")[0];
  if (code === undefined) throw new Error(`Cannot follow the README: no code follows ${line}`);
  return code;
}

/** Returns the end of the README's program for a runtime, and the command that has to come before. */
function endFor({ command }: Runtime): { code: string; install: string | undefined } {
  const ends = codeAfter("On Bun and Node, replace the last line:").split(/^\/\/ /m);
  const [heading, ...lines] = ends.find((end) => end.startsWith(NAMES[command]!))?.split("\n") ??
    [];
  if (heading === undefined) throw new Error(`Cannot follow the README: no end for ${command}`);
  return { code: lines.join("\n"), install: /`(.+)`/.exec(heading)?.[1] };
}

/** Returns the README's program for a runtime. */
function programFor(runtime: Runtime): string {
  const program = codeAfter("## Example");
  if (runtime.command === "deno") return program;
  const start = program.lastIndexOf("Deno.serve(");
  if (start === -1) throw new Error("Cannot follow the README: no last line to replace");
  return program.slice(0, start) + endFor(runtime).code;
}

/** The pages of the README's transcript, and what they show. */
function transcript(): { path: string; text: string }[] {
  const pages = README.matchAll(/^\$ curl .* http:\/\/localhost:4000(\S+)\n(.+)$/gm);
  return Array.from(pages, ([, path, text]) => ({ path: path!, text: text! }));
}

/** Runs a command to its end. If it fails, throws an error with what it has printed. */
export function run(cwd: string, [command, ...args]: readonly string[]): string {
  const env = { ...process.env, NO_COLOR: "1" };
  const { status, stdout, stderr } = spawnSync(command!, args, { cwd, env, encoding: "utf8" });
  if (status === 0) return stdout;
  throw new Error(`Cannot run ${command} ${args.join(" ")}:\n${stdout}${stderr}`);
}

/** Calls `use` with an empty folder, and removes it in the end. */
export async function inEmptyFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "fresh-"));
  try {
    await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Runs the README's `deno add`, with the published files of this repository in the place of JSR's package. */
export function installOnDeno(folder: string): void {
  for (const path of config.publish.include) {
    cpSync(join(ROOT, path), join(folder, "store", path), { recursive: true });
  }
  const { name, version } = config;
  const imports = { [name]: `jsr:${name}@${version}` };
  writeFileSync(join(folder, "deno.json"), JSON.stringify({ links: ["./store"], imports }));
  const [, add, own, ...others] = lineOf("deno add ").split(" ");
  if (own !== `jsr:${name}`) throw new Error(`Cannot follow the README: it adds ${own}`);
  run(folder, [process.execPath, add!, ...others]);
}

/** Runs the README's `npm install` or `bun add`, with a tarball in the place of npm's package. */
export function installFromNpm(folder: string, tarball: string, runtime: Runtime): void {
  const isBun = runtime.command === "bun";
  const words = lineOf(isBun ? "bun add " : "npm install ").split(" ");
  const [command, ...args] = words.map((word) => word === config.name ? tarball : word);
  run(folder, isBun ? [...runtime.actual, ...args] : [command!, ...args, "--silent"]);
  const { install } = endFor(runtime);
  if (install !== undefined) run(folder, [...install.split(" "), "--silent"]);
}

/** Returns the arguments of the README's command for a runtime. The last one is the name of a file. */
function argumentsFor({ command }: Runtime): string[] {
  return lineOf(`${command} ${command === "deno" ? "run" : "hello"}`).split(" ").slice(1);
}

/** Saves a program, by default the README's, under the name in the README's command and with another port. */
export function saveProgram(
  folder: string,
  runtime: Runtime,
  { port, code = programFor(runtime) }: { port: number; code?: string },
): void {
  const file = join(folder, argumentsFor(runtime).at(-1)!);
  // Another program may listen on the README's port.
  writeFileSync(file, code.replaceAll("4000", String(port)));
}

/** Runs the README's command for a runtime, or `args`, and compares the pages with the transcript. */
export async function checkProgram(
  folder: string,
  runtime: Runtime,
  { port, args = argumentsFor(runtime) }: { port: number; args?: readonly string[] },
): Promise<void> {
  const { actual, version } = runtime;
  const found = run(folder, [...actual, "--version"]).trim();
  if (!version.test(found)) throw new Error(`Cannot run ${actual.join(" ")}: it is ${found}`);
  const [program, ...before] = actual;
  // In a group of its own, because npx starts the runtime as a child.
  const child = spawn(program!, [...before, ...args], {
    cwd: folder,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NO_COLOR: "1", DENO_NO_PROMPT: "1" },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => output += text);
  const closed = once(child, "close");
  try {
    await checkPages(child, `http://localhost:${port}`);
  } catch (error) {
    throw new Error(`Cannot use the program on ${found}:\n${output}`, { cause: error });
  } finally {
    if (child.exitCode === null) process.kill(-child.pid!);
    await closed;
    rmSync(join(folder, "hello.db"), { force: true });
  }
}

async function checkPages(child: ChildProcess, address: string): Promise<void> {
  const [first, second] = transcript();
  if (first === undefined || second === undefined) throw new Error("the transcript has no pages");
  const put = await firstResponse(child, address + first.path);
  const cookie = put.headers.getSetCookie()[0]?.split(";")[0] ?? "";
  const pages = [
    await put.text(),
    await (await fetch(address + second.path, { headers: { cookie } })).text(),
    await (await fetch(address + second.path)).text(),
  ];
  const expected = [`${first.text}\n`, second.text, ""];
  if (pages.join("|") !== expected.join("|")) throw new Error(`the pages are ${pages.join("|")}`);
}

async function firstResponse(child: ChildProcess, url: string): Promise<Response> {
  for (let waited = 0; waited < START_MS && child.exitCode === null; waited += 100) {
    const response = await fetch(url).catch(() => undefined);
    if (response) return response;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("it does not answer");
}
