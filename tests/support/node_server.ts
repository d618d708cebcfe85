import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Served } from "./adapter_suite.ts";

/** Lets a server of node:http listen on a free port. */
export async function listen(server: Server): Promise<Served> {
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Serves a listener of node:http for the length of a test. */
export async function whileServing(
  listener: RequestListener,
  test: (port: number, server: Server) => Promise<void>,
): Promise<void> {
  const server = createServer(listener);
  const { port, close } = await listen(server);
  try {
    await test(port, server);
  } finally {
    await close();
  }
}
