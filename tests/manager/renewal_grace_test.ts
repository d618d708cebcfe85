// renewToken({ grace }): for some seconds, requests with the old token still read the session, and no more.

import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeLink, readLink } from "../../src/manager/grace.ts";
import {
  type FullSessionStore,
  MemoryStore,
  type Session,
  SessionManager,
  type SessionManagerOptions,
} from "../../src/manager/mod.ts";
import { createSessionStorage } from "../../src/react_router/mod.ts";
import { EncryptedStore } from "../../src/encryption/mod.ts";
import { later } from "../support/clock.ts";
import { databases, shared, testOn, withStore } from "../support/databases.ts";
import { ALL_CALLS, MINIMAL, withCalls } from "../support/stores.ts";

type Values = Record<string, unknown>;

const GRACE = 10_000;
const REFUSED = {
  name: "RenewedSessionError",
  message: /^Cannot commit the session: it has got an/,
};

interface Fixture {
  /** The process in which sessions are renewed. */
  readonly here: SessionManager<Values>;
  /** Another process. */
  readonly there: SessionManager<Values>;
  readonly store: FullSessionStore;
  /** The token of a session that holds `{ count: 1 }`. */
  readonly token: string;
  /** Renews a token and puts a value, and returns the new token. */
  rotate(token: string, values?: Values, grace?: number): Promise<string>;
}

async function begin(
  store: FullSessionStore,
  options: SessionManagerOptions<Values> = {},
): Promise<Fixture> {
  const [here, there] = [0, 1].map(() => new SessionManager<Values>({ store, ...options }));
  const session = await here!.load(undefined);
  session.put("count", 1);
  await here!.commit(session);
  const rotate: Fixture["rotate"] = async (token, values = {}, grace = GRACE) => {
    const session = await here!.load(token);
    for (const [key, value] of Object.entries(values)) session.put(key, value);
    session.renewToken({ grace });
    await here!.commit(session);
    return session.token!;
  };
  return { here: here!, there: there!, store, token: session.token!, rotate };
}

/** Whether a token opens a session. */
async function isFound(sessions: SessionManager<Values>, token: string): Promise<boolean> {
  return (await sessions.load(token)).has("count");
}

async function commitAfter(
  sessions: SessionManager<Values>,
  token: string,
  change: (session: Session<Values>) => void,
): Promise<Session<Values>> {
  const session = await sessions.load(token);
  change(session);
  await sessions.commit(session);
  return session;
}

testOn(
  databases,
  "an old token reads the values of before for its grace, in any process",
  (on) =>
    withStore(on, async ({ store }) => {
      const { here, there, token, rotate } = await begin(store);
      const newToken = await rotate(token, { count: 2, more: "new" });
      for (const sessions of [here, there]) {
        const old = await sessions.load(token);
        assert.deepEqual([old.get("count"), old.has("more"), old.token], [1, false, token]);
        const current = await sessions.load(newToken);
        assert.deepEqual([current.get("count"), current.get("more")], [2, "new"]);
        assert.equal(old.id, current.id);
      }
    }),
);

testOn(
  databases,
  "with an old token, nothing is written, and no cookie is sent",
  (on) =>
    withStore(on, async ({ store }) => {
      const { here, there, token, rotate } = await begin(store);
      const newToken = await rotate(token);
      const before = await store.all();
      const changes: ((session: Session<Values>) => unknown)[] = [
        (session) => session.put("count", 5),
        (session) => session.remove("count"),
        (session) => session.clear(),
        (session) => session.renewToken(),
        (session) => session.rememberMe(true),
        (session) => session.deadline = new Date(Date.now() + 5000),
        (session) => {
          session.renewToken({ grace: GRACE });
          session.put("count", 5);
        },
        (session) => {
          session.renewToken({ grace: GRACE });
          session.deadline = new Date(Date.now() + 5000);
        },
      ];
      for (const sessions of [here, there]) {
        for (const change of changes) {
          const session = await sessions.load(token);
          change(session);
          for (let i = 0; i < 2; i++) await assert.rejects(sessions.commit(session), REFUSED);
          assert.equal(sessions.toCookie(session, { always: true }), undefined);
          session.discard();
          await sessions.commit(session);
        }
        // What changes nothing is no error.
        const quiet = [() => {}, (session: Session<Values>) => session.put("count", 1)];
        for (const change of [...quiet, (s: Session<Values>) => s.renewToken({ grace: GRACE })]) {
          const session = await commitAfter(sessions, token, change);
          assert.equal(sessions.toCookie(session, { always: true }), undefined);
        }
      }
      assert.deepEqual(await store.all(), before);
      assert.equal((await there.load(newToken)).get("count"), 1);
    }),
);

