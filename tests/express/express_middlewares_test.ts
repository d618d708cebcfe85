// ExpressStore with the real middlewares over HTTP: express-session in Express 5 and 4, @fastify/session.

import assert from "node:assert/strict";
import express, { type Express } from "express";
import { ExpressStore, type ExpressStoreOptions } from "../../src/express/mod.ts";
import { type FullSessionStore, MemoryStore, type SessionStore } from "../../src/manager/mod.ts";
import { SequelizeStore } from "../../mod.ts";
import {
  type Database,
  databases,
  inMs,
  open,
  postgres,
  shared,
  testOn,
  withStore,
} from "../support/databases.ts";
import {
  type AppOptions,
  whileExpressServes,
  whileFastifyServes,
} from "../support/express_apps.ts";
import { ticking } from "../support/clock.ts";
import { gate } from "../support/gate.ts";
import { ALL_CALLS, recording, touchAll, withCalls } from "../support/stores.ts";
import { cookiesOf, fetchFrom, Visitor } from "../support/visitor.ts";

const HOUR = 3_600_000;
const COOKIE = /^(connect\.sid|sessionId)$/;

type Serve = (
  options: AppOptions,
  test: (address: string) => Promise<void>,
) => Promise<void>;

interface Framework {
  readonly name: string;
  readonly serve: Serve;
  /** Why its tests are ignored; `undefined` if they run. */
  readonly ignored?: string | undefined;
}

// A name that only deno.json defines.
const express4: (() => Express) | undefined = await import("express4").then(
  (module) => module.default,
  () => undefined,
);
const expresses: readonly Framework[] = [
  {
    name: "Express 5",
    serve: (options, test) => whileExpressServes(express, options, test),
  },
  {
    name: "Express 4",
    serve: (options, test) => whileExpressServes(express4!, options, test),
    ignored: express4 ? undefined : "Node finds no package of that name",
  },
];
const fastify: Framework = { name: "Fastify", serve: whileFastifyServes };
const frameworks: readonly Framework[] = [...expresses, fastify];

interface Scene {
  readonly inner: SequelizeStore;
  /** The SQL statements that were sent since the test last emptied this. */
  readonly statements: string[];
  /** Makes a visitor, with cookies from elsewhere or none. */
  visit(cookies?: Record<string, string>): Visitor;
  /** Counts the table's rows. */
  count(): Promise<number>;
}

type Options = Omit<AppOptions, "store"> & { readonly storeOptions?: ExpressStoreOptions };

/** Serves the website in a framework, with a store on a database. */
async function onWebsite(
  { serve }: Framework,
  database: Database,
  { storeOptions, ...options }: Options,
  test: (scene: Scene) => Promise<void>,
): Promise<void> {
  await withStore(database, async ({ store: inner, statements }) => {
    const store = new ExpressStore(inner, storeOptions);
    await serve({ store, ...options }, async (address) => {
      const visit: Scene["visit"] = (cookies) => new Visitor(fetchFrom(address), cookies);
      await test({ inner, statements, visit, count: () => inner.model.count() });
    });
  });
}

/** Defines a test in a framework on several databases. */
function testIn(
  { name: framework, ignored }: Framework,
  on: readonly Database[],
  name: string,
  test: (database: Database) => Promise<void>,
): void {
  const each = on.map((database) => ({ ...database, ignored: database.ignored ?? ignored }));
  testOn(each, `${framework}: ${name}`, test);
}

const SQLITE_AND_POSTGRES = [databases[0]!, postgres];

/** Defines a test for each framework on SQLite and PostgreSQL. */
function testWebsite(
  name: string,
  options: Options | ((framework: Framework) => Options),
  test: (scene: Scene, framework: Framework) => Promise<void>,
  among: readonly Framework[] = frameworks,
): void {
  for (const framework of among) {
    testIn(framework, SQLITE_AND_POSTGRES, name, async (database) => {
      const chosen = typeof options === "function" ? options(framework) : options;
      await onWebsite(framework, database, chosen, (scene) => test(scene, framework));
    });
  }
}

async function values(visitor: Visitor, path = "/"): Promise<unknown> {
  const response = await visitor.fetch(path);
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return JSON.parse(text);
}

function cookieOf(visitor: Visitor): string | undefined {
  return [...visitor.cookies].find(([name]) => COOKIE.test(name))?.[1];
}

/** Whether the response to a request sets the session's cookie. */
async function setsCookie(visitor: Visitor, path = "/"): Promise<boolean> {
  const response = await visitor.fetch(path);
  await response.text();
  return cookiesOf(response).some(({ name }) => COOKIE.test(name));
}

/** Asserts that there is one session, and that it lasts for about so many milliseconds from now on. */
async function assertLasts(inner: SequelizeStore, ms: number): Promise<void> {
  const all = await Array.fromAsync(inner.entries());
  assert.equal(all.length, 1);
  const left = all[0]!.expiry.getTime() - Date.now();
  assert.ok(left > ms - 60_000 && left <= ms, String(left));
}

