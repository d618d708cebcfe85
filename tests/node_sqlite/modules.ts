// The two modules for SQLite, side by side.

import assert from "node:assert/strict";
import { join } from "node:path";
import type { Options, Sequelize } from "sequelize";
import { open, withoutNodeSqlite, withoutSqlite3 } from "../support/databases.ts";
import { withFolder } from "../support/folder.ts";

/** Opens a connection pool on a module's file, or in memory if `file` is `:memory:`; the test closes it. */
export type Connect = (file?: string, options?: Options) => Sequelize;

/** What a scenario does; what it returns has to be the same on both modules. */
export type Scenario = (connect: Connect) => Promise<unknown>;

async function play(prefix: string, scenario: Scenario): Promise<unknown> {
  let result: unknown;
  await withFolder(async (folder) => {
    const opened: Sequelize[] = [];
    const connect: Connect = (file = ":memory:", options) => {
      const path = file === ":memory:" || file === "" ? file : join(folder, file);
      const sequelize = open(prefix + path, options);
      opened.push(sequelize);
      return sequelize;
    };
    try {
      result = plain(await scenario(connect));
    } finally {
      for (const sequelize of opened) await sequelize.close();
    }
  });
  return result;
}

/** Makes the two modules' own objects comparable. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (value?.constructor.name === "Statement") {
    return { statement: { ...value }, sql: (value as { sql: string }).sql };
  }
  return value;
}

/** Makes an instance's `close()` do nothing: `sqlite3` never closes a file that it could not open. */
export function forgetConnections(sequelize: Sequelize): void {
  Object.assign(sequelize.connectionManager, { connections: {} });
}

/** Defines a test for `node:sqlite`; without it, the test is ignored. */
export function testNodeSqlite(
  name: string,
  fn: () => Promise<void>,
  ignored: string | undefined = withoutNodeSqlite,
): void {
  const reason = ignored ? ` (ignored: ${ignored})` : "";
  Deno.test({ name: `node-sqlite: ${name}${reason}`, ignore: ignored !== undefined, fn });
}

/** Tests that a scenario has the same result on both modules, and the expected one if given. */
export function testSame(name: string, scenario: Scenario, expected?: unknown): void {
  testNodeSqlite(`as on sqlite3: ${name}`, async () => {
    const [theirs, ours] = [await play("", scenario), await play("node-sqlite:", scenario)];
    assert.notEqual(theirs, undefined);
    assert.deepEqual(ours, theirs);
    if (expected !== undefined) assert.deepEqual(ours, expected);
  }, withoutNodeSqlite ?? withoutSqlite3);
}

interface Failure extends Error {
  readonly fields?: unknown;
  readonly errors?: readonly { readonly path: string; readonly type: string }[];
  readonly sql?: string;
  readonly parent?: Error & { readonly code?: string; readonly errno?: number };
}

/** The parts of an error that applications can see. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  const error = await promise.then(() => assert.fail("did not reject"), (e: Failure) => e);
  const { name, message, fields, errors, sql, parent } = error;
  return {
    name,
    message,
    fields,
    errors: errors?.map(({ path, type }) => ({ path, type })),
    sql,
    parent: parent && {
      name: parent.name,
      message: parent.message,
      code: parent.code,
      errno: parent.errno,
      keys: Object.keys(parent).sort(),
    },
  };
}
