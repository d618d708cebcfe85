// Whose session is whose: listing an owner's sessions, ending them, and limiting their number.

import assert from "node:assert/strict";
import {
  devalueCodec,
  jsonCodec,
  MemoryStore,
  type Session,
  SessionManager,
  type SessionManagerOptions,
  type SessionStore,
} from "../../src/manager/mod.ts";
import { ExpressStore } from "../../src/express/mod.ts";
import { hashToken } from "../../src/store/token.ts";
import { databases, testOn, withStore } from "../support/databases.ts";
import { recording } from "../support/stores.ts";

type Values = { userId: number | string | bigint | null; count: number; cart: string };

const owner = (values: Partial<Values>): Values["userId"] | undefined => values.userId;

function newManager(options: SessionManagerOptions<Values> = {}): SessionManager<Values> {
  return new SessionManager<Values>({ store: new MemoryStore(), owner, ...options });
}

/** Commits a new session with these values. */
async function begin(
  sessions: SessionManager<Values>,
  values: Partial<Values>,
): Promise<Session<Values>> {
  const session = await sessions.load(undefined);
  for (const [key, value] of Object.entries(values)) session.put(key as "cart", value as string);
  await sessions.commit(session);
  return session;
}

async function idsOf(
  sessions: SessionManager<Values>,
  ...[of]: Parameters<SessionManager<Values>["ofOwner"]>
): Promise<string[]> {
  const ids: string[] = [];
  for await (const session of sessions.ofOwner(of)) ids.push(session.id);
  return ids;
}

async function isThere(sessions: SessionManager<Values>, { token }: Session): Promise<boolean> {
  return (await sessions.load(token)).token === token && token !== undefined;
}

Deno.test("signing in, changing the user and signing out move a session", async () => {
  const sessions = newManager();
  const session = await begin(sessions, { cart: "full" });
  for (const userId of [1, 2, 2, null, 3]) {
    session.put("userId", userId);
    session.put("count", Number(userId));
    await sessions.commit(session);
    for (const one of [1, 2, 3]) {
      assert.deepEqual(await idsOf(sessions, one), one === userId ? [session.id] : []);
    }
  }
  session.renewToken();
  await sessions.commit(session);
  assert.deepEqual(await idsOf(sessions, 3), [session.id]);
  session.remove("userId");
  await sessions.commit(session);
  assert.deepEqual(await idsOf(sessions, 3), []);
  assert.ok(await isThere(sessions, session));
});

Deno.test("an owner is the same as a string, a number or a bigint, and is never quoted", async () => {
  const sessions = newManager();
  for (const userId of [7, 7n, "7"]) {
    const { id } = await begin(sessions, { userId });
    for (const same of [7, 7n, "7"]) assert.ok((await idsOf(sessions, same)).includes(id));
  }
  assert.equal(await sessions.destroyOwned(7), 3);
  const wrong = [NaN, 1.5, 2 ** 53, "", "x".repeat(256), "secret\0", "\ud800"];
  for (const userId of wrong) {
    const isMeant = (error: Error): boolean => {
      assert.match(error.message, /^Cannot .*: 'owner(\(values\))?' must be 1 to 255 characters/);
      assert.doesNotMatch(error.message, /secret/);
      return error.name === "RangeError";
    };
    await assert.rejects(begin(sessions, { userId }), isMeant);
    await assert.rejects(idsOf(sessions, userId), isMeant);
    await assert.rejects(sessions.destroyOwned(userId), isMeant);
    await assert.rejects(sessions.destroyById(userId, "id"), isMeant);
  }
  for (const userId of [{}, true, []] as unknown as number[]) {
    await assert.rejects(begin(sessions, { userId }), TypeError);
    await assert.rejects(sessions.destroyOwned(userId), TypeError);
  }
  for (const nobody of [undefined, null] as unknown as number[]) {
    await assert.rejects(sessions.destroyOwned(nobody), TypeError);
    await assert.rejects(idsOf(sessions, nobody), TypeError);
  }
});