testOn(
  shared,
  "a request that is under way when the session is renewed only reads as well",
  (on) =>
    withStore(on, async ({ store }) => {
      for (const place of ["here", "there"] as const) {
        const fixture = await begin(store);
        const sessions = fixture[place];
        const slow = await sessions.load(fixture.token);
        const reading = await sessions.load(fixture.token);
        const rotating = await sessions.load(fixture.token);
        slow.put("count", 5);
        rotating.renewToken({ grace: GRACE });
        const newToken = await fixture.rotate(fixture.token);
        await assert.rejects(sessions.commit(slow), REFUSED);
        for (const session of [reading, rotating]) await sessions.commit(session);
        for (const session of [slow, reading, rotating]) {
          assert.equal(sessions.toSetCookie(session), undefined);
        }
        assert.equal((await sessions.load(newToken)).get("count"), 1);
      }
    }),
);

testOn(
  shared,
  "destroy() ends the session under both tokens, whichever it is called with",
  (on) =>
    withStore(on, async ({ store }) => {
      for (const place of ["here", "there"] as const) {
        for (const which of ["old", "new", "newest by the oldest"]) {
          const fixture = await begin(store);
          const newToken = await fixture.rotate(fixture.token);
          const tokens = [fixture.token, newToken];
          if (which === "newest by the oldest") tokens.push(await fixture.rotate(newToken));
          const session = await commitAfter(
            fixture[place],
            which === "new" ? newToken : fixture.token,
            (session) => session.destroy(),
          );
          assert.match(fixture[place].toSetCookie(session)!, /Max-Age=0/);
          for (const token of tokens) {
            assert.equal(await isFound(fixture.here, token), false, `${place} ${which}`);
            assert.equal(await isFound(fixture.there, token), false, `${place} ${which}`);
          }
        }
      }
    }),
);

Deno.test("a session that begins after destroy() with an old token can be written", async () => {
  const { there, token, rotate } = await begin(new MemoryStore());
  await rotate(token);
  const session = await there.load(token);
  session.destroy();
  session.put("count", 7);
  await there.commit(session);
  session.put("count", 8);
  await there.commit(session);
  assert.equal((await there.load(session.token)).get("count"), 8);
});

testOn(
  databases,
  "destroyOwned(), destroyById() and maxPerOwner end both, and count one",
  (on) =>
    withStore(on, async ({ store }) => {
      const owner = (values: Values): string | undefined => values.user as string | undefined;
      const signedIn = async (): Promise<Fixture & { readonly newToken: string }> => {
        const fixture = await begin(store, { owner, maxPerOwner: 2 });
        const session = await fixture.here.load(fixture.token);
        session.renewToken();
        session.put("user", "Ada");
        await fixture.here.commit(session);
        const token = session.token!;
        return { ...fixture, token, newToken: await fixture.rotate(token) };
      };
      const ends: ((fixture: Fixture & { readonly newToken: string }) => Promise<unknown>)[] = [
        async ({ there }) => assert.equal(await there.destroyOwned("Ada"), 1),
        async ({ there, token }) =>
          assert.ok(await there.destroyById("Ada", (await there.load(token)).id)),
        async () => void [await signedIn(), await signedIn()],
      ];
      for (const end of ends) {
        const fixture = await signedIn();
        const { here, there, token, newToken } = fixture;
        let count = 0;
        for await (const session of there.ofOwner("Ada")) {
          assert.equal(session.get("user"), "Ada");
          count++;
        }
        assert.equal(count, 1);
        assert.deepEqual([await isFound(there, token), await isFound(there, newToken)], [
          true,
          true,
        ]);
        await end(fixture);
        for (const sessions of [here, there]) {
          assert.equal(await isFound(sessions, token), false);
          assert.equal(await isFound(sessions, newToken), false);
        }
        await there.destroyOwned("Ada");
      }
      // With the old token's session, the one under the new token is kept.
      const { there, token, newToken } = await signedIn();
      await there.destroyOwned("Ada", { except: await there.load(token) });
      assert.deepEqual([await isFound(there, token), await isFound(there, newToken)], [true, true]);
    }, { owners: true }),
);

