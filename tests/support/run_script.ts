import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** A script of this repository in a process of its own, under the same runtime. */
export interface Script {
  readonly process: ChildProcess;
  /** Resolves once the script has ended. */
  readonly ended: Promise<{ readonly code: number | null; readonly output: string }>;
  /** Resolves with the first group of the pattern once the script has printed a match. */
  printed(pattern: RegExp): Promise<string>;
}

const RUNTIME_ARGUMENTS = "deno" in process.versions ? ["run", "-A", "--quiet"] : process.execArgv;

/** Starts a script; `path` is relative to the repository's root. */
export function runScript(
  path: string,
  args: readonly string[] = [],
  { cwd, env }: { readonly cwd?: string; readonly env?: Record<string, string> } = {},
): Script {
  const script = fileURLToPath(new URL(`../../${path}`, import.meta.url));
  const child = spawn(process.execPath, [...RUNTIME_ARGUMENTS, script, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NO_COLOR: "1", ...env },
    cwd,
  });
  let output = "";
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      output += chunk;
      for (const listener of listeners) listener();
    });
  }
  const ended = once(child, "close").then(([code]) => ({ code, output }));
  const printed = (pattern: RegExp): Promise<string> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(output);
        if (match) resolve(match[1] ?? match[0]);
      };
      listeners.add(look);
      look();
      ended.then(() => reject(new Error(`ended without printing ${pattern}: ${output}`)));
    });
  return { process: child, ended, printed };
}

/** Runs the demo for the length of a test, on a free port unless the arguments name one. */
export async function whileDemoRuns(
  args: readonly string[],
  test: (address: string) => Promise<void>,
): Promise<void> {
  const script = runScript("examples/demo.ts", ["--port", "0", ...args]);
  try {
    await test(await script.printed(/served on (http:\/\/localhost:\d+)/));
  } finally {
    script.process.kill();
    await script.ended;
  }
}

/** Runs an example on a free port for the length of a test, in a folder for its database. */
export async function whileExampleRuns(
  path: string,
  cwd: string,
  test: (address: string) => Promise<void>,
): Promise<void> {
  const port = await freePort();
  const env = { PORT: String(port), DENO_SERVE_ADDRESS: `tcp:127.0.0.1:${port}` };
  const script = runScript(path, [], { cwd, env });
  try {
    await untilServing(port);
    await test(`http://127.0.0.1:${port}`);
  } finally {
    script.process.kill();
    await script.ended;
  }
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

/** Waits until a server answers on a port. */
export async function untilServing(port: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const response = await fetch(`http://127.0.0.1:${port}`).catch(() => undefined);
    if (response) return await response.body?.cancel();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nobody serves on port ${port}`);
}