const BOTH = [false, true];
const combinations = BOTH.flatMap((rolling) =>
  BOTH.flatMap((saveUninitialized) =>
    BOTH.map((resave) => ({ rolling, saveUninitialized, resave, maxAge: HOUR }))
  )
);
for (const options of combinations) {
  const { rolling, saveUninitialized, resave } = options;
  const flags = `rolling ${rolling}, saveUninitialized ${saveUninitialized}`;
  testWebsite(`${flags}, resave ${resave}`, options, async ({ visit, count }) => {
    const visitor = visit();
    assert.equal(await setsCookie(visitor), saveUninitialized);
    assert.equal(await count(), saveUninitialized ? 1 : 0);
    assert.deepEqual(await values(visitor, "/put/cart/apple"), { cart: "apple" });
    assert.deepEqual(await values(visitor), { cart: "apple" });
    assert.equal(await setsCookie(visitor), rolling);
    assert.deepEqual(await values(visitor, "/reload"), { cart: "apple" });

    const before = visitor.clone();
    assert.deepEqual(await values(visitor, "/sign-in/Ada"), { user: "Ada" });
    assert.notEqual(cookieOf(visitor), cookieOf(before));
    assert.deepEqual(await values(visitor, "/put/cart/pear"), { user: "Ada", cart: "pear" });
    assert.deepEqual(await values(visitor, "/remove/cart"), { user: "Ada" });
    assert.equal(await count(), 1);
    assert.deepEqual(await values(before), {});
    assert.deepEqual(await values(visit()), {});

    const signedIn = visitor.clone();
    assert.equal(await visitor.text("/sign-out"), "signed out");
    assert.deepEqual(await values(signedIn), {});
    assert.equal(await count(), saveUninitialized ? 3 : 0);
  }, resave ? expresses : frameworks);
}

// express-session reads the clock twice when it renews a cookie, which may lose a millisecond.
for (const { name, serve, ignored = false } of frameworks) {
  Deno.test({
    name: `${name}: requests that only read write nothing, even if the clock moves on meanwhile`,
    ignore: ignored !== false,
    fn: async () => {
      for (const options of combinations) {
        if (options.resave && name === "Fastify") continue;
        for (const touchInterval of [0, 60_000, Infinity]) {
          const inner = new MemoryStore();
          const { store, calls } = recording(inner);
          const served = { ...options, store: new ExpressStore(store, { touchInterval }) };
          await serve(served, async (address) => {
            const visitor = new Visitor(fetchFrom(address));
            await ticking(async () => {
              await values(visitor, "/put/a/1");
              const [written] = (await inner.all()).values();
              calls.length = 0;
              for (let i = 0; i < 30; i++) {
                assert.deepEqual(await values(visitor), { a: "1" });
                assert.deepEqual([...(await inner.all()).values()], [written]);
              }
            });
            if (touchInterval > 0) assert.deepEqual(calls, Array(30).fill("find"));
          });
        }
      }
    },
  });
}

testWebsite("parallel requests lose nothing", {}, async ({ visit }) => {
  const visitor = visit();
  await values(visitor, "/put/first/1");
  const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);
  await Promise.all(keys.map((key) => values(visitor.clone(), `/put/${key}/1`)));
  const expected = Object.fromEntries(["first", ...keys].map((key) => [key, "1"]));
  assert.deepEqual(await values(visitor), expected);
});

for (const [path, how] of [["sign-out", "signs out"], ["sign-in/Bob", "signs in anew"]] as const) {
  for (const slowPath of ["/slow/put/a/1", "/slow/"]) {
    for (const framework of frameworks) {
      const name =
        `${framework.name}: ${slowPath} does not bring back the session that another tab ${how} from`;
      testIn(framework, SQLITE_AND_POSTGRES, name, async (database) => {
        const slow = { entered: gate(), left: gate() };
        // With these options, each request writes if it can.
        const options = { slow, rolling: true, resave: true, storeOptions: { touchInterval: 0 } };
        await onWebsite(framework, database, options, async ({ visit, count }) => {
          const visitor = visit();
          await values(visitor, "/sign-in/Ada");
          const tab = visitor.clone();
          const response = values(tab, slowPath);
          await slow.entered.opened;
          await visitor.text(`/${path}`);
          slow.left.open();
          await response;
          assert.deepEqual(await values(tab), {});
          assert.equal(
            await count(),
            path === "sign-out" ? 0 : 1,
          );
        });
      });
    }
  }
}

testWebsite("a redirect right after save() finds the saved values", {}, async ({ visit }) => {
  for (let n = 0; n < 10; n++) {
    const visitor = visit();
    const response = await visitor.fetch(`/redirect/${n}`);
    await response.text();
    assert.deepEqual([response.status, response.headers.get("location")], [303, "/"]);
    assert.deepEqual(await values(visitor), { flash: String(n) });
  }
});

testWebsite(
  "a session whose cookie ends with the browser lasts for its lifetime",
  { storeOptions: { lifetime: HOUR } },
  async (scene) => {
    const { visit, inner } = scene;
    const visitor = visit();
    const response = await visitor.fetch("/put/a/1");
    await response.text();
    const [cookie] = cookiesOf(response);
    assert.deepEqual([cookie?.expires, cookie?.maxAge], [undefined, undefined]);
    await assertLasts(inner, HOUR);
    // As if the session had not been used for forty minutes.
    await touchAll(inner, inMs(HOUR / 3));
    assert.deepEqual(await values(visitor), { a: "1" });
    await assertLasts(inner, HOUR);
  },
);

