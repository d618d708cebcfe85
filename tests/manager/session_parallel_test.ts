// What happens if several requests of one session run side by side, on every database.

import assert from "node:assert/strict";
import {
  ConflictError,
  type FullSessionStore,
  MemoryStore,
  type Session,
  SessionManager,
} from "../../src/manager/mod.ts";
import { databases, inMs, shared, testOn, withStore } from "../support/databases.ts";
import { gate } from "../support/gate.ts";
import { MINIMAL, recording, touchAll, withCalls } from "../support/stores.ts";
import { Visitor } from "../support/visitor.ts";

type Values = Record<string, unknown>;

/** Does what the path says, after its gate in `gates` has opened; calls its `entered` before. */
function putting(
  gates: Record<string, Promise<void>>,
  entered: Record<string, () => void> = {},
): (request: Request, session: Session<Values>) => Promise<Response> {
  return async (request: Request, session: Session<Values>): Promise<Response> => {
    const key = new URL(request.url).pathname.slice(1);
    entered[key]?.();
    await gates[key];
    switch (key) {
      case "sign-out":
        session.destroy();
        break;
      case "sign-out-with-message":
        session.destroy();
        session.put("message", "bye");
        break;
      case "sign-in":
      case "sign-in-again":
        session.renewToken();
        session.put("user", key);
        break;
      case "read":
        break;
      default:
        session.put(key, true);
    }
    return new Response(session.keys().join());
  };
}

/** Delays a visitor's request while the visitor goes on in another window. */
async function whileHeldUp(
  path: string,
  store: FullSessionStore,
  meanwhile: (visitor: Visitor) => Promise<unknown>,
): Promise<{
  readonly visitor: Visitor;
  /** The window whose request is delayed. */
  readonly window: Visitor;
  readonly response: Response;
}> {
  const [held, entered] = [gate(), gate()];
  const handler = putting({ [path]: held.opened }, { [path]: entered.open });
  const visitor = new Visitor(new SessionManager<Values>({ store }).loadAndSave(handler));
  await visitor.fetch("/first");
  const window = visitor.clone();
  const response = window.fetch(`/${path}`);
  await entered.opened;
  await meanwhile(visitor);
  held.open();
  return { visitor, window, response: await response };
}

testOn(
  databases,
  "50 parallel requests that each put a key of their own leave 50 keys",
  async (on) => {
    await withStore(on, async ({ store }) => {
      const { store: recorded, calls } = recording(store);
      const sessions = new SessionManager<Values>({ store: recorded });
      const visitor = new Visitor(sessions.loadAndSave(putting({})));
      await visitor.fetch("/first");
      const keys = Array.from({ length: 50 }, (_, i) => `key${i}`);
      await Promise.all(keys.map((key) => visitor.clone().fetch(`/${key}`)));
      const session = await sessions.load(visitor.cookies.get("session"));
      assert.deepEqual(session.keys(), ["first", ...keys].sort());
      // In one process each request starts from what the one before it has written.
      assert.ok(calls.filter((name) => name === "replace").length <= 60);
    });
  },
);

testOn(
  shared,
  "two managers, like those of two processes, lose no key of one session",
  async (on) => {
    await withStore(on, async ({ store }) => {
      const managers = [1, 2, 3].map(() => new SessionManager<Values>({ store }));
      const visitors = managers.map((sessions) => new Visitor(sessions.loadAndSave(putting({}))));
      await visitors[0]!.fetch("/first");
      const token = visitors[0]!.cookies.get("session")!;
      for (const { cookies } of visitors) cookies.set("session", token);
      const keys = Array.from({ length: 30 }, (_, i) => `key${i}`);
      await Promise.all(keys.map((key, i) => visitors[i % 3]!.clone().fetch(`/${key}`)));
      const session = await managers[0]!.load(token);
      assert.deepEqual(session.keys(), ["first", ...keys].sort());
    });
  },
);

testOn(databases, "a session destroyed while a slow request runs stays destroyed", async (on) => {
  await withStore(on, async ({ store }) => {
    const { window, response } = await whileHeldUp("slow", store, async (visitor) => {
      await visitor.fetch("/sign-out");
      assert.equal(visitor.cookies.size, 0);
    });
    assert.equal(response.status, 200);
    assert.equal(window.cookies.size, 0);
    assert.equal((await store.all()).size, 0);
    assert.equal(await window.text("/read"), "");
  });
});

