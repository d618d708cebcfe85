import assert from "node:assert/strict";
import process from "node:process";
import { type QueryInterface, Sequelize } from "sequelize";
import { ExpressStore } from "../../src/express/mod.ts";
import { jsonCodec, MemoryStore, SessionManager } from "../../src/manager/mod.ts";
import { down, up } from "../../src/sequelize/migration/mod.ts";
import { SequelizeStore } from "../../mod.ts";
import { open } from "../support/databases.ts";

const sequelize = open("node-sqlite::memory:");

// deno-lint-ignore no-explicit-any -- JavaScript may pass anything
type Anything = any;

/** Each function that takes options, and the action that its errors name. */
const ENTRY_POINTS: [string, (options: Anything) => unknown][] = [
  ["create the session manager", (options) => new SessionManager(options)],
  ["create the Express store", (options) => new ExpressStore(new MemoryStore(), options)],
  ["open the session store", (options) => SequelizeStore.open(sequelize, options)],
  ["create the sessions table", (options) => up(sequelize.getQueryInterface(), options)],
  ["drop the sessions table", (options) => down(sequelize.getQueryInterface(), options)],
];

/** The error that a call throws or rejects with. */
async function errorOf(call: () => unknown): Promise<Error> {
  try {
    await call();
  } catch (error) {
    return error as Error;
  }
  return assert.fail("there was no error");
}

for (const [action, call] of ENTRY_POINTS) {
  Deno.test(`Options to ${action}: an unknown one, null and a store are TypeErrors`, async () => {
    const expected: [unknown, string][] = [
      [null, "'options' must be an object: received null"],
      ["x", "'options' must be an object: received string"],
      [{ stroe: 1, x: 2 }, "there is no option 'stroe', the nearest is '"],
      [{ __proto__: null, sign: 1 }, "there is no option 'sign', the nearest is '"],
      [new MemoryStore(), "'options' must be an object: received an instance of MemoryStore"],
      [
        SequelizeStore.open(sequelize, { cleanupInterval: 0, sync: false }),
        "'options' must be an object: received a Promise: is an `await` missing?",
      ],
    ];
    for (const [options, message] of expected) {
      const error = await errorOf(() => call(options));
      assert.ok(error instanceof TypeError);
      assert.ok(error.message.startsWith(`Cannot ${action}: ${message}`), error.message);
    }
  });
}

Deno.test("an error suggests the option that was meant", async () => {
  const expected: [string, (options: Anything) => unknown, Anything, string][] = [
    ["table", ENTRY_POINTS[2]![1], { table: "x" }, "tableName"],
    ["cleanupIntervall", ENTRY_POINTS[2]![1], { cleanupIntervall: 1000 }, "cleanupInterval"],
    ["stroe", ENTRY_POINTS[0]![1], { stroe: new MemoryStore() }, "store"],
    ["idletimeout", ENTRY_POINTS[0]![1], { idletimeout: 1000 }, "idleTimeout"],
    ["serialiser", ENTRY_POINTS[1]![1], { serialiser: JSON }, "serializer"],
    ["table_name", ENTRY_POINTS[3]![1], { table_name: "x" }, "tableName"],
    ["cookie.samesite", ENTRY_POINTS[0]![1], { cookie: { samesite: "lax" } }, "cookie.sameSite"],
  ];
  for (const [name, call, options, nearest] of expected) {
    const { message } = await errorOf(() => call(options));
    assert.ok(message.includes(`'${name}', the nearest is '${nearest}'`), message);
  }
});

Deno.test("a lifetime among the cookie's options is an error that points to the manager's", async () => {
  for (const name of ["maxAge", "expires"]) {
    const { message } = await errorOf(() =>
      new SessionManager({ cookie: { [name]: 1 } as Anything })
    );
    assert.match(message, /there is no option 'cookie\.\w+': .*'lifetime'/);
  }
});