Deno.test("a link that has an owner is no session of that owner", async () => {
  const store = new MemoryStore();
  const owner = (values: Values): string | undefined => values.user as string | undefined;
  const withOwner = new SessionManager<Values>({ store, owner, maxPerOwner: 1 });
  const signIn = async (): Promise<string> => {
    const session = await withOwner.load(undefined);
    session.put("user", "Ada");
    session.put("count", 1);
    await withOwner.commit(session);
    return session.token!;
  };
  const token = await signIn();
  // A manager that knows of no owners leaves them as they are.
  const { here, rotate } = await begin(store);
  await rotate(token);
  const newer = await signIn();
  assert.equal(await isFound(here, token), true);
  const met = [];
  for await (const session of withOwner.ofOwner("Ada")) met.push(session.id);
  assert.deepEqual(met, [(await withOwner.load(newer)).id]);
});

Deno.test("an old token ends with its grace, whatever prolongs its record", async () => {
  const store = new MemoryStore();
  const { here, there, token, rotate } = await begin(store);
  const newToken = await rotate(token);
  for (const key of (await store.all()).keys()) {
    await store.touch(key, new Date(Date.now() + 3_600_000));
  }
  await later(GRACE - 1000, async () => assert.equal(await isFound(there, token), true));
  await later(GRACE, async () => {
    assert.equal(await isFound(here, token), false);
    assert.equal(await isFound(there, token), false);
    assert.equal(await isFound(there, newToken), true);
  });
});

Deno.test("an old token ends with the session, even before its grace", async () => {
  const store = new MemoryStore();
  const { there, here, token, rotate } = await begin(store);
  const newToken = await rotate(token);
  await commitAfter(here, newToken, (session) => session.deadline = new Date(Date.now() + 2000));
  for (const key of (await store.all()).keys()) {
    await store.touch(key, new Date(Date.now() + 3_600_000));
  }
  assert.equal(await isFound(there, token), true);
  await later(2000, async () => assert.equal(await isFound(there, token), false));
});

Deno.test("a renewal without a grace, as on signing in, ends the tokens of before at once", async () => {
  const { here, there, token, rotate } = await begin(new MemoryStore());
  const second = await rotate(token);
  const third = await rotate(second);
  assert.deepEqual([await isFound(there, token), await isFound(there, second)], [true, true]);
  await commitAfter(here, third, (session) => session.renewToken());
  assert.deepEqual([await isFound(there, token), await isFound(there, second)], [false, false]);
});

Deno.test("a commit throws if the owner changes along with a grace, and can be mended", async () => {
  const owner = (values: Values): string | undefined => values.user as string | undefined;
  const { here, there, token, store } = await begin(new MemoryStore(), { owner });
  const before = await store.all();
  const session = await here.load(token);
  session.put("user", "Ada");
  session.renewToken({ grace: GRACE });
  const refused = {
    name: "TypeError",
    message: /^Cannot commit the session: 'grace' must be left/,
  };
  await assert.rejects(here.commit(session), refused);
  assert.deepEqual(await store.all(), before);
  session.renewToken();
  await here.commit(session);
  assert.equal(await isFound(there, token), false);
  const signedIn = await here.load(session.token);
  signedIn.remove("user");
  signedIn.renewToken({ grace: GRACE });
  await assert.rejects(here.commit(signedIn), refused);
  const fresh = await here.load(undefined);
  fresh.put("user", "Ada");
  fresh.renewToken({ grace: GRACE });
  await assert.rejects(here.commit(fresh), refused);
});

