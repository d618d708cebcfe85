// Operations per second of the store beside the bare driver with prepared statements and beside plain
// model calls, on one database in one run. The contenders take turns, and each figure is the median of
// its rounds, so that a noisy machine disturbs all of them alike: read the ratios, not the figures.

import type { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import process from "node:process";
import { parseArgs } from "node:util";
import pg from "pg";
import { Op, Sequelize } from "sequelize";
import type sqlite3 from "sqlite3";
import { SequelizeStore } from "../mod.ts";

const ROWS = 20_000;
const DATA_BYTES = 300;
const CALLERS = [1, 10, 100];
const POOL = 5;

const { values: flags } = parseArgs({
  options: {
    database: { type: "string", multiple: true },
    rounds: { type: "string", default: "5" },
    ms: { type: "string", default: "400" },
  },
});

/** One way to read and write a session. */
interface Contender {
  readonly name: string;
  find(token: string): Promise<unknown>;
  commit(token: string, data: Buffer, expiry: Date): Promise<unknown>;
  close?(): Promise<unknown>;
}

const SELECT = "SELECT token, data, expiry FROM sessions_bench WHERE token = $1 AND expiry > $2";
const UPSERT = `INSERT INTO sessions_bench (token, data, expiry) VALUES ($1, $2, $3)
  ON CONFLICT (token) DO UPDATE SET data = EXCLUDED.data, expiry = EXCLUDED.expiry`;

function pgDriver(url: string): Contender {
  const pool = new pg.Pool({ connectionString: url, max: POOL });
  return {
    name: "bare pg",
    find: (token) => pool.query({ name: "find", text: SELECT, values: [token, new Date()] }),
    commit: (token, data, expiry) =>
      pool.query({ name: "commit", text: UPSERT, values: [token, data, expiry] }),
    close: () => pool.end(),
  };
}

async function sqliteDriver(sequelize: Sequelize): Promise<Contender> {
  // The same connection: the database is in memory.
  const database = await sequelize.connectionManager.getConnection({
    type: "read",
  }) as sqlite3.Database;
  const [select, upsert] = [database.prepare(SELECT), database.prepare(UPSERT)];
  const call = (statement: sqlite3.Statement, ...values: unknown[]): Promise<unknown> =>
    new Promise((resolve, reject) => {
      statement.all(...values, (error: Error | null, rows: unknown) => {
        if (error) reject(error);
        else resolve(rows);
      });
    });
  const text = (date: Date): string => date.toISOString().replace("T", " ").replace("Z", " +00:00");
  return {
    name: "bare sqlite3",
    find: (token) => call(select, token, text(new Date())),
    commit: (token, data, expiry) => call(upsert, token, data, text(expiry)),
    close: () => {
      select.finalize();
      return new Promise((resolve) => upsert.finalize(resolve));
    },
  };
}

function modelCalls({ model }: SequelizeStore): Contender {
  return {
    name: "Model.findOne/upsert",
    find: (token) => {
      return model.findOne({ where: { token, expiry: { [Op.gt]: new Date() } }, raw: true });
    },
    commit: (token, data, expiry) => model.upsert({ token, data, expiry }, { returning: false }),
  };
}

/** Operations per second of `callers` that each call again as soon as they have their answer. */
async function measure(call: () => Promise<unknown>, callers: number): Promise<number> {
  const end = performance.now() + Number(flags.ms);
  let done = 0;
  const start = performance.now();
  await Promise.all(Array.from({ length: callers }, async () => {
    while (performance.now() < end) {
      await call();
      done++;
    }
  }));
  return done / (performance.now() - start) * 1000;
}

function median(numbers: number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!;
}

async function bench(sequelize: Sequelize, driver: () => Promise<Contender>): Promise<void> {
  const store = await SequelizeStore.open(sequelize, {
    tableName: "sessions_bench",
    cleanupInterval: 0,
    // All rows are committed at once.
    queueLimit: ROWS,
  });
  const expiry = new Date(Date.now() + 3_600_000);
  const data = randomBytes(DATA_BYTES);
  const tokens = Array.from({ length: ROWS }, () => randomBytes(32).toString("base64url"));
  await Promise.all(tokens.map((token) => store.commit(token, data, expiry)));
  const contenders: Contender[] = [
    {
      name: "SequelizeStore",
      find: (token) => store.find(token),
      commit: (token, data, expiry) => store.commit(token, data, expiry),
    },
    await driver(),
    modelCalls(store),
  ];
  const anyToken = (): string => tokens[Math.floor(Math.random() * ROWS)]!;
  const verbs = {
    find: ({ find }: Contender) => find(anyToken()),
    commit: ({ commit }: Contender) => commit(anyToken(), data, expiry),
  };
  console.log(
    `\n${sequelize.getDialect()}: ${ROWS} sessions of ${DATA_BYTES} bytes, pool of ${POOL}`,
  );
  const names = contenders.map(({ name }) => name.padStart(22)).join("");
  console.log("verb    callers" + names + "   x driver   x model");
  for (const [verb, call] of Object.entries(verbs)) {
    for (const callers of CALLERS) {
      const figures: number[][] = contenders.map(() => []);
      // The first round warms up.
      for (let round = 0; round <= Number(flags.rounds); round++) {
        for (const [i, contender] of contenders.entries()) {
          const figure = await measure(() => call(contender), callers);
          if (round > 0) figures[i]!.push(figure);
        }
      }
      const [ours, bare, model] = figures.map(median) as [number, number, number];
      const columns = [ours, bare, model].map((figure) => figure.toFixed(0).padStart(20) + "/s");
      const ratios = [ours / bare, ours / model].map((ratio) => ratio.toFixed(2).padStart(10));
      console.log(
        verb.padEnd(8) + String(callers).padStart(7) + columns.join("") + ratios.join(""),
      );
    }
  }
  for (const { close } of contenders) await close?.();
  await store.model.drop();
}

const urls = flags.database ?? [process.env.TEST_POSTGRES_URL ?? []].flat();
if (urls.length === 0) {
  console.log(
    "For PostgreSQL: TEST_POSTGRES_URL, or --database postgres://user:password@host/name",
  );
}
for (const url of urls) {
  const sequelize = new Sequelize(url, { logging: false, pool: { max: POOL } });
  await bench(sequelize, () => Promise.resolve(pgDriver(url)));
  await sequelize.close();
}
const sequelize = new Sequelize({ dialect: "sqlite", storage: ":memory:", logging: false });
await bench(sequelize, () => sqliteDriver(sequelize));
await sequelize.close();