Deno.test("null is refused for each option, and undefined is the default", async () => {
  for (
    const [name, [action, call]] of [
      ["lifetime", ENTRY_POINTS[0]!],
      ["hashToken", ENTRY_POINTS[1]!],
      ["schema", ENTRY_POINTS[2]!],
      ["signal", ENTRY_POINTS[2]!],
      ["logging", ENTRY_POINTS[3]!],
    ] as const
  ) {
    const error = await errorOf(() => call({ [name]: null }));
    assert.ok(error instanceof TypeError);
    assert.match(
      error.message,
      new RegExp(`^Cannot ${action}: '${name}' must be .*received null$`),
    );
    if (!action.includes("session store")) await call({ [name]: undefined });
  }
});

Deno.test("a duration below a second is refused, except as { milliseconds }", async () => {
  const refused: [number, number, string][] = [
    [0, 3, "lifetime"],
    [0, 999, "idleTimeout"],
    [1, 30, "lifetime"],
    [1, 60, "touchInterval"],
    [2, 30, "cleanupInterval"],
  ];
  for (const [entry, value, name] of refused) {
    const [, call] = ENTRY_POINTS[entry]!;
    const error = await errorOf(() => call({ [name]: value }));
    assert.ok(error instanceof RangeError);
    assert.ok(error.message.includes(`received ${value}: milliseconds, not seconds?`));
    if (entry < 2) call({ [name]: { milliseconds: value } });
  }
});

Deno.test("a lifetime of some seconds brings a warning, except as { milliseconds }", () => {
  const { emitWarning } = process;
  const warnings: string[] = [];
  process.emitWarning = (warning: string | Error): void => void warnings.push(String(warning));
  try {
    new SessionManager({ lifetime: 3600, idleTimeout: 1800 });
    new ExpressStore(new MemoryStore(), { lifetime: 3600 });
    new SessionManager({ lifetime: { milliseconds: 3600 } });
    new SessionManager({ lifetime: 60_000 });
  } finally {
    process.emitWarning = emitWarning;
  }
  assert.deepEqual(
    warnings.map((warning) => /'(\w+)' is \d+: milliseconds, not/.exec(warning)?.[1]),
    [
      "lifetime",
      "idleTimeout",
      "lifetime",
    ],
  );
});

Deno.test("a missing await, and new instead of open(), are errors that say so", async () => {
  // A promise of a store is none: see resolve_store_test.ts.
  const codec = Promise.resolve(jsonCodec) as Anything;
  const serializer = Promise.resolve(JSON) as Anything;
  for (
    const call of [
      () => new SessionManager({ codec }),
      () => new ExpressStore(new MemoryStore(), { serializer }),
    ]
  ) {
    const { name, message } = await errorOf(call);
    assert.equal(name, "TypeError");
    assert.match(message, /: received a Promise: is an `await` missing\?$/);
  }
  const Constructor = SequelizeStore as unknown as new (sequelize: Sequelize) => unknown;
  const { name, message } = await errorOf(() => new Constructor(sequelize));
  assert.equal(name, "TypeError");
  assert.match(message, /use `await SequelizeStore\.open\(sequelize\)`/);
});

Deno.test("a value that is not a Sequelize instance is an error that says so", async () => {
  const wrong = [
    "postgres://host/name",
    { getDialect: () => "postgres" },
    { dialect: "sqlite" },
    Sequelize,
    new MemoryStore(),
    Promise.resolve(sequelize),
  ];
  for (const value of wrong) {
    const { name, message } = await errorOf(() => SequelizeStore.open(value as Anything));
    assert.equal(name, "TypeError");
    assert.match(message, /^Cannot open the session store: 'sequelize' must be a Sequelize 6 inst/);
    if (value === sequelize) continue;
    const target = { createTable: () => {}, sequelize: value } as unknown as QueryInterface;
    assert.equal((await errorOf(() => up(target))).name, "TypeError");
  }
});
