// The first and the last moment that every database can hold, whatever the time zones.

import assert from "node:assert/strict";
import { databases, freshTableName, testOn } from "../support/databases.ts";
import { runScript } from "../support/run_script.ts";

for (const TZ of ["UTC", "America/Los_Angeles", "Pacific/Kiritimati", "Europe/Amsterdam"]) {
  testOn(databases, `the first and the last expiry are exact in ${TZ}`, async (database) => {
    await database.connect(async (_, address) => {
      const args = [address, freshTableName()];
      const { ended } = runScript("tests/support/boundary_expiries.ts", args, { env: { TZ } });
      assert.deepEqual(await ended, { code: 0, output: "" });
    });
  });
}
