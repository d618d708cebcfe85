// Compares the store with the bare driver (prepared statements), plain Sequelize calls and stores for
// express-session, in one run on one machine. The ratios are more meaningful than the absolute figures.
//
//   deno task bench [--database DATABASE]... [--only find,commit] [--json FILE]
//
// DATABASE is a URL such as postgres://user:password@host/name, or one of postgres, mariadb and mysql, which
// stand for TEST_POSTGRES_URL, TEST_MARIADB_URL and TEST_MYSQL_URL, or sqlite, which stands for SQLite in memory
// and in files, on the package sqlite3 and on ./node-sqlite.

import { parseArgs } from "node:util";
import { Sequelize } from "sequelize";
import { SequelizeStore } from "../mod.ts";
import { type Contender, POOL, TABLE, type Verb, VERBS } from "./contender.ts";
import { delay } from "./delaying_proxy.ts";
import { lineup } from "./lineup.ts";
import { compare } from "./measure.ts";
import { readDatabases, readOrExit } from "./options.ts";
import {
  type DatabaseReport,
  printRows,
  type Row,
  serverName,
  summarize,
  writeReport,
} from "./report.ts";
import { SessionRows } from "./session_rows.ts";
import { openSqlite, type Storage, STORAGES } from "./sqlite.ts";

const { values: flags } = readOrExit(() =>
  parseArgs({
    options: {
      database: { type: "string", multiple: true },
      only: { type: "string", default: VERBS.join(",") },
      callers: { type: "string", default: "1,10,100,1000" },
      contenders: { type: "string", default: "" },
      rows: { type: "string", default: "20000" },
      rounds: { type: "string", default: "5" },
      ms: { type: "string", default: "300" },
      latency: { type: "string", default: "0" },
      json: { type: "string" },
    },
  })
);

const DEFAULT_PORTS: Record<string, number> = { postgres: 5432, mariadb: 3306, mysql: 3306 };

/** Returns the numbers of callers to measure a verb with: more than 100 only for finds. */
function callersOf(verb: Verb): number[] {
  const all = flags.callers.split(",").map(Number);
  return all.filter((callers) => callers <= 100 || verb === "find");
}

/** Fills each table, through the first contender that uses it. */
async function fillTables(contenders: readonly Contender[]): Promise<Map<string, SessionRows>> {
  const tables = new Map<string, SessionRows>();
  for (const contender of contenders) {
    if (tables.has(contender.table)) continue;
    console.error(`Filling ${contender.table} ...`);
    const rows = new SessionRows(Number(flags.rows));
    await rows.fill(contender);
    tables.set(contender.table, rows);
  }
  return tables;
}

async function benchVerb(
  contenders: readonly Contender[],
  tables: ReadonlyMap<string, SessionRows>,
  { verb, callers }: { verb: Verb; callers: number },
): Promise<Row[]> {
  const supporting = contenders.filter((contender) => contender[verb]);
  const entries = supporting.map((contender) =>
    tables.get(contender.table)!.entry(contender, verb)
  );
  const load = {
    callers,
    milliseconds: Number(flags.ms),
    rounds: Number(flags.rounds),
    maxCalls: Number(flags.rows),
  };
  const rows = summarize(supporting.map(({ name }) => name), await compare(entries, load), {
    verb,
    callers,
  });
  printRows(rows);
  return rows;
}

/** A database to measure on. */
interface Target {
  readonly sequelize: Sequelize;
  readonly name: string;
  readonly url: string;
  /** Contenders that the database itself brings along. */
  readonly others: readonly Contender[];
  close(): Promise<void>;
}

async function benchDatabase(
  { sequelize, url, others }: Target,
  report: (rows: Row[]) => Promise<void>,
): Promise<void> {
  const store = await SequelizeStore.open(sequelize, { tableName: TABLE, cleanupInterval: 0 });
  const all = [...await lineup({ store, sequelize, url }), ...others];
  const contenders = all.filter(({ name }, i) => i === 0 || name.includes(flags.contenders));
  const tables = await fillTables(contenders);
  for (const verb of VERBS.filter((verb) => flags.only.split(",").includes(verb))) {
    for (const callers of callersOf(verb)) {
      await report(await benchVerb(contenders, tables, { verb, callers }));
    }
  }
  for (const { close } of all) await close?.();
  await store.model.drop();
}

async function openServer(address: string): Promise<Target> {
  const [protocol] = address.split(":");
  const milliseconds = Number(flags.latency);
  const defaultPort = DEFAULT_PORTS[protocol!] ?? 5432;
  const proxy = milliseconds > 0 ? await delay(address, { milliseconds, defaultPort }) : undefined;
  const url = proxy?.url ?? address;
  const sequelize = new Sequelize(url, {
    logging: false,
    pool: { max: POOL },
    // Model.update() writes its condition into the SQL, and mysql2 keeps each text prepared: 16 000 for each connection,
    // where MySQL and MariaDB allow 16 382 in all.
    ...(protocol === "mysql" && { dialectOptions: { maxPreparedStatements: 1000 } }),
  });
  return {
    sequelize,
    url,
    name: await serverName(sequelize),
    others: [],
    close: async (): Promise<void> => {
      await sequelize.close();
      proxy?.close();
    },
  };
}

async function openFile(storage: Storage): Promise<Target> {
  const databases = await openSqlite(storage);
  const name = `${await serverName(databases.sequelize)} ${storage.name}`;
  return { ...databases, name, url: "sqlite" };
}

async function bench(target: Target, databases: DatabaseReport[]): Promise<void> {
  const { name: database } = target;
  console.log(`\n# ${database}: ${flags.rows} sessions of 300 bytes, at most ${POOL} connections`);
  const rows: Row[] = [];
  const isFile = target.url === "sqlite";
  databases.push({ database, addedLatencyMilliseconds: isFile ? 0 : Number(flags.latency), rows });
  await benchDatabase(target, async (more) => {
    rows.push(...more);
    if (flags.json) await writeReport(flags.json, databases);
  });
  await target.close();
}

const addresses = readOrExit(() =>
  readDatabases(flags.database, ["postgres", "mariadb", "mysql", "sqlite"])
);
const databases: DatabaseReport[] = [];
for (const address of addresses) {
  if (address !== "sqlite") await bench(await openServer(address), databases);
  else for (const storage of STORAGES) await bench(await openFile(storage), databases);
}
