// What happens to a session if the store fails at any one of its calls.

import assert from "node:assert/strict";
import {
  devalueCodec,
  type FullSessionStore,
  MemoryStore,
  type Session,
  SessionManager,
  type SessionStore,
} from "../../src/manager/mod.ts";
import { bytes, inMs, soon } from "../support/databases.ts";
import { ALL_CALLS, type Call, MINIMAL, touchAll, withCalls } from "../support/stores.ts";
import { Visitor } from "../support/visitor.ts";

type Values = Record<string, unknown>;
type Act = (session: Session<Values>, cart: string, sessions: SessionManager<Values>) => unknown;

/** What another request does to the session with the cart. */
async function meanwhile(
  cart: string,
  sessions: SessionManager<Values>,
  act: (session: Session<Values>) => void,
): Promise<void> {
  const other = await sessions.load(cart);
  act(other);
  await sessions.commit(other);
}

/** Changes of a session that holds `a` and `b`; another session holds `cart`. */
const ACTS: Readonly<Record<string, Act>> = {
  "put and remove": (session) => {
    session.put("n", 1);
    session.remove("a");
  },
  "clear and put": (session) => {
    session.clear();
    session.put("n", 1);
  },
  "renew": (session) => session.renewToken(),
  "renew and put": (session) => {
    session.renewToken();
    session.put("n", 1);
  },
  "destroy": (session) => session.destroy(),
  "destroy and put": (session) => {
    session.destroy();
    session.put("n", 1);
  },
  "merge": (session, cart) => session.merge(cart),
  "merge and renew": async (session, cart) => {
    await session.merge(cart);
    session.renewToken();
  },
  "merge, destroy and put": async (session, cart) => {
    await session.merge(cart);
    session.destroy();
    session.put("n", 1);
  },
  "merge what is changed meanwhile": async (session, cart, sessions) => {
    await session.merge(cart);
    await meanwhile(cart, sessions, (other) => other.put("late", 1));
  },
  "merge and clear what is changed meanwhile": async (session, cart, sessions) => {
    await session.merge(cart);
    session.clear();
    session.put("n", 1);
    await meanwhile(cart, sessions, (other) => other.put("late", 1));
  },
  "merge what is renewed meanwhile": async (session, cart, sessions) => {
    await session.merge(cart);
    await meanwhile(cart, sessions, (other) => {
      other.renewToken();
      other.put("late", 1);
    });
  },
  "merge what is destroyed meanwhile": async (session, cart, sessions) => {
    await session.merge(cart);
    await meanwhile(cart, sessions, (other) => other.destroy());
  },
  "merge two": async (session, cart, sessions) => {
    const third = await sessions.load(undefined);
    third.put("third", 1);
    await sessions.commit(third);
    await session.merge(cart);
    await session.merge(third.token!);
  },
  "put what is there": (session) => session.put("a", 0),
  "discard": (session) => {
    session.destroy();
    session.put("n", 1);
    session.discard();
  },
  "only read": () => {},
};

/** A store that fails at its `n`th call, before or after it has carried the call out. */
class FailingStore {
  readonly inner = new MemoryStore();
  failAt = Infinity;
  when: "before" | "after" = "before";
  calls: string[] = [];

  /** The store, with only these calls. */
  withCalls(names: readonly Call[]): SessionStore & Partial<FullSessionStore> {
    return withCalls(this.inner, names, async (name, make) => {
      const fails = this.calls.push(name) === this.failAt;
      if (fails && this.when === "before") throw new Error(`down before ${name}`);
      const reply = await make();
      if (fails) throw new Error(`down after ${name}`);
      return reply;
    });
  }

  /** Makes the `n`th call from now on fail, counted from 1. */
  arm(n: number, when: "before" | "after"): void {
    this.calls = [];
    this.failAt = n;
    this.when = when;
  }

  disarm(): void {
    this.failAt = Infinity;
  }

  /** The values of all active sessions. */
  async records(): Promise<string[]> {
    const all = [...(await this.inner.all()).values()];
    return all.map((data) => {
      const values = new Map(devalueCodec.decode(data).values);
      values.delete("__session");
      return JSON.stringify([...values].sort());
    }).sort();
  }
}

