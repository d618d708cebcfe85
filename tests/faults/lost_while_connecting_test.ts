import assert from "node:assert/strict";
import { runScript } from "../support/run_script.ts";

// Without the listener the process ends: pg may emit an error as soon as it has connected, before Sequelize
// listens for it. This has happened with a server that shut down.
Deno.test("with a client that listens, a connection lost at its start is an error", async () => {
  const script = runScript("tests/faults/lost_while_connecting.ts", ["--listening"]);
  assert.deepEqual(await script.ended, { code: 0, output: "rejected with a Error\n" });
});
