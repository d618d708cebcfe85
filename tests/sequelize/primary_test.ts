// Which connections are checked, how often, and which are ended: on a pool of the test's own.

import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import type { Sequelize } from "sequelize";
import { type Row, unfixed } from "../../src/sequelize/drivers/driver.ts";
import { Primary, type StandbyCheck } from "../../src/sequelize/drivers/primary.ts";
import { UntilPrimary } from "../../src/sequelize/until_primary.ts";

const ERRORS = { refused: "read-only", down: "system" } as const;

const CHECK: StandbyCheck = {
  statement: unfixed("rows", "SELECT standby"),
  isStandby: ({ standby }) => standby === true,
  isFixed: (_row, connection) => "isFixed" in connection,
  giveUpAfter: () => ({}),
};

interface Connection {
  readonly name: string;
  readonly isFixed?: true;
}

interface Pool {
  next: Connection;
  answer: () => readonly Row[];
  /** Sends a statement, and returns what happened. */
  send(reads: boolean, error?: object): Promise<string[]>;
}

/** A pool that lends the connection `next`, and what happened to its connections. */
function pool(check: StandbyCheck | null = CHECK): Pool {
  const events: string[] = [];
  const state: Pool = {
    next: { name: "a" },
    answer: () => [{ standby: false }],
    send: async (reads, error) => {
      events.length = 0;
      await primary.lend(
        reads,
        async (connection) => {
          events.push(`asked ${(connection as Connection).name}`);
          return await state.answer();
        },
        (connection) => {
          events.push(`sent to ${(connection as Connection).name}`);
          return error ? Promise.reject(error) : Promise.resolve();
        },
      ).catch(({ name, code }) => void events.push(name ?? code));
      return events;
    },
  };
  const connectionManager = {
    pool: {
      destroy: ({ name }: Connection) => {
        events.push(`ended ${name}`);
        return Promise.reject(new Error("it was lost already"));
      },
    },
    getConnection: () => Promise.resolve(state.next),
    releaseConnection: () => {},
  };
  const primary = Primary.of(
    { connectionManager } as unknown as Sequelize,
    ERRORS,
    check ?? undefined,
    () => {},
  )!;
  return state;
}

/** Runs a test while so many milliseconds have passed. */
async function afterMs<T>(ms: number, test: () => Promise<T>): Promise<T> {
  const { now } = performance;
  performance.now = () => now.call(performance) + ms;
  try {
    return await test();
  } finally {
    performance.now = now;
  }
}

Deno.test("a connection is asked before its first read, and again after a second", async () => {
  const { send } = pool();
  assert.deepEqual(await send(false), ["sent to a"]);
  assert.deepEqual(await send(true), ["asked a", "sent to a"]);
  assert.deepEqual(await send(true), ["sent to a"]);
  await afterMs(1001, async () => {
    assert.deepEqual(await send(false), ["sent to a"]);
    assert.deepEqual(await send(true), ["asked a", "sent to a"]);
    assert.deepEqual(await send(true), ["sent to a"]);
  });
});

Deno.test("one that cannot lead elsewhere is asked once", async () => {
  const state = pool();
  state.next = { name: "a", isFixed: true };
  assert.deepEqual(await state.send(true), ["asked a", "sent to a"]);
  assert.deepEqual(await afterMs(1e6, () => state.send(true)), ["sent to a"]);
});

Deno.test("after a refusal, or beside a new connection, the others are asked again", async () => {
  const state = pool();
  const { next: a, send } = state;
  const b = { name: "b" };
  await send(true);
  state.next = b;
  await send(false);
  state.next = a;
  assert.deepEqual(await send(true), ["asked a", "sent to a"]);
  assert.deepEqual(await send(true), ["sent to a"]);
  state.next = b;
  assert.deepEqual(await send(false, { code: "refused" }), ["sent to b", "ended b", "refused"]);
  state.next = a;
  assert.deepEqual(await send(true), ["asked a", "sent to a"]);
});

Deno.test("a connection to a standby is ended before anything is read", async () => {
  const state = pool();
  state.answer = () => [{ standby: true }];
  assert.deepEqual(await state.send(true), ["asked a", "ended a", "StandbyError"]);
  assert.deepEqual(await state.send(true), ["asked a", "ended a", "StandbyError"]);
});

Deno.test("other errors end no connection", async () => {
  const { send } = pool();
  assert.deepEqual(await send(false, { code: "down" }), ["sent to a", "down"]);
});

Deno.test("a server that does not know the question is not asked again", async () => {
  const state = pool();
  state.answer = () => {
    throw Object.assign(new Error("no such function"), { code: "42883" });
  };
  assert.deepEqual(await state.send(true), ["asked a", "sent to a"]);
  state.next = { name: "b" };
  assert.deepEqual(await state.send(true), ["sent to b"]);
});

Deno.test("if the question fails otherwise, so does the statement, and it is asked again", async () => {
  const state = pool();
  state.answer = () => {
    throw { code: "down" };
  };
  assert.deepEqual(await state.send(true), ["asked a", "down"]);
  assert.deepEqual(await state.send(true), ["asked a", "down"]);
});

Deno.test("without a check, reads are not asked for", async () => {
  const { send } = pool(null);
  assert.deepEqual(await send(true), ["sent to a"]);
});

Deno.test("a statement is sent until one is not refused, and other errors are thrown at once", async () => {
  const until = new UntilPrimary((error) => error === "refused");
  let attempts = 0;
  const send = (refusals: number, last: () => string): Promise<string> => {
    attempts = 0;
    return until.send(() => {
      return ++attempts <= refusals ? Promise.reject("refused") : Promise.resolve(last());
    });
  };
  assert.equal(await send(3, () => "done"), "done");
  assert.equal(attempts, 4);
  const fail = (): never => {
    throw new Error("other");
  };
  await assert.rejects(send(1, fail), /other/);
  assert.equal(attempts, 2);
});

Deno.test("once a server was read-only for five seconds, a statement is sent twice", async () => {
  const until = new UntilPrimary((error) => error === "refused");
  let [attempts, isRefused] = [0, true];
  const send = (): Promise<string> =>
    until.send(() => {
      attempts++;
      return isRefused ? Promise.reject("refused") : Promise.resolve("done");
    });
  const first = send();
  await setImmediate();
  await afterMs(5001, async () => {
    await assert.rejects(first, (error) => error === "refused");
    attempts = 0;
    await assert.rejects(send(), (error) => error === "refused");
    assert.equal(attempts, 2);
    isRefused = false;
    assert.equal(await send(), "done");
    // From here on, it is patient again.
    isRefused = true;
    attempts = 0;
    const next = send();
    globalThis.setTimeout(() => isRefused = false, 200);
    assert.equal(await next, "done");
    assert.ok(attempts > 2, `${attempts}`);
  });
});
