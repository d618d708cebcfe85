// Starts the pages in processes of their own, and asks them.

import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** A page that is being served. */
export interface App {
  readonly name: string;
  readonly url: string;
  /** The processor time that its process has used up so far, in microseconds. */
  cpuMicroseconds(): Promise<number>;
  stop(): void;
}

/** What a page runs on. */
export interface AppOptions {
  /** The Node that serves it by Express; Deno serves it where there is none. */
  readonly node?: string;
  readonly store: "ours" | "peer" | "memory";
  readonly database: string;
}

/** Starts a page. */
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
    child.once("exit", () => reject(new Error(`${name} has ended`)));
  });
  const url = `http://127.0.0.1:${port}`;
  return {
    name,
    url,
    cpuMicroseconds: async () => Number(await (await fetch(`${url}/cpu`)).text()),
    stop: () => child.kill(),
  };
}

/** Makes sessions of a page; answers with their cookies. */
export async function signUp({ url }: App, count: number): Promise<string[]> {
  return await Promise.all(Array.from({ length: count }, async () => {
    const response = await fetch(`${url}/count`);
    await response.body?.cancel();
    return response.headers.getSetCookie()[0]!.split(";")[0]!;
  }));
}