interface Scene {
  readonly store: FailingStore;
  readonly sessions: SessionManager<Values>;
  readonly token: string;
  readonly cart: string;
}

/** A session that is due for a touch, and another one with a cart. */
async function newScene(calls: readonly Call[]): Promise<Scene> {
  const store = new FailingStore();
  const sessions = new SessionManager<Values>({
    store: store.withCalls(calls),
    idleTimeout: 60_000,
    onError: () => {},
  });
  const session = await sessions.load(undefined);
  session.put("a", 0);
  session.put("b", 0);
  await sessions.commit(session);
  await touchAll(store.inner, inMs(30_000));
  const other = await sessions.load(undefined);
  other.put("cart", ["x"]);
  await sessions.commit(other);
  return { store, sessions, token: session.token!, cart: other.token! };
}

/** Commits what `act` does, once more if the store fails at its nth call; returns what is left. */
async function commitTwice(
  name: string,
  calls: readonly Call[],
  n: number,
  when: "before" | "after",
): Promise<{ readonly left: unknown; readonly calls: string[] }> {
  const { store, sessions, token, cart } = await newScene(calls);
  const session = await sessions.load(token);
  await ACTS[name]!(session, cart, sessions);
  const view = session.keys().map((key) => [key, session.get(key)]);
  store.arm(n, when);
  try {
    await sessions.commit(session);
  } catch (error) {
    assert.match(String(error), /down/);
    // Changes of other requests may be seen as soon as they are written.
    const keys = name.includes("meanwhile") ? view.map(([key]) => key as string) : session.keys();
    assert.deepEqual(keys.map((key) => [key, session.get(key)]), view);
    await sessions.commit(session);
  }
  store.disarm();
  const found = session.token && (await sessions.load(session.token)).keys();
  const { status } = session;
  return { left: { records: await store.records(), found, status }, calls: store.calls };
}

for (const [store, calls] of [["a full", ALL_CALLS], ["a minimal", MINIMAL]] as const) {
  Deno.test(`on ${store} store, a commit that failed at any call can be repeated`, async () => {
    for (const name of Object.keys(ACTS)) {
      const expected = await commitTwice(name, calls, Infinity, "before");
      for (let n = 1; n <= expected.calls.length; n++) {
        for (const when of ["before", "after"] as const) {
          const { left } = await commitTwice(name, calls, n, when);
          assert.deepEqual(left, expected.left, `${name}, down ${when} call ${n}`);
        }
      }
    }
  });

  Deno.test(`on ${store} store, a failed commit never loses the session`, async () => {
    for (const [name, act] of Object.entries(ACTS)) {
      if (name.includes("destroy and") || name === "destroy") continue;
      for (let n = 1, failed = true; failed; n++) {
        for (const when of ["before", "after"] as const) {
          const { store, sessions, token, cart } = await newScene(calls);
          const visitor = new Visitor(
            sessions.loadAndSave(async (request, session) => {
              if (request.method === "POST") {
                await act(session, cart, sessions);
                store.arm(n, when);
              }
              return new Response(session.keys().join());
            }),
            { session: token },
          );
          const { status } = await visitor.fetch("/", { method: "POST" });
          store.disarm();
          failed = status === 500;
          assert.notEqual(await visitor.text(), "", `${name}, down ${when} call ${n}: ${status}`);
        }
      }
    }
  });
}

Deno.test("an error after the new token was written still sends its cookie", async () => {
  const { store, sessions, token, cart } = await newScene(ALL_CALLS);
  const visitor = new Visitor(
    sessions.loadAndSave(async (request, session) => {
      if (request.method === "POST") {
        session.renewToken();
        await session.merge(cart);
        // After a commit, and a replace and a delete of the old record; before the replace of the other one.
        store.arm(4, "before");
      }
      return new Response(session.keys().join());
    }),
    { session: token },
  );
  const response = await visitor.fetch("/", { method: "POST" });
  assert.equal(response.status, 500);
  assert.notEqual(visitor.cookies.get("session"), token);
  assert.equal(await visitor.text(), "a,b,cart");
});

