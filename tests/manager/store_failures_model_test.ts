// One request alone with its session, over a store that fails now and then. Whatever happens, after a commit
// that succeeds the store holds what the session shows, for all keys touched since the last discard().
import assert from "node:assert/strict";
import fc from "fast-check";
import { MemoryStore, SessionManager } from "../../src/manager/mod.ts";
import { ALL_CALLS, MINIMAL, withCalls } from "../support/stores.ts";

type Values = Record<string, unknown>;
const key = fc.constantFrom("a", "b", "c");
const op = fc.oneof(
  fc.record({ do: fc.constant("put" as const), key, value: fc.nat(1) }),
  fc.record({ do: fc.constantFrom("remove" as const, "read" as const), key }),
  fc.record({
    do: fc.constantFrom(
      "clear" as const,
      "destroy" as const,
      "renewToken" as const,
      "merge" as const,
      "status" as const,
    ),
  }),
  fc.record({
    do: fc.constant("commit" as const),
    n: fc.integer({ min: 1, max: 6 }),
    when: fc.constantFrom("before" as const, "after" as const),
    wait: fc.boolean(),
  }),
);
for (const calls of [ALL_CALLS, MINIMAL]) {
  Deno.test(`a session and its store agree after failures, on a store with ${calls.length} calls`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(op, { minLength: 2, maxLength: 8 }),
        fc.boolean(),
        async (ops, isNew) => {
          const inner = new MemoryStore();
          let left = Infinity, when = "before";
          const store = withCalls(inner, calls, async (_, make) => {
            const fails = --left === 0;
            if (fails && when === "before") throw new Error("down");
            const reply = await make();
            if (fails) throw new Error("down");
            return reply;
          });
          const good = new SessionManager<Values>({ store: inner });
          const sessions = new SessionManager<Values>({ store });
          const first = await sessions.load(undefined);
          if (!isNew) {
            first.put("a", 0);
            first.put("b", 0);
            await sessions.commit(first);
          }
          const cart = await good.load(undefined);
          cart.put("b", 1);
          cart.put("x", 9);
          await good.commit(cart);
          const session = isNew ? first : await sessions.load(first.token);
          const view = (): string => JSON.stringify(session.keys().map((k) => [k, session.get(k)]));
          const model = new Map<string, unknown>(isNew ? [] : [["a", 0], ["b", 0]]);
          const running: Promise<unknown>[] = [];
          const modelView = (): string => JSON.stringify([...model].sort());
          for (const o of ops) {
            switch (o.do) {
              case "put":
                session.put(o.key, o.value);
                model.set(o.key, o.value);
                break;
              case "remove":
                session.remove(o.key);
                model.delete(o.key);
                break;
              case "read":
                assert.equal(session.get(o.key), model.get(o.key));
                break;
              case "clear":
                session.clear();
                model.clear();
                break;
              case "destroy":
                session.destroy();
                model.clear();
                break;
              case "renewToken":
                session.renewToken();
                break;
              case "status":
                void session.status;
                void session.token;
                void session.deadline;
                break;
              case "merge": {
                left = Infinity;
                await Promise.all(running.splice(0));
                if (await session.merge(cart.token!)) {
                  model.set("b", 1);
                  model.set("x", 9);
                }
                break;
              }
              case "commit": {
                left = o.n;
                when = o.when;
                const commit = sessions.commit(session).catch((e) => {
                  if (!/down/.test(String(e))) throw e;
                });
                if (o.wait) await commit;
                else running.push(commit);
              }
            }
            assert.equal(view(), modelView(), `after ${o.do}`);
          }
          await Promise.all(running);
          left = Infinity;
          assert.equal(view(), modelView());
          await sessions.commit(session);
          assert.equal(session.status === "modified", false);
          assert.equal(view(), modelView());
          const found = session.token === undefined ? undefined : await good.load(session.token);
          const stored = JSON.stringify(found ? found.keys().map((k) => [k, found.get(k)]) : []);
          assert.equal(stored, modelView());
        },
      ),
      { numRuns: 1500 },
    );
  });
}