Deno.test("a touch of a slow request sends no cookie with the old token", async () => {
  for (const place of ["here", "there"] as const) {
    const fixture = await begin(new MemoryStore(), { idleTimeout: 3_600_000 });
    const sessions = fixture[place];
    // The session was renewed with a grace before.
    const token = await fixture.rotate(fixture.token);
    const slow = await sessions.load(token);
    await later(1_800_000, async () => {
      const newToken = await fixture.rotate(token);
      await sessions.commit(slow);
      assert.equal(sessions.toSetCookie(slow), undefined);
      assert.equal(await isFound(sessions, newToken), true);
    });
  }
});

Deno.test("merge() does not find an old token, and does not change one's session", async () => {
  const { here, there, token, rotate } = await begin(new MemoryStore());
  const newToken = await rotate(token);
  const other = await there.load(undefined);
  other.put("other", 1);
  await there.commit(other);
  assert.equal(await other.merge(token), false);
  const old = await there.load(token);
  assert.equal(await old.merge(other.token!), true);
  await assert.rejects(there.commit(old), REFUSED);
  assert.equal((await there.load(other.token)).get("other"), 1);
  assert.equal(await isFound(here, newToken), true);
});

testOn(
  shared,
  "a merge that is under way follows a session to its new token",
  (on) =>
    withStore(on, async ({ store }) => {
      const { there, token, rotate } = await begin(store);
      const merging = await there.load(undefined);
      merging.put("own", 1);
      await merging.merge(token);
      const newToken = await rotate(token, { late: 2 });
      await there.commit(merging);
      assert.deepEqual(merging.keys(), ["count", "late", "own"]);
      assert.deepEqual([await isFound(there, token), await isFound(there, newToken)], [
        false,
        false,
      ]);
    }),
);

Deno.test("iterate() meets a renewed session once", async () => {
  const { there, token, rotate } = await begin(new MemoryStore());
  await rotate(token, { count: 2 });
  const met = [];
  for await (const session of there.iterate()) met.push(session.get("count"));
  assert.deepEqual(met, [2]);
});

Deno.test("React Router's commitSession() sends no cookie with an old token", async () => {
  const { there, token, rotate } = await begin(new MemoryStore());
  await rotate(token);
  const { getSession, commitSession } = createSessionStorage(there);
  const session = await getSession(`session=${token}`);
  assert.equal(session.get("count"), 1);
  assert.equal(await commitSession(session), "");
});

Deno.test("a grace works on a store of few calls, on an encrypted one, and without hashed tokens", async () => {
  const minimal = withCalls(new MemoryStore(), MINIMAL) as FullSessionStore;
  const encrypted = new EncryptedStore(new MemoryStore(), { keys: ["abcdefgh".repeat(4)] });
  const every: [FullSessionStore, SessionManagerOptions][] = [
    [minimal, {}],
    [encrypted, {}],
    [new MemoryStore(), { hashToken: false }],
  ];
  for (const [store, options] of every) {
    const { there, token, rotate } = await begin(store, options);
    const newToken = await rotate(token, { count: 2 });
    const old = await there.load(token);
    assert.equal(old.get("count"), 1);
    old.put("count", 5);
    await assert.rejects(there.commit(old), REFUSED);
    await commitAfter(there, newToken, (session) => session.destroy());
    assert.equal(await isFound(there, token), false);
  }
});

