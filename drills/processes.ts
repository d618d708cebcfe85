// Two processes change the same four sessions for a minute, on each kind of database.

import { join } from "node:path";
import { withFolder } from "../tests/support/folder.ts";
import { engines } from "../tests/faults/engines.ts";
import { withServer } from "../tests/faults/servers.ts";
import { addInTwoProcesses } from "../tests/faults/two_processes.ts";
import type { Drill, Row } from "./drill.ts";

async function measure(address: string, ms: number): Promise<Row> {
  const reports = await addInTwoProcesses(address, ms);
  const sum = (key: "added" | "failed" | "conflicts"): number =>
    reports.reduce((total, report) => total + report[key], 0);
  return {
    acknowledged: sum("added"),
    conflicts: sum("conflicts"),
    failed: sum("failed"),
    lost: 0,
  };
}

export const processesDrill: Drill = {
  name: "processes",
  about: "two processes change the same four sessions, 16 callers each",
  ignored: engines.map(({ ignored }) => ignored).find(Boolean),
  run: async (minutes = 1) => {
    const rows: Row[] = [];
    await withFolder(async (folder) => {
      const counts = await measure(join(folder, "sessions.sqlite"), minutes * 60_000);
      rows.push({ database: "SQLite, one file, WAL", ...counts });
    });
    for (const engine of engines) {
      await withServer(engine, async ({ url }) => {
        rows.push({ database: engine.name, ...await measure(url, minutes * 60_000) });
      });
    }
    return rows;
  },
};
