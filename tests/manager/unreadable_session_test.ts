// Sessions that cannot be decoded.

import assert from "node:assert/strict";
import { MemoryStore, SessionManager } from "../../src/manager/mod.ts";
import { bytes, soon } from "../support/databases.ts";
import { Visitor } from "../support/visitor.ts";

type Values = Record<string, unknown>;

Deno.test("a session that cannot be decoded can be destroyed and begun anew", async () => {
  for (const first of ["put", "status", "rememberMe", "merge"] as const) {
    const inner = new MemoryStore();
    const sessions = new SessionManager<Values>({ store: inner, onError: () => {} });
    const session = await sessions.load(undefined);
    session.put("n", 1);
    await sessions.commit(session);
    const [key] = (await inner.all()).keys();
    await inner.commit(key!, bytes("hunter2"), soon());
    const cart = await sessions.load(undefined);
    cart.put("items", ["x"]);
    await sessions.commit(cart);
    const broken = await sessions.load(session.token);
    broken.destroy();
    if (first === "rememberMe") broken.rememberMe(true);
    else if (first === "merge") await broken.merge(cart.token!);
    else broken.put("flash", "Goodbye");
    if (first === "status") assert.equal(broken.status, "modified");
    await assert.doesNotReject(sessions.commit(broken), first);
    assert.equal(await inner.find(key!), undefined, first);
  }
});

Deno.test("a visitor can sign out of a session that cannot be decoded", async () => {
  const inner = new MemoryStore();
  const sessions = new SessionManager<Values>({ store: inner, onError: () => {} });
  const session = await sessions.load(undefined);
  session.put("n", 1);
  await sessions.commit(session);
  for (const key of (await inner.all()).keys()) await inner.commit(key, bytes("hunter2"), soon());
  const visitor = new Visitor(
    sessions.loadAndSave((_, session) => {
      session.destroy();
      session.put("flash", "Goodbye");
      return new Response();
    }),
    { session: session.token! },
  );
  assert.deepEqual([(await visitor.fetch()).status, (await visitor.fetch()).status], [200, 200]);
});
