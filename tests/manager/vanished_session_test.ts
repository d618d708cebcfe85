// Sessions that another request has ended, renewed or changed meanwhile.

import assert from "node:assert/strict";
import { MemoryStore, SessionManager } from "../../src/manager/mod.ts";

type Values = Record<string, unknown>;

Deno.test("destroy() also ends what a session has become, if its request has noticed the renewal before", async () => {
  for (const noticed of [false, true]) {
    const inner = new MemoryStore();
    const sessions = new SessionManager<Values>({ store: inner });
    const session = await sessions.load(undefined);
    session.put("a", 0);
    await sessions.commit(session);
    const slow = await sessions.load(session.token);
    session.renewToken();
    await sessions.commit(session);
    if (noticed) {
      slow.put("n", 1);
      await sessions.commit(slow);
    }
    slow.destroy();
    await sessions.commit(slow);
    assert.equal((await inner.all()).size, 0, `noticed: ${noticed}`);
  }
});

Deno.test("a session keeps its own value if that of the session that it merges is removed meanwhile", async () => {
  const sessions = new SessionManager<Values>();
  const login = await sessions.load(undefined);
  login.put("theme", "dark");
  await sessions.commit(login);
  const cart = await sessions.load(undefined);
  cart.put("theme", "light");
  cart.put("n", 1);
  await sessions.commit(cart);
  await login.merge(cart.token!);
  cart.remove("theme");
  await sessions.commit(cart);
  await sessions.commit(login);
  // As if the removal had come before the merge.
  assert.equal((await sessions.load(login.token)).get("theme"), "dark");
  assert.equal(login.get("theme"), "dark");
});
