// Ends the sessions of owner after owner while two processes use, renew and merge them, on each kind of database.
// A session that is active afterwards fails the drill.

import { join } from "node:path";
import { engines } from "../tests/faults/engines.ts";
import { destroyOwnedInTwoProcesses } from "../tests/faults/owner_in_two_processes.ts";
import { withServer } from "../tests/faults/servers.ts";
import { withFolder } from "../tests/support/folder.ts";
import type { Drill, Row } from "./drill.ts";

const ROUNDS_PER_MINUTE = 60;

export const ownersDrill: Drill = {
  name: "owners",
  about: "an owner's sessions end while two processes use, renew and merge them",
  ignored: engines.map(({ ignored }) => ignored).find(Boolean),
  run: async (minutes = 1) => {
    const rounds = Math.ceil(ROUNDS_PER_MINUTE * minutes);
    const measure = async (database: string, address: string): Promise<Row> => ({
      database,
      rounds,
      ended: await destroyOwnedInTwoProcesses(address, rounds),
      survived: 0,
    });
    const rows: Row[] = [];
    await withFolder(async (folder) => {
      rows.push(await measure("SQLite, one file, WAL", join(folder, "sessions.sqlite")));
    });
    for (const engine of engines) {
      await withServer(engine, async ({ url }) => {
        rows.push(await measure(engine.name, url));
      });
    }
    return rows;
  },
};
