// Serves a small website that keeps its sessions in a database of your choice:
//
//   deno task demo [--database postgres://user:password@host/name] [--port 4000] [--help]

import { parseArgs } from "node:util";
import { SequelizeStore } from "@scs/sequelize-store";
import { SessionManager } from "@scs/sequelize-store/manager";
import { nodeSqlite } from "@scs/sequelize-store/node-sqlite";
import { Sequelize } from "sequelize";
import { createDemo } from "./demo_app.ts";
import type { Visitor } from "./demo_page.ts";

const USAGE = `Serves a small website that keeps its sessions in a database.

  deno task demo [--database URL] [--port PORT]

  --database  where the sessions are kept; by default sqlite:demo.sqlite, a file in this folder.
              Also postgres://user:password@host/name, mariadb://... and mysql://...
  --port      the port to listen on; by default 4000, and 0 is any free one
  --help      print this
`;

/** The driver for each kind of URL. SQLite needs none: the runtime has it. */
const DRIVERS: Readonly<Record<string, string>> = {
  postgres: "pg",
  postgresql: "pg",
  mariadb: "mariadb",
  mysql: "mysql2",
};

/** Imports the driver that a URL needs. Deno installs it then, and no others. */
async function importDriver(database: string): Promise<object> {
  const scheme = database.slice(0, database.indexOf(":"));
  const driver = DRIVERS[scheme];
  if (driver) return (await import(driver)).default;
  throw new Error(`not a URL of ${Object.keys(DRIVERS).join(", ")} or sqlite`);
}

async function connect(database: string): Promise<Sequelize> {
  if (!/^\w+:/.test(database)) throw new Error("not a URL such as postgres://host/name");
  const file = /^sqlite:(?:\/\/)?(.*)$/.exec(database);
  return file
    ? new Sequelize({
      dialect: "sqlite",
      storage: file[1]!,
      dialectModule: nodeSqlite,
      logging: false,
    })
    : new Sequelize(database, { dialectModule: await importDriver(database), logging: false });
}

/** Removes the user and the password, if any, from a database's URL. */
function redact(database: string): string {
  return database.replace(/\/\/.*@/, "//");
}

/** Prints an error in one line, and exits. */
function fail(action: string, error: unknown): never {
  const { message, name, parent } = error as Error & { parent?: { code?: string } };
  console.error(`Cannot ${action}: ${message.split("\n")[0] || parent?.code || name}`);
  Deno.exit(1);
}

async function openStore(database: string): Promise<SequelizeStore> {
  try {
    return await SequelizeStore.open(await connect(database), { owners: true });
  } catch (error) {
    fail(`open the database ${redact(database)}`, error);
  }
}

function readOptions(): { database: string; port: number } {
  try {
    const { values } = parseArgs({
      options: {
        database: { type: "string", default: "sqlite:demo.sqlite" },
        port: { type: "string", default: "4000" },
        help: { type: "boolean", short: "h" },
      },
    });
    if (values.help) {
      console.log(USAGE);
      Deno.exit();
    }
    const port = Number(values.port);
    if (!(Number.isInteger(port) && port >= 0 && port < 65_536)) {
      throw new RangeError(`--port must be an integer from 0 to 65535: received ${values.port}`);
    }
    return { database: values.database, port };
  } catch (error) {
    fail("start the demo", error);
  }
}

function announce(address: string, database: string): void {
  console.log(`
Sessions in ${redact(database)}, served on ${address}

Open ${address} in a browser. Or, in another terminal:

  curl --cookie-jar cookies ${address}/put
  curl --cookie cookies ${address}/get     # Hello from a session!
  curl ${address}/get                      # nothing: this is another visitor

Stop it with Ctrl-C and start it again: the sessions are still there.
`);
}

const { database, port } = readOptions();
const sessions = new SessionManager<Visitor>({
  store: await openStore(database),
  owner: ({ name }) => name,
  idleTimeout: 3_600_000,
  // Only visitors who ask to be remembered get a persistent cookie.
  cookie: { persist: false },
});
try {
  Deno.serve({
    port,
    onListen: ({ port }) => announce(`http://localhost:${port}`, database),
  }, createDemo(sessions, redact(database)));
} catch (error) {
  const hint = new Error(
    `it is in use. Choose another one: deno task demo --port ${(port + 1) % 65_536}`,
  );
  fail(`listen on port ${port}`, error instanceof Deno.errors.AddrInUse ? hint : error);
}
