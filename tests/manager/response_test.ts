// Responses that cannot be sent with a cookie.

import assert from "node:assert/strict";
import { MemoryStore, SessionManager } from "../../src/manager/mod.ts";
import { Visitor } from "../support/visitor.ts";

Deno.test("what is no Response is refused before anything is saved", async () => {
  const lambda = { statusCode: 200, headers: { "content-type": "text/plain" }, body: "" };
  for (const wrong of [{ headers: {} }, lambda, new Request("http://localhost/")]) {
    const store = new MemoryStore();
    const sessions = new SessionManager({ store });
    const handler = sessions.loadAndSave((_, session) => {
      session.put("n", 1);
      return wrong as unknown as Response;
    });
    await assert.rejects(handler(new Request("http://localhost/")), TypeError);
    assert.equal((await store.all()).size, 0);
  }
});

Deno.test("a response that takes no cookie does not lose a session that gets a new token", async () => {
  const sessions = new SessionManager();
  const session = await sessions.load(undefined);
  session.put("n", 1);
  await sessions.commit(session);
  const visitor = new Visitor(
    sessions.loadAndSave((request, session) => {
      if (request.method !== "POST") return new Response(session.keys().join());
      session.renewToken();
      return Response.error();
    }),
    { session: session.token! },
  );
  await assert.rejects(visitor.fetch("/", { method: "POST" }), {
    name: "TypeError",
    message: "Cannot answer the request: 'response' must be one that can be sent: " +
      "received Response.error()",
  });
  assert.equal(await visitor.text(), "n");
});
