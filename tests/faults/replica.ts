// A streaming replica of a PostgreSQL server of the tests' own.

import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { withFolder } from "../support/folder.ts";
import { postgresBinary } from "./engines.ts";
import { Daemon, freePort, run } from "./process.ts";
import { whileServing } from "./servers.ts";

/** Runs a test with the URL of a replica. */
export async function withReplica(
  primaryPort: number,
  test: (url: string) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    await chmod(folder, 0o777);
    const data = join(folder, "data");
    const source = ["-h", "127.0.0.1", "-p", String(primaryPort), "-U", "postgres"];
    run("postgres", [postgresBinary("pg_basebackup"), ...source, "-D", data, "-R", "-c", "fast"]);
    await writeFile(join(data, "postgresql.auto.conf"), "\nhot_standby = on\n", { flag: "a" });
    const port = await freePort();
    const settings = [`port=${port}`, "listen_addresses=127.0.0.1", "unix_socket_directories="];
    const command = [postgresBinary("postgres"), "-D", data];
    for (const setting of settings) command.push("-c", setting);
    const daemon = new Daemon("postgres", command);
    await whileServing(daemon, `postgres://postgres@127.0.0.1:${port}/test`, test);
  });
}