Deno.test("if the reply to a renewal is lost, the old token is never renewed or written", async () => {
  const memory = new MemoryStore();
  let isLost = false;
  const store = withCalls(memory, ALL_CALLS, async (name, make) => {
    const reply = await make();
    if (isLost && name === "replace") throw new Error("the reply is lost");
    return reply;
  }) as FullSessionStore;
  const { here, token } = await begin(store);
  const [session, ...slow] = await Promise.all([0, 1, 2].map(() => here.load(token)));
  session!.renewToken({ grace: GRACE });
  isLost = true;
  await assert.rejects(here.commit(session!), { message: "the reply is lost" });
  isLost = false;
  slow[0]!.put("count", 5);
  slow[1]!.renewToken();
  for (const each of slow) await assert.rejects(here.commit(each), REFUSED);
  // The client got the new token with the error; the next commit ends the old one.
  assert.equal((await here.load(session!.token)).get("count"), 1);
  await here.commit(session!);
  assert.equal(await isFound(here, token), false);
});

Deno.test("whatever requests overtake each other, an old token reads no new values, and no ended session", async () => {
  interface Request {
    readonly do: "load" | "rotate" | "renew" | "destroy" | "put";
    readonly manager: number;
    /** How many steps the request waits at first. */
    readonly idle: number;
    /** Which of the tokens that there are then it has: the last one, or the first. */
    readonly isLast: boolean;
  }
  const request: fc.Arbitrary<Request> = fc.record({
    do: fc.constantFrom("load", "load", "rotate", "rotate", "renew", "destroy", "put"),
    manager: fc.nat(1),
    idle: fc.nat(30),
    isLast: fc.boolean(),
  });
  const requests = fc.array(request, { minLength: 2, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), requests, async (scheduler, requests) => {
      const memory = new MemoryStore();
      const { token } = await begin(memory);
      const store = withCalls(memory, ALL_CALLS, async (name, make) => {
        await scheduler.schedule(Promise.resolve(), name);
        const reply = await make();
        await scheduler.schedule(Promise.resolve(), `reply to ${name}`);
        return reply;
      });
      const managers = [0, 1].map(() => new SessionManager<Values>({ store }));
      const tokens = [token];
      let isDestroyed = false;
      let isRenewed = false;
      const serve = async ({ do: what, manager, idle, isLast }: Request): Promise<void> => {
        for (let i = 0; i < idle; i++) await scheduler.schedule(Promise.resolve(), "idle");
        const sessions = managers[manager]!;
        const own = isLast ? tokens.at(-1)! : token;
        const before = { isDestroyed, isRenewed };
        const session = await sessions.load(own);
        if (own === token) {
          assert.equal(session.get("secret"), undefined);
          if (before.isDestroyed || before.isRenewed) assert.equal(session.has("count"), false);
        }
        if (what === "load" || !session.has("count")) return;
        if (what === "rotate") session.renewToken({ grace: GRACE });
        if (what === "renew") session.renewToken();
        if (what === "destroy") session.destroy();
        else session.put(what === "put" ? "other" : "secret", 1);
        try {
          await sessions.commit(session);
        } catch (error) {
          assert.equal((error as Error).name, "RenewedSessionError");
          return;
        }
        if (what === "destroy" && own === token) isDestroyed = true;
        if (what === "renew" && own === token && session.token !== undefined) isRenewed = true;
        if (session.token !== undefined && session.token !== own) tokens.push(session.token);
      };
      await scheduler.waitFor(Promise.all(requests.map(serve)));
    }),
    { numRuns: 300 },
  );
});

Deno.test("a grace is a duration of at most a minute", async () => {
  const session = await new SessionManager().load(undefined);
  const text = "a number of milliseconds, more than 0 and at most 60 000; or { milliseconds: 5 }";
  for (const grace of [0, -1, 60_001, NaN, Infinity, { milliseconds: 60_001 }]) {
    assert.throws(() => session.renewToken({ grace }), {
      name: "RangeError",
      message: new RegExp(`^Cannot renew the token: 'grace' must be ${text}: received `),
    });
  }
  for (const grace of ["10", null, {}, true]) {
    assert.throws(() => session.renewToken({ grace: grace as unknown as number }), TypeError);
  }
  assert.throws(() => session.renewToken({ grase: 1000 } as object), /the nearest is 'grace'/);
  session.renewToken({ grace: 60_000 });
  session.renewToken({ grace: { milliseconds: 5 } });
  session.renewToken({ grace: undefined });
});

