import assert from "node:assert/strict";
import { runScript } from "../support/run_script.ts";

// Without it the process ends: Sequelize listens for a connection's errors only once it has it, and pg may
// tell of one in the same moment. It was met where a server shut down.
Deno.test("with a client that listens, a connection lost in its first moment is an error", async () => {
  const script = runScript("tests/faults/lost_while_connecting.ts", ["--listening"]);
  assert.deepEqual(await script.ended, { code: 0, output: "rejected with a Error\n" });
});
