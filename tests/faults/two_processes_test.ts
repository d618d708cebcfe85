import assert from "node:assert/strict";
import { shared, testOn } from "../support/databases.ts";
import { destroyOwnedInTwoProcesses } from "./owner_in_two_processes.ts";
import { addInTwoProcesses } from "./two_processes.ts";

testOn(shared, "two processes that change the same sessions lose no change", async (database) => {
  await database.connect(async (_, address) => {
    const reports = await addInTwoProcesses(address, 2000);
    assert.ok(reports.every(({ added, conflicts }) => added > 0 && conflicts > 0));
  });
});

testOn(shared, "an owner's sessions end while two processes use them", async (database) => {
  await database.connect(async (_, address) => {
    assert.ok(await destroyOwnedInTwoProcesses(address, 5) > 0);
  });
});
