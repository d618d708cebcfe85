import assert from "node:assert/strict";
import { shared, testOn } from "../support/databases.ts";
import { addInTwoProcesses } from "./two_processes.ts";

testOn(shared, "two processes that change the same sessions lose no change", async (database) => {
  await database.connect(async (_, address) => {
    const reports = await addInTwoProcesses(address, 2000);
    assert.ok(reports.every(({ added, conflicts }) => added > 0 && conflicts > 0));
  });
});