Deno.test("a manager with 'owner' needs a store that knows owners", async () => {
  const { find, commit, delete: remove } = new MemoryStore();
  const minimal: SessionStore = { find, commit, delete: remove };
  assert.throws(() => newManager({ store: minimal }), {
    name: "TypeError",
    message: "Cannot create the session manager: 'store' must be a store with entriesOf and " +
      "deleteOwned if there is 'owner' (SequelizeStore: `owners: true`): received object",
  });
  const off = Object.assign(new MemoryStore(), { owners: false });
  assert.throws(() => newManager({ store: off }), TypeError);
  assert.throws(() => newManager({ owner: 1 as unknown as typeof owner }), TypeError);
  assert.throws(() => new SessionManager({ maxPerOwner: 1 }), {
    name: "TypeError",
    message: "Cannot create the session manager: 'owner' must be a function if there is " +
      "'maxPerOwner': received undefined",
  });
  assert.throws(() => newManager({ maxPerOwner: "1" as unknown as number }), TypeError);
  for (const maxPerOwner of [0, -1, 1.5, NaN]) {
    assert.throws(() => newManager({ maxPerOwner }), RangeError);
  }
  const without = new SessionManager<Values>();
  const message = /: the manager's option 'owner' must be set$/;
  await assert.rejects(idsOf(without, 1), { name: "TypeError", message });
  await assert.rejects(without.destroyOwned(1), { name: "TypeError", message });
  await assert.rejects(without.destroyById(1, "id"), { name: "TypeError", message });
});

Deno.test("destroyOwned() ends an owner's sessions, except one, and no others", async () => {
  const sessions = newManager();
  const [one, two, three] = [1, 2, 3].map(() => begin(sessions, { userId: 7 }));
  const other = await begin(sessions, { userId: 8 });
  const nobody = await begin(sessions, { cart: "full" });
  assert.equal(await sessions.destroyOwned(7, { except: await one! }), 2);
  assert.deepEqual(await idsOf(sessions, 7), [(await one!).id]);
  for (const gone of [await two!, await three!]) assert.ok(!await isThere(sessions, gone));
  assert.equal(await sessions.destroyOwned(7), 1);
  assert.equal(await sessions.destroyOwned(7), 0);
  for (const kept of [other, nobody]) assert.ok(await isThere(sessions, kept));
  const foreign = await newManager().load(undefined);
  await assert.rejects(sessions.destroyOwned(7, { except: foreign as typeof other }), TypeError);
  await assert.rejects(sessions.destroyOwned(7, { expect: other } as object), TypeError);
  const signal = AbortSignal.abort(new Error("stop"));
  await assert.rejects(sessions.destroyOwned(7, { signal }), /stop/);
});

Deno.test("destroyOwned() keeps a session that has asked for a new token", async () => {
  const sessions = newManager();
  const [mine] = [await begin(sessions, { userId: 7 }), await begin(sessions, { userId: 7 })];
  mine.renewToken();
  assert.equal(await sessions.destroyOwned(7, { except: mine }), 1);
  await sessions.commit(mine);
  assert.deepEqual(await idsOf(sessions, 7), [mine.id]);
});

Deno.test("what a request in flight does to a session that was destroyed is dropped", async () => {
  const store = new MemoryStore();
  const [sessions, elsewhere] = [newManager({ store }), newManager({ store })];
  type Do = (session: Session<Values>, cart: Session<Values>) => void | Promise<unknown>;
  const all: Do[] = [
    (session) => session.put("count", 1),
    (session) => session.renewToken(),
    (session, cart) => session.merge(cart.token!),
    async (session, cart) => (session.renewToken(), await session.merge(cart.token!)),
    () => {},
  ];
  for (const act of all) {
    const { token } = await begin(sessions, { userId: 7 });
    const cart = await begin(sessions, { cart: "full" });
    const session = await sessions.load(token);
    await act(session, cart);
    assert.equal(await elsewhere.destroyOwned(7), 1);
    await sessions.commit(session);
    assert.deepEqual(await idsOf(sessions, 7), []);
    assert.ok(await isThere(sessions, cart));
  }
});

Deno.test("a session that merged one which was destroyed meanwhile is not signed in", async () => {
  const store = new MemoryStore();
  const [sessions, elsewhere] = [newManager({ store }), newManager({ store })];
  for (const values of [{}, { cart: "full" }]) {
    const { token } = await begin(sessions, { userId: 7 });
    const session = await begin(sessions, values);
    assert.ok(await session.merge(token!));
    assert.equal(await elsewhere.destroyOwned(7), 1);
    assert.equal(await sessions.commit(session), undefined);
    assert.deepEqual([...(await store.all()).keys()], []);
    assert.equal(session.status, "destroyed");
  }
});