Deno.test("the first bytes distinguish a link from data, and a link contains what it was made of", () => {
  const expiry = new Date();
  const link = {
    to: "k".repeat(43),
    until: 1_900_000_000_123.5,
    data: new Uint8Array([1, 0, 255]),
  };
  const data = encodeLink(link);
  const read = readLink({ token: "t", data, expiry })!;
  assert.deepEqual({ ...read, data: new Uint8Array(read.data) }, link);
  for (
    const other of [data.subarray(1), data.subarray(0, 12), new Uint8Array(), new Uint8Array(99)]
  ) {
    assert.equal(readLink({ token: "t", data: other, expiry }), undefined);
  }
});

for (const calls of [ALL_CALLS, MINIMAL]) {
  const kind = calls === MINIMAL ? "minimal" : "full";
  Deno.test(`destroy() ends a session that another process has renewed meanwhile, on a ${kind} store`, async () => {
    for (const isRefused of [false, true]) {
      const inner = new MemoryStore();
      const { here, there, token, rotate } = await begin(
        withCalls(inner, calls) as FullSessionStore,
      );
      const slow = await there.load(token);
      const second = await rotate(token);
      const third = await rotate(second);
      if (isRefused) {
        slow.put("count", 2);
        await assert.rejects(there.commit(slow), REFUSED);
      }
      slow.destroy();
      await there.commit(slow);
      for (const each of [token, second, third]) assert.equal(await isFound(here, each), false);
      assert.equal((await inner.all()).size, 0);
    }
  });
}

Deno.test("destroy() ends a session that is renewed between its look and its deletion", async () => {
  const inner = new MemoryStore();
  let meanwhile: (() => Promise<unknown>) | undefined;
  const store = withCalls(inner, ALL_CALLS, async (name, make) => {
    if (name === "replace" || name === "delete") {
      const first = meanwhile;
      meanwhile = undefined;
      await first?.();
    }
    return await make();
  });
  const { here, token, rotate } = await begin(inner);
  const there = new SessionManager<Values>({ store });
  const slow = await there.load(token);
  slow.destroy();
  let renewed = "";
  meanwhile = async () => renewed = await rotate(token);
  await there.commit(slow);
  assert.equal(await isFound(here, renewed), false);
  assert.equal((await inner.all()).size, 0);
});

Deno.test("an old token reads nothing once the session belongs to another owner", async () => {
  const store = new MemoryStore();
  const { here, there, token, rotate } = await begin(store, {
    owner: ({ user }) => user as string,
  });
  await commitAfter(here, token, (session) => session.put("user", "Ada"));
  const second = await rotate(token);
  assert.equal((await there.load(token)).get("user"), "Ada");
  await commitAfter(here, second, (session) => session.remove("user"));
  assert.equal((await there.load(token)).get("user"), undefined);
  await commitAfter(here, second, (session) => session.put("user", "Bob"));
  assert.equal((await there.load(token)).get("user"), undefined);
});

Deno.test("commit() returns no expiry for an old token, so a client keeps its new one", async () => {
  const { there, token, rotate } = await begin(new MemoryStore());
  const during = await there.load(token);
  assert.ok(await there.commit(during) instanceof Date);
  await rotate(token);
  const session = await there.load(token);
  assert.equal(session.get("count"), 1);
  assert.equal(await there.commit(session), undefined);
});

Deno.test("destroy() by an old token ends the session even if the link is gone by then", async () => {
  const store = new MemoryStore();
  const { here, there, token, rotate } = await begin(store, { hashToken: false });
  const renewed = await rotate(token);
  const slow = await there.load(token);
  assert.equal(slow.get("count"), 1);
  await store.delete(token);
  slow.destroy();
  await there.commit(slow);
  assert.equal(await isFound(here, renewed), false);
});