Deno.test("a slow request that only reads sends no cookie for a session that was destroyed", async () => {
  const { response } = await whileHeldUp("read", new MemoryStore(), (visitor) => {
    return visitor.fetch("/sign-out");
  });
  assert.deepEqual(response.headers.getSetCookie(), []);
});

testOn(
  shared,
  "a slow request does not undo a renewal, and leaves the new cookie alone",
  async (on) => {
    await withStore(on, async ({ store }) => {
      const { visitor, response } = await whileHeldUp("slow", store, (visitor) => {
        return visitor.fetch("/sign-in");
      });
      assert.deepEqual(response.headers.getSetCookie(), []);
      assert.equal((await store.all()).size, 1);
      // Somebody else may know the old token, so that its changes must not get into the new session.
      assert.equal(await visitor.text("/read"), "first,user");
    });
  },
);

testOn(databases, "a renewal takes along what others have changed meanwhile", async (on) => {
  await withStore(on, async ({ store }) => {
    const elsewhere = new SessionManager<Values>({ store }).loadAndSave(putting({}));
    const { visitor, window } = await whileHeldUp("sign-in", store, async (visitor) => {
      await new Visitor(elsewhere, Object.fromEntries(visitor.cookies)).fetch("/second");
    });
    assert.equal(await window.text("/read"), "first,second,user");
    assert.equal(await visitor.text("/read"), "");
    assert.equal((await store.all()).size, 1);
  });
});

testOn(databases, "a renewal does not bring back a session that was destroyed", async (on) => {
  await withStore(on, async ({ store }) => {
    const { window } = await whileHeldUp("sign-in", store, (visitor) => visitor.fetch("/sign-out"));
    assert.equal((await store.all()).size, 0);
    assert.equal(window.cookies.size, 0);
  });
});

testOn(
  databases,
  "a slow request leaves the cookie of a session that followed a sign-out alone",
  async (on) => {
    await withStore(on, async ({ store }) => {
      const [slow, entered, again] = [gate(), gate(), gate()];
      const handler = putting(
        { slow: slow.opened, "sign-in": slow.opened },
        { slow: entered.open, "sign-in": again.open },
      );
      const visitor = new Visitor(new SessionManager<Values>({ store }).loadAndSave(handler));
      await visitor.fetch("/first");
      const responses = [visitor.clone().fetch("/slow"), visitor.clone().fetch("/sign-in")];
      await Promise.all([entered.opened, again.opened]);
      await visitor.fetch("/sign-out-with-message");
      slow.open();
      // The cookie of the new session must also stay.
      for (const response of responses) {
        assert.deepEqual((await response).headers.getSetCookie(), []);
      }
      assert.equal((await store.all()).size, 1);
      assert.equal(await visitor.text("/read"), "message");
    });
  },
);

// A double click: the browser keeps the cookie of whichever response comes last.
testOn(
  shared,
  "if two requests sign in at the same time, both responses bring a good cookie",
  async (on) => {
    await withStore(on, async ({ store }) => {
      const [login, entered, again] = [gate(), gate(), gate()];
      const handler = putting(
        { "sign-in": login.opened, "sign-in-again": login.opened },
        { "sign-in": entered.open, "sign-in-again": again.open },
      );
      const visitor = new Visitor(new SessionManager<Values>({ store }).loadAndSave(handler));
      await visitor.fetch("/first");
      const old = visitor.clone();
      const windows = [visitor.clone(), visitor.clone()];
      const responses = [windows[0]!.fetch("/sign-in"), windows[1]!.fetch("/sign-in-again")];
      await Promise.all([entered.opened, again.opened]);
      login.open();
      await Promise.all(responses);
      for (const window of windows) assert.equal(await window.text("/read"), "first,user");
      assert.equal((await store.all()).size, 2);
      assert.equal(await old.text("/read"), "");
    });
  },
);

// One may be an attacker who has planted the token in the other's browser.
testOn(shared, "if two requests sign in, neither gets what the other has put", async (on) => {
  await withStore(on, async ({ store }) => {
    const sessions = new SessionManager<Values>({ store });
    const first = await sessions.load(undefined);
    first.put("first", 1);
    await sessions.commit(first);
    const [other, one, two] = await Promise.all([1, 2, 3].map(() => sessions.load(first.token)));
    other!.put("cart", 1);
    await sessions.commit(other!);
    one!.renewToken();
    one!.put("isAdmin", true);
    two!.renewToken();
    two!.put("user", "mallory");
    await sessions.commit(one!);
    await sessions.commit(two!);
    assert.deepEqual((await sessions.load(one!.token)).keys(), ["cart", "first", "isAdmin"]);
    assert.deepEqual((await sessions.load(two!.token)).keys(), ["cart", "first", "user"]);
  });
});

