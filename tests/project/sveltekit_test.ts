// The hooks of SvelteKit, called as SvelteKit calls them.

import assert from "node:assert/strict";
import process from "node:process";
import type { Session } from "../../src/manager/mod.ts";
import type { Values } from "../../examples/frameworks/sessions.ts";
import { withFolder } from "../support/folder.ts";
import { Visitor } from "../support/visitor.ts";

const isDeno = "deno" in process.versions;

Deno.test({
  name: "the hooks of SvelteKit keep a session, and save nothing of a page that fails" +
    (isDeno ? "" : " (ignored: the examples are Deno's)"),
  ignore: !isDeno,
  fn: () =>
    withFolder(async (folder) => {
      const before = process.cwd();
      // The example keeps its file in the current folder.
      process.chdir(folder);
      try {
        const { handle, handleError } = await import(
          "../../examples/frameworks/sveltekit/hooks.server.ts"
        );
        const visitor = new Visitor(async (request) => {
          const event = { request, locals: {} as { session?: Session<Values> } };
          const resolve = (): Response => {
            const { session } = event.locals;
            session!.put("views", (session!.get("views") ?? 0) + 1);
            if (!request.url.endsWith("/throw")) {
              return new Response(`View ${session!.get("views")}`);
            }
            handleError({ event });
            return new Response("Internal Error", { status: 500 });
          };
          return await handle({ event, resolve });
        });
        assert.equal(await visitor.text("/"), "View 1");
        assert.equal(await visitor.text("/"), "View 2");
        assert.equal(await visitor.text("/throw"), "Internal Error");
        assert.equal(await visitor.text("/"), "View 3");
        assert.equal(visitor.cookies.size, 1);
      } finally {
        process.chdir(before);
      }
    }),
});
