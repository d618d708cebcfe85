// Attacks on sessions that another request has ended.

import assert from "node:assert/strict";
import { MemoryStore, SessionManager } from "../../src/manager/mod.ts";

type Values = Record<string, unknown>;

Deno.test("F destroy() also ends what a session has become, if its request has noticed the renewal before", async () => {
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

Deno.test("P4 a merge keeps the value that this session had if the other one's is removed meanwhile", async () => {
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
  // "light" if the merge came first, "dark" if the removal did; nobody has removed it from this session.
  assert.equal((await sessions.load(login.token)).has("theme"), true);
});