testOn(
  shared,
  "if two requests sign in and one has signed out, the later one has no session",
  async (on) => {
    await withStore(on, async ({ store }) => {
      await whileHeldUp("sign-in-again", store, async (visitor) => {
        await visitor.fetch("/sign-in");
        await visitor.fetch("/sign-out");
      });
      assert.equal((await store.all()).size, 0);
    });
  },
);

testOn(
  shared,
  "a sign-out ends the session even if it got a new token meanwhile",
  async (on) => {
    await withStore(on, async ({ store }) => {
      const { window } = await whileHeldUp("sign-out", store, async (visitor) => {
        await visitor.fetch("/sign-in");
        await visitor.fetch("/sign-in-again");
      });
      assert.equal((await store.all()).size, 0);
      assert.equal(window.cookies.size, 0);
    });
  },
);

testOn(
  shared,
  "a slow sign-out leaves the session alone that began after another sign-out",
  async (on) => {
    await withStore(on, async ({ store }) => {
      const { visitor } = await whileHeldUp("sign-out", store, (visitor) => {
        return visitor.fetch("/sign-out-with-message");
      });
      assert.equal(await visitor.text("/read"), "message");
    });
  },
);

Deno.test("two processes on a store without replace() and touch() lose no session", async () => {
  const inner = new MemoryStore();
  const store = withCalls(inner, MINIMAL);
  const [one, other] = [1, 2].map(() => new SessionManager<Values>({ store, idleTimeout: 60_000 }));
  const session = await one!.load(undefined);
  session.put("first", 1);
  await one!.commit(session);
  const [here, there] = [await one!.load(session.token), await other!.load(session.token)];
  here.put("here", 1);
  await one!.commit(here);
  there.put("there", 1);
  await other!.commit(there);
  assert.deepEqual((await one!.load(session.token)).keys(), ["first", "here", "there"]);
  await touchAll(inner, inMs(30_000));
  const idle = await other!.load(session.token);
  session.destroy();
  await one!.commit(session);
  await other!.commit(idle);
  assert.equal(idle.status, "destroyed");
  assert.equal((await inner.all()).size, 0);
});

testOn(
  databases,
  "the removals of one request and the changes of another both count",
  async (on) => {
    await withStore(on, async ({ store }) => {
      const sessions = new SessionManager<Values>({ store });
      const first = await sessions.load(undefined);
      for (const key of ["removed", "popped", "changed", "kept"]) first.put(key, 1);
      await sessions.commit(first);
      const [one, other] = [await sessions.load(first.token), await sessions.load(first.token)];
      one.remove("removed");
      one.pop("popped");
      one.rememberMe(true);
      other.put("changed", 2);
      other.deadline = new Date("2031-01-01T00:00:00Z");
      await Promise.all([sessions.commit(one), sessions.commit(other)]);
      const session = await sessions.load(first.token);
      assert.deepEqual(session.keys(), ["changed", "kept"]);
      assert.deepEqual([session.get("changed"), session.get("kept")], [2, 1]);
      assert.deepEqual(session.deadline, new Date("2031-01-01T00:00:00Z"));
      const [clearing, adding] = [
        await sessions.load(first.token),
        await sessions.load(first.token),
      ];
      clearing.clear();
      clearing.put("after", 1);
      adding.put("added", 1);
      await sessions.commit(adding);
      await sessions.commit(clearing);
      assert.deepEqual((await sessions.load(first.token)).keys(), ["after"]);
    });
  },
);

Deno.test("a conflict that does not end is an error, and nothing is written", async () => {
  const { store } = recording(new MemoryStore());
  const sessions = new SessionManager<Values>({ store });
  const session = await sessions.load(undefined);
  session.put("key", 1);
  await sessions.commit(session);
  const contested = new SessionManager<Values>({
    store: Object.assign(Object.create(store), {
      find: (token: string) => store.find(token),
      commit: () => assert.fail("must not overwrite"),
      delete: () => assert.fail("must not delete"),
      replace: () => Promise.resolve(false),
    }),
  });
  const loser = await contested.load(session.token);
  loser.put("key", 2);
  await assert.rejects(contested.commit(loser), (error: unknown) => {
    assert.ok(error instanceof ConflictError);
    assert.equal(error.name, "ConflictError");
    assert.equal(
      error.message,
      "Cannot commit the session: others changed it 40 times meanwhile",
    );
    return true;
  });
  assert.equal(loser.status, "modified");
});