Deno.test("a session's public name opens nothing, and survives a new token", async () => {
  for (const codec of [devalueCodec, jsonCodec]) {
    const sessions = newManager({ codec });
    const session = await begin(sessions, { userId: 7 });
    const { id, token } = session;
    assert.match(id, /^[\w-]{20,40}$/);
    assert.equal((await sessions.load(token)).id, id);
    for (const guess of [id, hashToken(id)]) {
      assert.equal((await sessions.load(guess)).token, undefined);
    }
    session.renewToken();
    assert.equal(session.id, id);
    await sessions.commit(session);
    const later = await sessions.load(session.token);
    assert.notEqual(later.token, token);
    assert.equal(later.id, id);
    later.clear();
    later.put("userId", 7);
    await sessions.commit(later);
    assert.deepEqual(await idsOf(sessions, 7), [id]);
    later.destroy();
    later.put("userId", 7);
    await sessions.commit(later);
    assert.notEqual(later.id, id);
    assert.deepEqual(await idsOf(sessions, 7), [later.id]);
    assert.deepEqual(later.keys(), ["userId"]);
  }
});

Deno.test("createdAt and renewedAt tell when a session began and when it got its token", async () => {
  const { now } = Date;
  let clock = now();
  Date.now = () => clock;
  try {
    const sessions = newManager();
    const [start, next] = [clock, clock + 1000];
    const session = await begin(sessions, { userId: 7 });
    clock = next;
    session.renewToken();
    const times = (
      of: Session<Values>,
    ): number[] => [of.createdAt.getTime(), of.renewedAt.getTime()];
    assert.deepEqual(times(session), [start, next]);
    await sessions.commit(session);
    clock++;
    const later = await sessions.load(session.token);
    assert.deepEqual(times(later), [start, next]);
    later.discard();
    assert.deepEqual(times(later), [start, next]);
    later.destroy();
    assert.deepEqual(times(later), [clock, clock]);
    later.put("count", 1);
    await sessions.commit(later);
    assert.deepEqual(times(await sessions.load(later.token)), [clock, clock]);
  } finally {
    Date.now = now;
  }
});

Deno.test("a session of another language has a stable name and an estimated age", async () => {
  const store = new MemoryStore();
  const sessions = newManager({ store, codec: jsonCodec, lifetime: 60_000 });
  const token = "a".repeat(43);
  const deadline = new Date(Date.now() + 30_000);
  const data = (values: object): Uint8Array => {
    return new TextEncoder().encode(JSON.stringify({ deadline, values }));
  };
  for (const about of [{}, { __session: null }, { __session: { id: 1 } }]) {
    await store.commit(hashToken(token), data({ userId: 7, ...about }), deadline);
    const [one, other] = [await sessions.load(token), await sessions.load(token)];
    assert.equal(one.id, other.id);
    assert.ok(!one.id.includes(hashToken(token).slice(0, 8)));
    assert.equal(one.createdAt.getTime(), deadline.getTime() - 60_000);
    const { id } = one;
    one.renewToken();
    await sessions.commit(one);
    assert.equal((await sessions.load(one.token)).id, id);
    assert.deepEqual(await idsOf(sessions, 7), [id]);
    await sessions.destroyOwned(7);
  }
});

Deno.test("another session manager hands on what a session's data says about it", async () => {
  const store = new MemoryStore();
  const sessions = newManager({ store, codec: jsonCodec });
  const { id, token } = await begin(sessions, { userId: 7 });
  const key = hashToken(token!);
  const { data, expiry } = (await store.find(key))!;
  // As SCS does in Go: it knows a deadline and values, and sorts the keys.
  const { deadline, values } = JSON.parse(new TextDecoder().decode(data));
  const sorted = Object.fromEntries(Object.entries(values).sort());
  await store.commit(
    key,
    new TextEncoder().encode(JSON.stringify({ deadline, values: sorted })),
    expiry,
  );
  assert.equal((await sessions.load(token)).id, id);
});

Deno.test("parallel renewals of one session are listed once, and end together", async () => {
  const sessions = newManager();
  const { id, token } = await begin(sessions, { userId: 7 });
  const twins = await Promise.all([1, 2].map(async () => {
    const session = await sessions.load(token);
    session.renewToken();
    return session;
  }));
  await Promise.all(twins.map((session) => sessions.commit(session)));
  for (const twin of twins) assert.ok(await isThere(sessions, twin));
  assert.deepEqual(await idsOf(sessions, 7), [id]);
  assert.equal(await sessions.destroyById(7, id), true);
  for (const twin of twins) assert.ok(!await isThere(sessions, twin));
});

