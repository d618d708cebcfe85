// Runs the programs in examples/ unchanged, over HTTP.

import assert from "node:assert/strict";
import process from "node:process";
import { withFolder } from "../support/folder.ts";
import { whileExampleRuns } from "../support/run_script.ts";
import { fetchFrom, Visitor } from "../support/visitor.ts";

/** Defines a test for Deno alone: on Node, the package cannot import itself by its name. */
function testExample(name: string, fn: () => Promise<void>): void {
  const isDeno = "deno" in process.versions;
  const reason = isDeno ? "" : " (ignored: the examples are Deno's)";
  Deno.test({ name: name + reason, ignore: !isDeno, fn });
}

testExample(
  "the README's example runs",
  () =>
    withFolder((folder) =>
      whileExampleRuns("examples/hello.ts", folder, async (address) => {
        const visitor = new Visitor(fetchFrom(address));
        assert.equal(await visitor.text("/get"), "");
        await visitor.fetch("/put");
        assert.equal(await visitor.text("/get"), "Hello from a session!");
        assert.equal(await new Visitor(fetchFrom(address)).text("/get"), "");
      })
    ),
);

for (const path of ["examples/express.ts", "examples/fastify.ts"]) {
  testExample(
    `${path} counts views, signs out, and survives a restart`,
    () =>
      withFolder(async (folder) => {
        const cookies: Record<string, string> = {};
        await whileExampleRuns(path, folder, async (address) => {
          const visitor = new Visitor(fetchFrom(address));
          assert.equal(await visitor.text("/"), "View 1\n");
          assert.equal(await visitor.text("/"), "View 2\n");
          assert.equal(await new Visitor(fetchFrom(address)).text("/"), "View 1\n");
          Object.assign(cookies, Object.fromEntries(visitor.cookies));
        });
        await whileExampleRuns(path, folder, async (address) => {
          const visitor = new Visitor(fetchFrom(address), cookies);
          assert.equal(await visitor.text("/"), "View 3\n");
          const response = await visitor.fetch("/sign-out", { method: "POST" });
          assert.deepEqual([response.status, response.headers.get("location")], [302, "/"]);
          assert.equal(await visitor.text("/"), "View 1\n");
        });
      }),
  );
}
