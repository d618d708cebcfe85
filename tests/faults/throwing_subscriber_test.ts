// What becomes of a store's calls if a subscriber of its statements throws.

import assert from "node:assert/strict";
import { withoutNodeSqlite } from "../support/databases.ts";
import { runScript } from "../support/run_script.ts";

Deno.test({
  name: "a subscriber that throws fails no call, and its error is uncaught",
  ignore: withoutNodeSqlite !== undefined,
  fn: async () => {
    const { code, output } = await runScript("tests/faults/throwing_subscriber.ts").ended;
    assert.match(output, /^found 3 bytes, told 2 times$/m);
    assert.equal(output.match(/^uncaught: thrown by a subscriber$/gm)?.length, 2, output);
    assert.equal(code, 0);
  },
});