Deno.test("destroyById() ends the owner's session of that name, and no other", async () => {
  const sessions = newManager();
  const [one, two] = [await begin(sessions, { userId: 7 }), await begin(sessions, { userId: 7 })];
  assert.equal(await sessions.destroyById(8, one.id), false);
  assert.equal(await sessions.destroyById(7, "another"), false);
  assert.equal(await sessions.destroyById(7, one.id), true);
  assert.equal(await sessions.destroyById(7, one.id), false);
  assert.deepEqual(await idsOf(sessions, 7), [two.id]);
  await assert.rejects(sessions.destroyById(7, 1 as unknown as string), TypeError);
});

Deno.test("a commit tells the store the owner that it does not know, and nothing else", async () => {
  const inner = new MemoryStore();
  const session = await begin(new SessionManager<Values>({ store: inner }), { userId: 7 });
  const before = await inner.find(hashToken(session.token!));
  const { store, calls } = recording(inner);
  const sessions = newManager({ store });
  assert.deepEqual(await idsOf(sessions, 7), []);
  for await (const each of sessions.iterate()) await sessions.commit(each);
  assert.deepEqual(await idsOf(sessions, 7), [session.id]);
  assert.deepEqual(await inner.find(hashToken(session.token!)), { ...before, owner: "7" });
  calls.length = 0;
  const later = await sessions.load(session.token);
  await sessions.commit(later);
  assert.deepEqual(calls, ["find"]);
  assert.equal(sessions.toSetCookie(later), undefined);
});

Deno.test("a manager without 'owner' leaves an owner as it is", async () => {
  const store = new MemoryStore();
  const { id, token } = await begin(newManager({ store }), { userId: 7 });
  const plain = new SessionManager<Values>({ store });
  const session = await plain.load(token);
  session.put("count", 1);
  await plain.commit(session);
  assert.deepEqual(await idsOf(newManager({ store }), 7), [id]);
});

Deno.test("a session is not committed if 'owner' throws, and can be committed again", async () => {
  let isBroken = true;
  const sessions = newManager({
    owner: (values) => {
      if (isBroken) throw new Error("broken");
      return values.userId;
    },
  });
  const session = await sessions.load(undefined);
  session.put("userId", 7);
  await assert.rejects(sessions.commit(session), /broken/);
  isBroken = false;
  await sessions.commit(session);
  assert.deepEqual(await idsOf(sessions, 7), [session.id]);
});

Deno.test("maxPerOwner ends the sessions that have been the owner's the longest", async () => {
  const sessions = newManager({ maxPerOwner: 2 });
  // The first visitor, and yet the last one to sign in.
  const visitor = await begin(sessions, { cart: "full" });
  const others: Session<Values>[] = [];
  for (let i = 0; i < 4; i++) others.push(await begin(sessions, { userId: 7 }));
  assert.deepEqual(
    await idsOf(sessions, 7).then(sorted),
    sorted(others.slice(2).map(({ id }) => id)),
  );
  visitor.put("userId", 7);
  await sessions.commit(visitor);
  const left = [visitor.id, others[3]!.id];
  assert.deepEqual(await idsOf(sessions, 7).then(sorted), sorted(left));
  // A session that is only used or renewed is no new one.
  others[3]!.renewToken();
  await sessions.commit(others[3]!);
  visitor.put("count", 1);
  await sessions.commit(visitor);
  assert.deepEqual(await idsOf(sessions, 7).then(sorted), sorted(left));
  assert.ok(!await isThere(sessions, others[2]!));
});

Deno.test("maxPerOwner holds if many sign in at once, in two processes", async () => {
  const store = new MemoryStore();
  for (const maxPerOwner of [1, 3]) {
    const managers = [1, 2].map(() => newManager({ store, maxPerOwner }));
    const all = await Promise.all(
      Array.from({ length: 12 }, (_, i) => begin(managers[i % 2]!, { userId: 7 })),
    );
    const left = await idsOf(managers[0]!, 7);
    assert.equal(left.length, maxPerOwner);
    assert.ok(left.every((id) => all.some((session) => session.id === id)));
    await managers[0]!.destroyOwned(7);
  }
});

