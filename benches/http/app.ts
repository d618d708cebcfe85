// Starts each page in a separate process, and makes requests to it.

import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** A running server of the page. */
export interface App {
  readonly name: string;
  readonly url: string;
  /** Returns the CPU time of its process so far, in microseconds. */
  cpuMicroseconds(): Promise<number>;
  stop(): void;
}

/** The runtime and the store of a page. */
export interface AppOptions {
  /** The path of Node, which serves the page through Express. Without it, Deno serves the page. */
  readonly node?: string;
  readonly store: "ours" | "peer" | "memory";
  readonly database: string;
}

/** Starts a server of the page. */
export async function startApp(
  name: string,
  { node, store, database }: AppOptions,
): Promise<App> {
  const script = fileURLToPath(new URL(node ? "express_app.ts" : "deno_app.ts", import.meta.url));
  const [command, ...args] = node ? [node, script] : [process.execPath, "run", "-A", script];
  const child = spawn(command!, [...args, store, database], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const port = await new Promise<string>((resolve, reject) => {
    child.stdout.once("data", (line) => resolve(String(line).trim()));
    child.once("exit", () => reject(new Error(`Cannot start ${name}: its process exited`)));
  });
  const url = `http://127.0.0.1:${port}`;
  return {
    name,
    url,
    cpuMicroseconds: async () => Number(await (await fetch(`${url}/cpu`)).text()),
    stop: () => child.kill(),
  };
}

/** Creates sessions, and returns their cookies. */
export async function signUp({ url }: App, count: number): Promise<string[]> {
  return await Promise.all(Array.from({ length: count }, async () => {
    const response = await fetch(`${url}/count`);
    await response.body?.cancel();
    return response.headers.getSetCookie()[0]!.split(";")[0]!;
  }));
}
