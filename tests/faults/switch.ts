// A TCP proxy that can be pointed at another server: as a load balancer does, which leaves open what was connected
// before, or cuts it.

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A proxy to one server at a time. */
export interface Switch {
  /** The URL of a database behind it. */
  urlOf(url: string): string;
  /** Sends new connections to the server of a URL. */
  pointAt(url: string): void;
  /** Ends all connections. */
  cut(): void;
}

/** Runs a test with a proxy that points at the server of a URL. */
export async function withSwitch(
  url: string,
  test: (proxy: Switch) => Promise<void>,
): Promise<void> {
  let target = Number(new URL(url).port);
  const sockets = new Set<Socket>();
  const keep = (socket: Socket, other: () => Socket): void => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => {
      sockets.delete(socket);
      other().destroy();
    });
  };
  const server = createServer({ noDelay: true }, (client) => {
    const upstream: Socket = connect({ host: "127.0.0.1", port: target, noDelay: true });
    keep(client, () => upstream);
    keep(upstream, () => client);
    client.pipe(upstream);
    upstream.pipe(client);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  try {
    await test({
      urlOf: (url) => Object.assign(new URL(url), { port: String(port) }).href,
      pointAt: (url) => target = Number(new URL(url).port),
      cut,
    });
  } finally {
    cut();
    server.close();
    await once(server, "close");
  }
}