Deno.test("a sign-in whose limit could not be checked is checked by the next commit", async () => {
  const inner = new MemoryStore();
  let isDown = false;
  const store = new Proxy(inner, {
    get: (target, name) => {
      if (isDown && name === "entriesOf") throw new Error("down");
      const value = target[name as "find"];
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const sessions = newManager({ store, maxPerOwner: 1 });
  await begin(sessions, { userId: 7 });
  isDown = true;
  const session = await sessions.load(undefined);
  session.put("userId", 7);
  await assert.rejects(sessions.commit(session), /down/);
  isDown = false;
  await sessions.commit(session);
  assert.deepEqual(await idsOf(sessions, 7), [session.id]);
});

function sorted(ids: readonly string[]): string[] {
  return [...ids].sort();
}

Deno.test("a promise of a store that knows no owners fails at the first call", async () => {
  const good = newManager({ store: Promise.resolve(new MemoryStore()) });
  const { id } = await begin(good, { userId: 7 });
  assert.deepEqual(await idsOf(good, 7), [id]);
  assert.equal(await good.destroyOwned(7), 1);
  const off = Object.assign(new MemoryStore(), { owners: false });
  const bad = newManager({ store: Promise.resolve(off) });
  const message = /'store' must be a store with entriesOf and deleteOwned if there is 'owner'/;
  await assert.rejects(begin(bad, { cart: "full" }), { name: "TypeError", message });
  await assert.rejects(bad.load("a".repeat(43)), { name: "TypeError", message });
});

testOn(
  databases,
  "a manager lists an owner's sessions by one statement, and ends them",
  async (database) => {
    await withStore(database, async ({ store, statements }) => {
      const sessions = newManager({ store, maxPerOwner: 3 });
      const all: Session<Values>[] = [];
      for (let i = 0; i < 4; i++) all.push(await begin(sessions, { userId: 7 }));
      await begin(sessions, { userId: 8 });
      statements.length = 0;
      const ids = await idsOf(sessions, 7);
      assert.deepEqual(statements.length, 1, statements.join("\n"));
      assert.deepEqual(sorted(ids), sorted(all.slice(1).map(({ id }) => id)));
      all[1]!.renewToken();
      await sessions.commit(all[1]!);
      assert.equal(await sessions.destroyById(7, all[1]!.id), true);
      assert.equal(await sessions.destroyOwned(7, { except: all[2]! }), 1);
      assert.deepEqual(await idsOf(sessions, 7), [all[2]!.id]);
      all[2]!.remove("userId");
      all[2]!.put("count", 1);
      await sessions.commit(all[2]!);
      assert.deepEqual(await idsOf(sessions, 7), []);
      assert.equal((await store.all()).size, 2);
    }, { owners: true });
  },
);

testOn(
  databases.slice(0, 1),
  "a SequelizeStore without owners is refused when it is passed",
  async (database) => {
    await withStore(database, async ({ store }) => {
      await Promise.resolve();
      const message = /'store' must be a store with .* \(SequelizeStore: `owners: true`\)/;
      assert.throws(() => newManager({ store }), { name: "TypeError", message });
      assert.throws(() => new ExpressStore(store, { owner: ({ userId }) => userId }), {
        name: "TypeError",
        message,
      });
    });
  },
);

// A request that renews a token after another one did gets a session of its own, as long as the other one is there.
for (const userId of [null, 2]) {
  Deno.test(`a slow renewal does not survive destroyOwned() beside a session that is now ${userId}'s`, async () => {
    const sessions = newManager();
    const session = await begin(sessions, { userId: 1 });
    const [fast, slow] = [await sessions.load(session.token), await sessions.load(session.token)];
    fast.put("userId", userId);
    fast.renewToken();
    await sessions.commit(fast);
    await sessions.destroyOwned(1);
    slow.renewToken();
    await sessions.commit(slow);
    assert.equal(slow.token, undefined);
    assert.deepEqual(await idsOf(sessions, 1), []);
    for await (const each of sessions.iterate()) assert.equal(each.get("userId"), userId);
  });
}

for (
  const [from, { fastUser, slowUser }] of Object.entries({
    nobody: { fastUser: undefined, slowUser: 1 },
    "another user": { fastUser: null, slowUser: 2 },
  })
) {
  Deno.test(`a sign-in from a session of ${from} goes on beside a faster renewal`, async () => {
    const sessions = newManager();
    const session = await begin(sessions, fastUser === null ? { userId: 1 } : { cart: "full" });
    const [fast, slow] = [await sessions.load(session.token), await sessions.load(session.token)];
    if (fastUser !== undefined) fast.put("userId", fastUser);
    fast.renewToken();
    await sessions.commit(fast);
    slow.put("userId", slowUser);
    slow.renewToken();
    await sessions.commit(slow);
    assert.ok(await isThere(sessions, slow));
    assert.deepEqual(await idsOf(sessions, slowUser), [slow.id]);
  });
}