Deno.test("changes that were written are not written again if the rest fails", async () => {
  const { store, sessions, token, cart } = await newScene(ALL_CALLS);
  const [one, other] = [await sessions.load(token), await sessions.load(token)];
  one.clear();
  await one.merge(cart);
  store.arm(2, "before");
  await assert.rejects(sessions.commit(one), { message: "down before replace" });
  store.disarm();
  other.put("kept", true);
  await sessions.commit(other);
  await sessions.commit(one);
  assert.deepEqual(await store.records(), ['[["cart",["x"]],["kept",true]]']);
});

Deno.test("a session that cannot be decoded also survives a failed commit", async () => {
  const { store, sessions, token } = await newScene(ALL_CALLS);
  const key = [...(await store.inner.all()).keys()];
  for (const token of key) await store.inner.commit(token, bytes("hunter2"), soon());
  const session = await sessions.load(token);
  session.put("n", 1);
  store.arm(1, "after");
  await assert.rejects(sessions.commit(session));
  await sessions.commit(session);
  assert.equal((await store.inner.all()).size, 3);
});

Deno.test("a body that cannot be cancelled does not delay the answer", async () => {
  const { store, sessions } = await newScene(ALL_CALLS);
  const answer = (body: ReadableStream): Promise<Response> =>
    new Visitor(sessions.loadAndSave((_, session) => {
      session.put("n", 1);
      store.arm(1, "before");
      return new Response(body);
    })).fetch();
  const endless = new ReadableStream({ cancel: () => new Promise(() => {}) });
  assert.equal((await answer(endless)).status, 500);
});

// The other value may have been written, so that the old one is a change again.
Deno.test("the loaded value is written if it is put back after a failed commit", async () => {
  const { store, sessions, token } = await newScene(ALL_CALLS);
  const session = await sessions.load(token);
  session.put("a", 1);
  store.arm(1, "after");
  await assert.rejects(sessions.commit(session));
  store.disarm();
  session.put("a", 0);
  await sessions.commit(session);
  assert.equal((await sessions.load(token)).get("a"), 0);

  session.put("a", 1);
  store.arm(1, "after");
  await assert.rejects(sessions.commit(session));
  store.disarm();
  session.discard();
  assert.equal(session.get("a"), 0);
  session.put("a", 0);
  await sessions.commit(session);
  assert.equal((await sessions.load(token)).get("a"), 0);
});

Deno.test("discard() drops what a failed commit has not written, and still ends the old sessions", async () => {
  const { store, sessions, token, cart } = await newScene(ALL_CALLS);
  const session = await sessions.load(token);
  session.destroy();
  store.arm(1, "before");
  await assert.rejects(sessions.commit(session));
  session.discard();
  assert.deepEqual([session.status, session.keys()], ["unmodified", ["a", "b"]]);
  store.disarm();
  await sessions.commit(session);
  assert.deepEqual((await sessions.load(token)).keys(), ["a", "b"]);

  // The new token was written, and the values of the merged session: the old ones must still end.
  session.renewToken();
  await session.merge(cart);
  store.arm(2, "before");
  await assert.rejects(sessions.commit(session), { message: "down before replace" });
  store.disarm();
  session.put("n", 1);
  session.discard();
  await sessions.commit(session);
  assert.deepEqual(await store.records(), ['[["a",0],["b",0],["cart",["x"]]]']);
});

Deno.test("discard() during a commit that fails drops its changes", async () => {
  const { store, sessions, token } = await newScene(ALL_CALLS);
  const session = await sessions.load(token);
  session.put("a", 1);
  store.arm(1, "before");
  const commit = sessions.commit(session);
  session.put("b", 1);
  session.discard();
  await assert.rejects(commit);
  store.disarm();
  assert.deepEqual([session.status, session.get("a"), session.get("b")], ["unmodified", 0, 0]);
  await sessions.commit(session);
  assert.deepEqual((await sessions.load(token)).get("a"), 0);
});
