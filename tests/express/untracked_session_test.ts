// What ExpressStore does with plain data, and with stores and serializers that do less than others.

import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import * as devalue from "devalue";
import { ExpressStore, type StoredSession } from "../../src/express/mod.ts";
import { MemoryStore } from "../../src/manager/mod.ts";
import { inMs } from "../support/databases.ts";
import { gate } from "../support/gate.ts";
import { ALL_CALLS, type Call, MINIMAL, withCalls } from "../support/stores.ts";

const HOUR = 3_600_000;

function plain(values: object = {}): StoredSession {
  return { cookie: { originalMaxAge: HOUR, expires: inMs(HOUR), path: "/" }, ...values };
}

Deno.test("a session that was found can be set with a serializer that refuses symbols", async () => {
  const store = new ExpressStore(new MemoryStore(), { serializer: devalue });
  await store.set("sid", plain());
  const found = (await store.get("sid"))!;
  found.n = 1;
  await store.set("sid", found);
  await store.set("sid", { ...found, n: 2 });
  assert.equal((await store.get("sid"))?.n, 2);
});

Deno.test("on a store without touch, a destroyed session stays destroyed beside a touch of this process", async () => {
  const inner = new MemoryStore();
  const { opened, open } = gate();
  let wait = false;
  const store = new ExpressStore(
    withCalls(inner, MINIMAL, async <T>(name: Call, make: () => Promise<T>): Promise<T> => {
      const reply = await make();
      if (wait && name === "find") await opened;
      return reply;
    }),
  );
  await store.set("sid", plain({ user: 1 }));
  wait = true;
  const touch = store.touch("sid", plain({ user: 1 }));
  const end = store.destroy("sid");
  await setImmediate();
  open();
  await Promise.all([touch, end]);
  assert.equal((await inner.all()).size, 0);
});

Deno.test("on a store without touch, a set stays beside a touch of this process", async () => {
  const inner = new MemoryStore();
  const { opened, open } = gate();
  let wait = false;
  const store = new ExpressStore(
    withCalls(inner, MINIMAL, async <T>(name: Call, make: () => Promise<T>): Promise<T> => {
      const reply = await make();
      if (wait && name === "find") await opened;
      return reply;
    }),
  );
  await store.set("sid", plain({ user: 1 }));
  wait = true;
  const touch = store.touch("sid", plain({ user: 1 }));
  const set = store.set("sid", plain({ user: 2 }));
  await setImmediate();
  open();
  await Promise.all([touch, set]);
  wait = false;
  assert.equal((await store.get("sid"))?.user, 2);
});

Deno.test("a store that rejects with nothing is an error", async () => {
  for (const reason of [undefined, null]) {
    const store = new ExpressStore(
      withCalls(new MemoryStore(), ALL_CALLS, () => Promise.reject(reason)),
    );
    const args = await new Promise<unknown[]>((resolve) =>
      void store.get("sid", (...args) => resolve(args))
    );
    assert.ok(args[0], `get called back with ${args}`);
  }
});