testWebsite("an expired session is gone", { maxAge: HOUR }, async ({ visit, inner }) => {
  const visitor = visit();
  await values(visitor, "/put/a/1");
  await touchAll(inner, inMs(-1000));
  assert.deepEqual(await values(visitor), {});
});

testWebsite(
  "a session in use lasts longer than its cookie said at first",
  { maxAge: HOUR },
  async ({ visit, inner, statements }) => {
    const visitor = visit();
    await values(visitor, "/put/a/1");
    await touchAll(inner, inMs(60_000));
    statements.length = 0;
    await values(visitor);
    assert.deepEqual(statements.filter((sql) => /UPDATE|INSERT/.test(sql)).length, 1);
    await assertLasts(inner, HOUR);
  },
);

testWebsite(
  "requests that change nothing cost one query",
  { maxAge: HOUR, rolling: true, resave: true },
  async ({ visit, statements }) => {
    const visitor = visit();
    await values(visitor, "/put/a/1");
    statements.length = 0;
    for (const path of ["/", "/put/a/1", "/reload", "/"]) await values(visitor, path);
    const reads = statements.filter((sql) => sql.includes("SELECT")).length;
    // At most one more: express-session loses a millisecond of its cookie's maxAge now and then.
    assert.ok(reads === 5 && statements.length <= 6, statements.join("\n"));
  },
);

testWebsite("a cookie's time can be extended", { maxAge: HOUR }, async ({ visit, inner }) => {
  const visitor = visit();
  await values(visitor, "/put/a/1");
  await values(visitor, `/last/${10 * HOUR}`);
  await values(visitor);
  await assertLasts(inner, 10 * HOUR);
  const [session] = await new ExpressStore(inner).all();
  // express-session subtracts the time that it needs to compute this: a millisecond now and then.
  assert.ok(session!.cookie.originalMaxAge! > 10 * HOUR - 1000);
});

testWebsite("unset: destroy", { unset: "destroy" }, async ({ visit, count }) => {
  const visitor = visit();
  await values(visitor, "/put/a/1");
  assert.equal(await visitor.text("/unset"), "unset");
  assert.equal(await count(), 0);
}, expresses);

/** Requests by the call of the store that they need. */
const CALLED_BY = {
  find: ["/", "/put/a/1", "/sign-in/Bob", "/sign-out"],
  replace: ["/put/a/1", "/redirect/a"],
  delete: ["/sign-in/Bob", "/sign-out"],
};

for (const framework of frameworks) {
  testIn(framework, shared, "sessions survive a restart", async (database) => {
    await database.connect(async (_, address) => {
      const serving = async (
        test: (visit: (c?: Visitor) => Visitor) => Promise<void>,
      ): Promise<void> => {
        const sequelize = open(address);
        const inner = await SequelizeStore.open(sequelize, { tableName: "sessions_restart" });
        try {
          await framework.serve(
            { store: new ExpressStore(inner) },
            (url) =>
              test((old) => new Visitor(fetchFrom(url), Object.fromEntries(old?.cookies ?? []))),
          );
        } finally {
          await inner.stopCleanup();
          await sequelize.close();
        }
      };
      let visitor!: Visitor;
      await serving(async (visit) => void await values(visitor = visit(), "/sign-in/Ada"));
      await serving(async (visit) => {
        assert.deepEqual(await values(visit(visitor)), { user: "Ada" });
        await values(visit(visitor), "/put/a/1");
      });
      await serving(async (visit) => {
        assert.deepEqual(await values(visit(visitor)), { user: "Ada", a: "1" });
      });
      const sequelize = open(address);
      await sequelize.getQueryInterface().dropTable("sessions_restart");
      await sequelize.close();
    });
  });

  testIn(framework, [databases[0]!], "a failing store logs nobody out", async () => {
    const inner = new MemoryStore();
    let down: string | undefined;
    const flaky: SessionStore & Partial<FullSessionStore> = withCalls(
      inner,
      ALL_CALLS,
      async (name, make) => {
        // The code of a missing socket, which the middlewares take for a missing session.
        if (down === name) throw Object.assign(new Error("down"), { code: "ENOENT" });
        return await make();
      },
    );
    await framework.serve({ store: new ExpressStore(flaky) }, async (address) => {
      const visitor = new Visitor(fetchFrom(address));
      await values(visitor, "/sign-in/Ada");
      const cookie = cookieOf(visitor);
      for (const [call, paths] of Object.entries(CALLED_BY)) {
        down = call;
        for (const path of paths) {
          const response = await visitor.clone().fetch(path);
          await response.text();
          // Express sends the status before the session is saved.
          if (call !== "replace") assert.equal(response.status, 500, `${call} ${path}`);
        }
      }
      down = undefined;
      assert.equal(cookieOf(visitor), cookie);
      assert.deepEqual(await values(visitor), { user: "Ada" });
    });
  });
}
