// What happens if one session takes over another while other requests use both of them.

import assert from "node:assert/strict";
import {
  MemoryStore,
  type Session,
  SessionManager,
  type SessionStore,
} from "../../src/manager/mod.ts";
import { later } from "../support/clock.ts";
import { databases, inMs, shared, soon, testOn, withStore } from "../support/databases.ts";
import { MINIMAL, recording, touchAll, withCalls } from "../support/stores.ts";

type Values = Record<string, unknown>;

/** Two sessions of one store, each as a request sees it, in one process or in two. */
async function scene(store: SessionStore, managers = 1): Promise<{
  readonly sessions: SessionManager<Values>;
  /** Another process, or the same. */
  readonly elsewhere: SessionManager<Values>;
  readonly login: Session<Values>;
  readonly cart: Session<Values>;
}> {
  const sessions = new SessionManager<Values>({ store });
  const make = async (values: Values): Promise<Session<Values>> => {
    const session = await sessions.load(undefined);
    for (const [key, value] of Object.entries(values)) session.put(key, value);
    await sessions.commit(session);
    return await sessions.load(session.token);
  };
  const elsewhere = managers === 1 ? sessions : new SessionManager<Values>({ store });
  const login = await make({ userId: 1, theme: "dark" });
  return { sessions, elsewhere, login, cart: await make({ items: ["x"], theme: "light" }) };
}

/** All that a session of a token holds. */
async function valuesOf(
  sessions: SessionManager<Values>,
  token: string | undefined,
): Promise<Values> {
  const session = await sessions.load(token);
  return Object.fromEntries(session.keys().map((key) => [key, session.get(key)]));
}

const BOTH = { items: ["x"], theme: "light", userId: 1 };

testOn(
  databases,
  "a merge into a session that has ended leaves the other one alone",
  async (on) => {
    await withStore(on, async ({ store }) => {
      for (const managers of [1, 2]) {
        for (const act of ["destroy", "renewToken"] as const) {
          const { sessions, elsewhere, login, cart } = await scene(store, managers);
          const other = await elsewhere.load(login.token);
          other[act]();
          await elsewhere.commit(other);
          assert.equal(await login.merge(cart.token!), true);
          assert.equal(await sessions.commit(login), undefined);
          assert.deepEqual(login.keys(), []);
          // A later commit does not end it either.
          await sessions.commit(login);
          assert.deepEqual(await valuesOf(sessions, cart.token), { items: ["x"], theme: "light" });
        }
      }
    });
  },
);

testOn(databases, "what is written to a session after it was merged is also merged", async (on) => {
  await withStore(on, async ({ store }) => {
    for (const managers of [1, 2]) {
      const { sessions, elsewhere, login, cart } = await scene(store, managers);
      login.put("before", 1);
      await login.merge(cart.token!);
      login.put("theme", "system");
      login.remove("gone");
      const other = await elsewhere.load(cart.token);
      other.put("items", ["x", "y"]);
      other.put("theme", "none");
      other.put("before", 2);
      other.put("late", true);
      other.deadline = new Date("2099-01-01T00:00:00Z");
      await elsewhere.commit(other);
      await sessions.commit(login);
      const expected = { items: ["x", "y"], theme: "system", before: 2, late: true, userId: 1 };
      assert.deepEqual(await valuesOf(sessions, login.token), expected);
      assert.deepEqual(login.get("items"), ["x", "y"]);
      assert.deepEqual(login.deadline, new Date("2099-01-01T00:00:00Z"));
      assert.deepEqual(await valuesOf(sessions, cart.token), {});
      login.destroy();
      await sessions.commit(login);
      assert.equal((await store.all()).size, 0);
    }
  });
});

Deno.test("what is removed from a session after it was merged is also removed", async () => {
  const { sessions, login, cart } = await scene(new MemoryStore());
  await login.merge(cart.token!);
  login.deadline = soon();
  const other = await sessions.load(cart.token);
  other.remove("items");
  other.put("userId", 2);
  other.deadline = new Date("2099-01-01T00:00:00Z");
  await sessions.commit(other);
  // Changes of others to this session stay.
  const same = await sessions.load(login.token);
  same.put("kept", true);
  await sessions.commit(same);
  await sessions.commit(login);
  assert.deepEqual(await valuesOf(sessions, login.token), {
    kept: true,
    theme: "light",
    userId: 2,
  });
  assert.ok(login.deadline < new Date("2099-01-01T00:00:00Z"), "it was set after the merge");
});

Deno.test("a session that is cleared after a merge takes over nothing, and the other one still ends", async () => {
  for (const act of ["clear", "destroy"] as const) {
    const store = new MemoryStore();
    const { sessions, login, cart } = await scene(store);
    await login.merge(cart.token!);
    login[act]();
    login.put("n", 1);
    const other = await sessions.load(cart.token);
    other.put("late", true);
    await sessions.commit(other);
    await sessions.commit(login);
    assert.deepEqual(await valuesOf(sessions, login.token), { n: 1 });
    assert.equal((await store.all()).size, 1);
  }
});

testOn(
  shared,
  "a session that got a new token after it was merged ends under the new one",
  async (on) => {
    await withStore(on, async ({ store }) => {
      const { sessions, login, cart } = await scene(store);
      await login.merge(cart.token!);
      const other = await sessions.load(cart.token);
      for (const late of [1, 2]) {
        other.renewToken();
        other.put("late", late);
        await sessions.commit(other);
      }
      await sessions.commit(login);
      assert.deepEqual(await valuesOf(sessions, login.token), { ...BOTH, late: 2 });
      assert.deepEqual(await valuesOf(sessions, other.token), {});
      assert.equal((await store.all()).size, 1);
      // Its own client keeps the cookie that it has by now.
      other.put("later", true);
      assert.equal(await sessions.commit(other), undefined);
      assert.equal(sessions.toSetCookie(other), undefined);
    });
  },
);

