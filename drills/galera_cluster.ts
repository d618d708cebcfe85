// Starts a Galera cluster of three nodes on the loopback interface.

import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { withFolder } from "../tests/support/folder.ts";
import { freePort, until } from "../tests/faults/process.ts";
import { ownMariadb } from "../tests/faults/engines.ts";
import { ask, OwnServer } from "../tests/faults/servers.ts";

export const GALERA = "/usr/lib/galera/libgalera_smm.so";
const NODES = 3;

/** One node of a cluster. */
export interface Node {
  readonly url: string;
  readonly server: OwnServer;
  /** Starts the node, and waits until it has joined the cluster. */
  join(): Promise<void>;
}

/** Runs a test with a cluster that has the database `test`. */
export async function withCluster(test: (nodes: readonly Node[]) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    await chmod(folder, 0o777);
    const ports: number[] = [];
    for (let i = 0; i < NODES; i++) ports.push(await freePort());
    const nodes: Node[] = [];
    try {
      for (let i = 0; i < NODES; i++) {
        const node = await makeNode(join(folder, String(i)), i, ports);
        nodes.push(node);
        if (i === 0) await node.server.start("--wsrep-new-cluster");
        else await node.join();
        await node.server.createDatabase();
      }
      await test(nodes);
    } finally {
      for (const { server } of nodes) await server.kill();
    }
  });
}

async function makeNode(folder: string, i: number, ports: readonly number[]): Promise<Node> {
  await mkdir(folder);
  await chmod(folder, 0o777);
  const port = await freePort();
  const [transfer, increments] = [await freePort(), await freePort()];
  const address = `127.0.0.1:${ports[i]}`;
  const server = new OwnServer(
    folder,
    port,
    ownMariadb.prepare(folder, port, [
      "wsrep-on=ON",
      `wsrep-provider=${GALERA}`,
      `wsrep-cluster-address=gcomm://${ports.map((port) => `127.0.0.1:${port}`).join()}`,
      `wsrep-node-address=${address}`,
      "wsrep-sst-method=rsync",
      `wsrep-sst-receive-address=127.0.0.1:${transfer}`,
      `wsrep-provider-options=gmcast.listen_addr=tcp://${address};ist.recv_addr=127.0.0.1:${increments};gcache.size=64M`,
      "binlog-format=ROW",
      "innodb-autoinc-lock-mode=2",
    ]),
  );
  const { url } = server;
  return { url, server, join: () => rejoin(server) };
}

async function rejoin(server: OwnServer): Promise<void> {
  await server.start();
  await until(async () => {
    const [row] = await ask(server.url, "SHOW STATUS LIKE 'wsrep_local_state_comment'");
    return (row as { Value?: string }).Value === "Synced";
  }, 60_000);
}
