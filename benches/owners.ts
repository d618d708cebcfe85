// Measures what owners cost: finding and ending the sessions of one user among many and among few, and commits
// with the column and without.
//
//   deno task bench:owners [--database DATABASE]... [--rows 1000000] [--few 10000]
//
// DATABASE is a URL, or one of postgres, mariadb and sqlite; the first two stand for TEST_POSTGRES_URL and
// TEST_MARIADB_URL.

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { parseArgs } from "node:util";
import { QueryTypes, Sequelize } from "sequelize";
import { SequelizeStore } from "../mod.ts";
import { POOL } from "./contender.ts";
import { compare, type Entry, median, type Sample } from "./measure.ts";
import { readDatabases, readOrExit } from "./options.ts";
import { serverName } from "./report.ts";

const { values: flags } = readOrExit(() =>
  parseArgs({
    options: {
      database: { type: "string", multiple: true },
      rows: { type: "string", default: "1000000" },
      few: { type: "string", default: "10000" },
    },
  })
);

const SESSIONS_OF_ONE = 5;
const FILL_AT_ONCE = 10_000;
const LIFETIME_MS = 24 * 3_600_000;
const DATA = Buffer.alloc(300, "data ");
const CALLERS = [1, 10, 100];
const ROUNDS = 9;

/** Computes the token of a row from its number: in another order than the owners. */
function tokenOf(number: number): string {
  return createHash("md5").update(String(number)).digest("hex");
}

function ownerOf(number: number): string {
  return `user-${Math.floor(number / SESSIONS_OF_ONE)}`;
}

function commit(store: SequelizeStore, number: number, owner?: string): Promise<void> {
  return store.commit(tokenOf(number), DATA, new Date(Date.now() + LIFETIME_MS), { owner });
}

/** Opens a store on a table of sessions, five of each owner. */
async function openTable(
  sequelize: Sequelize,
  tableName: string,
  { count, owners }: { readonly count: number; readonly owners: boolean },
): Promise<SequelizeStore> {
  console.error(`Filling ${tableName} with ${count} rows ...`);
  const store = await SequelizeStore.open(sequelize, { tableName, owners, cleanupInterval: 0 });
  await store.model.destroy({ where: {} });
  for (let start = 0; start < count; start += FILL_AT_ONCE) {
    const numbers = Array.from(
      { length: Math.min(FILL_AT_ONCE, count - start) },
      (_, i) => start + i,
    );
    await Promise.all(numbers.map((n) => commit(store, n, owners ? ownerOf(n) : undefined)));
  }
  const analyze = {
    postgres: `VACUUM ANALYZE ${tableName}`,
    mariadb: `ANALYZE TABLE ${tableName}`,
    sqlite: `ANALYZE ${tableName}`,
  }[sequelize.getDialect() as "postgres"];
  await sequelize.query(analyze, { type: QueryTypes.SELECT });
  return store;
}

function anyOf(count: number): number {
  return Math.floor(Math.random() * count);
}

/** Finds the sessions of one owner after another. */
function findingOwned(store: SequelizeStore, count: number): Entry {
  return {
    call: async () => {
      let found = 0;
      for await (const _ of store.entriesOf(ownerOf(anyOf(count)))) found++;
      return found === SESSIONS_OF_ONE;
    },
  };
}

/** Ends the sessions of one owner after another, and restores them after the round. */
function endingOwned(store: SequelizeStore, count: number): Entry {
  const ended: number[] = [];
  let next = 0;
  return {
    call: async () => {
      // In steps that spread over the table.
      next = (next + 7919 * SESSIONS_OF_ONE) % count;
      const first = next - next % SESSIONS_OF_ONE;
      ended.push(first);
      return await store.deleteOwned(ownerOf(first)) === SESSIONS_OF_ONE;
    },
    restore: async () => {
      const numbers = ended.splice(0).flatMap((first) =>
        Array.from({ length: SESSIONS_OF_ONE }, (_, i) => first + i)
      );
      await Promise.all(numbers.map((number) => commit(store, number, ownerOf(number))));
    },
  };
}

/** Prints how many times longer the second entry's call takes than the first one's. */
async function print(name: string, entries: readonly Entry[], maxCalls: number): Promise<void> {
  for (const callers of CALLERS) {
    const load = { callers, milliseconds: 500, rounds: ROUNDS, maxCalls };
    const [first, second] = await compare(entries, load) as [Sample[], Sample[]];
    const ratio = median(first.map(({ perSecond }, i) => perSecond / second[i]!.perSecond));
    const speeds = [first, second].map((samples) => {
      return Math.round(median(samples.map(({ perSecond }) => perSecond)));
    });
    console.log(`${name}, ${callers} callers: ${ratio.toFixed(2)} (${speeds.join("/s, ")}/s)`);
  }
}

async function bench(address: string): Promise<void> {
  const sequelize = address === "sqlite"
    ? new Sequelize({ dialect: "sqlite", storage: ":memory:", logging: false })
    : new Sequelize(address, { logging: false, pool: { max: POOL } });
  console.log(`\n# ${await serverName(sequelize)}`);
  const [few, many] = [Number(flags.few), Number(flags.rows)];
  const plain = await openTable(sequelize, "bench_plain", { count: few, owners: false });
  const small = await openTable(sequelize, "bench_owned", { count: few, owners: true });
  const anonymous = (store: SequelizeStore): Entry => ({ call: () => commit(store, anyOf(few)) });
  const owned: Entry = {
    call: () => {
      const number = anyOf(few);
      return commit(small, number, ownerOf(number));
    },
  };
  await print("commit with owner / without the column", [anonymous(plain), owned], Infinity);
  await small.model.update({ owner: null }, { where: {} });
  await print(
    "commit without owner / without the column",
    [anonymous(plain), anonymous(small)],
    Infinity,
  );
  for (const { model } of [plain, small]) await model.drop();

  const short = await openTable(sequelize, "bench_few", { count: few, owners: true });
  const long = await openTable(sequelize, "bench_many", { count: many, owners: true });
  const find = [findingOwned(short, few), findingOwned(long, many)];
  await print(`entriesOf among ${many} / ${few}`, find, Infinity);
  // No owner twice in a round.
  const end = [endingOwned(short, few), endingOwned(long, many)];
  await print(`deleteOwned among ${many} / ${few}`, end, few / SESSIONS_OF_ONE / 2);
  for (const { model } of [short, long]) await model.drop();
  await sequelize.close();
}

const addresses = readOrExit(() =>
  readDatabases(flags.database, ["postgres", "mariadb", "sqlite"])
);
for (const address of addresses) await bench(address);