Deno.test("a session that got a new token in another process goes on, and nothing is lost", async () => {
  const { sessions, elsewhere, login, cart } = await scene(new MemoryStore(), 2);
  await login.merge(cart.token!);
  const other = await elsewhere.load(cart.token);
  other.renewToken();
  other.put("late", true);
  await elsewhere.commit(other);
  await sessions.commit(login);
  assert.deepEqual(await valuesOf(sessions, login.token), BOTH);
  assert.deepEqual((await valuesOf(sessions, other.token)).late, true);
});

testOn(shared, "if two sessions merge each other, one is left, with all values", async (on) => {
  await withStore(on, async ({ store }) => {
    for (const managers of [1, 2]) {
      for (let i = 0; i < 5; i++) {
        const { sessions, elsewhere, login, cart } = await scene(store, managers);
        const other = await elsewhere.load(cart.token);
        await Promise.all([login.merge(cart.token!), other.merge(login.token!)]);
        await Promise.all([sessions.commit(login), elsewhere.commit(other)]);
        const left = [await valuesOf(sessions, login.token), await valuesOf(sessions, other.token)];
        assert.deepEqual(left.map((values) => Object.keys(values).length).sort(), [0, 3]);
        for await (const session of sessions.iterate()) {
          assert.deepEqual(session.keys(), ["items", "theme", "userId"]);
          session.destroy();
          await sessions.commit(session);
        }
      }
    }
  });
});

Deno.test("two sessions with the same values that merge each other do not both end", async () => {
  for (const order of ["login first", "cart first"]) {
    const store = new MemoryStore();
    const { sessions, elsewhere, login, cart } = await scene(store, 2);
    for (const key of [...login.keys(), ...cart.keys()]) {
      login.put(key, 1);
      cart.put(key, 1);
    }
    login.deadline = cart.deadline = soon();
    await Promise.all([sessions.commit(login), sessions.commit(cart)]);
    const other = await elsewhere.load(cart.token);
    await Promise.all([login.merge(cart.token!), other.merge(login.token!)]);
    const commits = [() => sessions.commit(login), () => elsewhere.commit(other)];
    if (order === "cart first") commits.reverse();
    await Promise.all(commits.map((commit) => commit()));
    const [left] = (await store.all()).keys();
    assert.ok(left, order);
    assert.equal((await store.all()).size, 1);
  }
});

Deno.test("a merge ends the other session only once its values are in this one", async () => {
  const { store, calls } = recording(new MemoryStore());
  const { sessions, login, cart } = await scene(store);
  await login.merge(cart.token!);
  calls.length = 0;
  await sessions.commit(login);
  // The compare-and-swap of each, and then the delete of the other one's record.
  assert.deepEqual(calls, ["replace", "replace", "delete"]);
});

Deno.test("a store with find, commit and delete is enough to merge", async () => {
  const { sessions, login, cart } = await scene(withCalls(new MemoryStore(), MINIMAL));
  await login.merge(cart.token!);
  const other = await sessions.load(cart.token);
  other.put("late", true);
  await sessions.commit(other);
  await sessions.commit(login);
  assert.deepEqual(await valuesOf(sessions, login.token), { ...BOTH, late: true });
  assert.deepEqual(await valuesOf(sessions, cart.token), {});
});

Deno.test("a session past its deadline is not merged, even if its record is active", async () => {
  const store = new MemoryStore();
  const { sessions, login, cart } = await scene(store);
  cart.deadline = inMs(30_000);
  await sessions.commit(cart);
  // A request that had loaded the session before touches it.
  await touchAll(store, soon());
  await later(31_000, async () => {
    assert.equal(await login.merge(cart.token!), false);
    assert.deepEqual([login.keys(), login.status], [["theme", "userId"], "unmodified"]);
  });
  await login.merge(cart.token!);
  // A session that ends after the merge was active when its values were merged.
  const other = await sessions.load(cart.token);
  other.put("late", true);
  await sessions.commit(other);
  await touchAll(store, soon());
  await later(31_000, () => sessions.commit(login));
  assert.deepEqual(await valuesOf(sessions, login.token), BOTH);
});

Deno.test("a session is not merged with itself while it gets a new token", async () => {
  const store = new MemoryStore();
  const { sessions, login } = await scene(store);
  login.renewToken();
  const commit = sessions.commit(login);
  // The new record is in the store, and the session does not know it yet.
  await Promise.resolve();
  await login.merge(login.token!);
  await commit;
  await sessions.commit(login);
  assert.deepEqual(await valuesOf(sessions, login.token), { theme: "dark", userId: 1 });
});

Deno.test("a session that is merged twice is taken over as it was the last time", async () => {
  const store = new MemoryStore();
  const { sessions, login, cart } = await scene(store);
  await login.merge(cart.token!);
  cart.put("items", ["y"]);
  await sessions.commit(cart);
  await login.merge(cart.token!);
  assert.deepEqual(login.get("items"), ["y"]);
  await sessions.commit(login);
  assert.deepEqual(await valuesOf(sessions, login.token), { ...BOTH, items: ["y"] });
  assert.equal((await store.all()).size, 1);
});
