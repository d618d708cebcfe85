// Clocks that jump, and servers and processes in other time zones than UTC.

import assert from "node:assert/strict";
import { SequelizeStore } from "../../mod.ts";
import { MemoryStore, SessionManager } from "../../src/manager/mod.ts";
import {
  bytes,
  databases,
  DRIVER,
  inMs,
  open,
  testOn,
  text,
  withStore,
} from "../support/databases.ts";
import { runScript } from "../support/run_script.ts";
import { Visitor } from "../support/visitor.ts";
import { engines } from "./engines.ts";
import { testOnServers, withServer } from "./servers.ts";

const HOUR = 3_600_000;

/** Runs a test while the clock of this process is so many milliseconds ahead. */
async function afterJump<T>(ms: number, test: () => Promise<T>): Promise<T> {
  const RealDate = Date;
  class JumpedDate extends RealDate {
    // deno-lint-ignore no-explicit-any -- the arguments of Date
    constructor(...args: any[]) {
      super(...(args.length === 0 ? [JumpedDate.now()] : args) as [number]);
    }

    static override now(): number {
      return RealDate.now() + ms;
    }
  }
  globalThis.Date = JumpedDate as DateConstructor;
  try {
    return await test();
  } finally {
    globalThis.Date = RealDate;
  }
}

testOn(databases, "a clock that jumps by an hour ends no long session", async (on) => {
  await withStore(on, async ({ store }) => {
    await store.commit("short", bytes("short"), inMs(HOUR / 2));
    await store.commit("long", bytes("long"), inMs(2 * HOUR));
    for (const jump of [HOUR, -HOUR, HOUR, 0]) {
      await afterJump(jump, async () => {
        assert.equal(text((await store.find("long"))?.data), "long");
        assert.equal(text((await store.find("short"))?.data), jump > 0 ? undefined : "short");
        assert.equal(await store.touch("long", new Date(Date.now() + 3 * HOUR)), true);
      });
    }
    // The cleanup uses the same clock as find().
    await afterJump(-HOUR, async () => assert.equal(await store.deleteExpired(), 0));
    await afterJump(HOUR, async () => assert.equal(await store.deleteExpired(), 1));
    assert.deepEqual([...(await store.all()).keys()], ["long"]);
  });
});

Deno.test("a clock that jumps by an hour ends no visitor's session", async () => {
  const sessions = new SessionManager<{ count: number }>({
    store: new MemoryStore(),
    lifetime: 24 * HOUR,
    idleTimeout: 3 * HOUR,
  });
  const visitor = new Visitor(sessions.loadAndSave((_, session) => {
    session.put("count", (session.get("count") ?? 0) + 1);
    return new Response(String(session.get("count")));
  }));
  const counts: string[] = [];
  for (const jump of [0, HOUR, -HOUR, HOUR, 0]) {
    counts.push(await afterJump(jump, () => visitor.text("/")));
  }
  assert.deepEqual(counts, ["1", "2", "3", "4", "5"]);
});

// Times before and after both clock changes in Berlin, New York and on Lord Howe Island, and in the hours
// that these skip or repeat.
const EXPIRIES = [
  "2030-03-10T06:59:59.999Z",
  "2030-03-10T07:30:00.001Z",
  "2030-03-31T00:30:00.000Z",
  "2030-03-31T01:30:00.000Z",
  "2030-04-06T14:45:00.000Z",
  "2030-04-06T15:15:00.000Z",
  "2030-10-05T15:15:00.123Z",
  "2030-10-05T15:45:00.000Z",
  "2030-10-27T00:30:00.000Z",
  "2030-10-27T01:30:00.000Z",
  "2030-11-03T05:30:00.000Z",
  "2030-11-03T06:30:00.000Z",
];
const ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"];

/** Settings of a server in yet another zone. */
const ELSEWHERE = { postgres: "timezone=Asia/Kathmandu", mariadb: "default-time-zone=+05:45" };

testOnServers(
  engines,
  "expiries are exact if server and processes are in different time zones",
  async (engine) => {
    await withServer(engine, async ({ url }) => {
      const sequelize = open(url);
      try {
        const store = await SequelizeStore.open(sequelize, { ...DRIVER, cleanupInterval: 0 });
        const args = [url, ...EXPIRIES];
        for (const TZ of ZONES) {
          const env = { TZ };
          const { output } = await runScript("tests/faults/zones.ts", args, { env }).ended;
          // The expiries that earlier processes have written, and its own.
          assert.equal(output, "exact\n".repeat(2), TZ);
        }
        for (const expiry of EXPIRIES) {
          assert.equal((await store.find(expiry))?.expiry.toISOString(), expiry);
        }
      } finally {
        await sequelize.close();
      }
    }, [ELSEWHERE[engine.dialect]]);
  },
);
