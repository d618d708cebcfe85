// Passes on TCP connections, and holds back what the server answers, so that a database on this machine is
// as far away as one in a network. A process of its own, so that its work does not count as the store's:
//
//   deno run -A benches/delaying_proxy.ts HOST PORT MILLISECONDS
//
// It prints the port that it listens on, and ends with its standard input.

import { type ChildProcess, spawn } from "node:child_process";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** Writes what comes in, in its order, once it is `milliseconds` old. */
function passOn(from: Socket, to: Socket, milliseconds: number): void {
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
    passOn(client, upstream, 0);
    passOn(upstream, client, milliseconds);
  });
  server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));
  process.stdin.on("end", () => process.exit()).resume();
}

/** A database behind a proxy. */
export interface DelayedDatabase {
  readonly url: string;
  close(): void;
}

/** Starts a proxy before the server of a URL. */
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
    proxy.once("exit", () => reject(new Error("The proxy has ended")));
  });
  delayed.host = `127.0.0.1:${port}`;
  return { url: delayed.href, close: () => proxy.stdin!.end() };
}

if (import.meta.main) {
  const [host, port, milliseconds] = process.argv.slice(2);
  listen(host!, Number(port), Number(milliseconds));
}
