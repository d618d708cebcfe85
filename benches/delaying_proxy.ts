// A TCP proxy that delays the server's responses, so that a local database behaves like one behind a network.
// It runs in a separate process, so that its CPU time is not counted as the store's:
//
//   deno run -A benches/delaying_proxy.ts HOST PORT MILLISECONDS
//
// It prints the port that it listens on, and exits when its standard input is closed.

import { type ChildProcess, spawn } from "node:child_process";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** Forwards each chunk after `milliseconds`, in order. */
function forward(from: Socket, to: Socket, milliseconds: number): void {
  from.on("data", (chunk) => {
    if (milliseconds === 0) to.write(chunk);
    else setTimeout(() => to.writable && to.write(chunk), milliseconds);
  });
  from.on("close", () => setTimeout(() => to.destroy(), milliseconds));
  from.on("error", () => to.destroy());
}

function listen(host: string, port: number, milliseconds: number): void {
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ host, port, noDelay: true });
    forward(client, upstream, 0);
    forward(upstream, client, milliseconds);
  });
  server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));
  process.stdin.on("end", () => process.exit()).resume();
}

/** A database behind a delaying proxy. */
export interface DelayedDatabase {
  readonly url: string;
  close(): void;
}

/** Starts a delaying proxy in front of the server of a URL. */
export async function delay(
  url: string,
  { milliseconds, defaultPort }: { readonly milliseconds: number; readonly defaultPort: number },
): Promise<DelayedDatabase> {
  const delayed = new URL(url);
  const script = fileURLToPath(import.meta.url);
  const target = [delayed.hostname, delayed.port || String(defaultPort), String(milliseconds)];
  const proxy: ChildProcess = spawn(process.execPath, ["run", "-A", script, ...target], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const port = await new Promise<string>((resolve, reject) => {
    proxy.stdout!.once("data", (line) => resolve(String(line).trim()));
    proxy.once("exit", () => reject(new Error("Cannot start the proxy: its process exited")));
  });
  delayed.host = `127.0.0.1:${port}`;
  return { url: delayed.href, close: () => proxy.stdin!.end() };
}

if (import.meta.main) {
  const [host, port, milliseconds] = process.argv.slice(2);
  listen(host!, Number(port), Number(milliseconds));
}
