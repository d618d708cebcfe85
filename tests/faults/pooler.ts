// A pgbouncer of the tests' own in front of a PostgreSQL server.

import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { withFolder } from "../support/folder.ts";
import { Daemon, freePort, unableToRun } from "./process.ts";
import { type Server, whileServing } from "./servers.ts";

const BINARY = "/usr/sbin/pgbouncer";

/** Why there can be none, or `undefined` if there can. */
export const withoutPooler: string | undefined = unableToRun("postgres", BINARY);

/** Runs a test with the URL of a pgbouncer in front of a server, in transaction mode unless a setting says otherwise. */
export async function withPooler(
  server: Pick<Server, "port">,
  test: (url: string) => Promise<void>,
  settings: readonly string[] = [],
): Promise<void> {
  await withFolder(async (folder) => {
    await chmod(folder, 0o777);
    const port = await freePort();
    await writeFile(
      join(folder, "pgbouncer.ini"),
      `[databases]
test = host=127.0.0.1 port=${server.port} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 2
server_reset_query_always = 0
${settings.join("\n")}
`,
    );
    const daemon = new Daemon("postgres", [BINARY, join(folder, "pgbouncer.ini")]);
    await whileServing(daemon, `postgres://postgres@127.0.0.1:${port}/test`, test);
  });
}
