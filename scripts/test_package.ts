// Installs a tarball of the npm package into an empty project, and uses a session through every entry
// point: with import and require, on several versions of Node and on Bun, and with three of TypeScript's
// module resolutions. Runs the examples for frameworks on Bun as well.
//
//   deno task setup:sqlite3 && deno task pack package.tgz && deno run -A scripts/test_package.ts package.tgz

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { runBunExamples } from "./bun_examples.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const NODE_VERSIONS = ["20", "22", "24"];
/** Linked from this repository, where sqlite3 already has its native binding. */
const INSTALLED = ["sequelize", "sqlite3", "@types/node"];
const RESOLUTIONS = [["node16", "node16"], ["nodenext", "nodenext"], [
  "esnext",
  "bundler",
]] as const;

const ENTRY_POINTS = {
  store: "@scs/sequelize-store",
  encryption: "@scs/sequelize-store/encryption",
  express: "@scs/sequelize-store/express",
  failover: "@scs/sequelize-store/failover",
  hono: "@scs/sequelize-store/hono",
  koa: "@scs/sequelize-store/koa",
  manager: "@scs/sequelize-store/manager",
  migration: "@scs/sequelize-store/migration",
  node: "@scs/sequelize-store/node",
  own: "@scs/sequelize-store/node-sqlite",
  router: "@scs/sequelize-store/react-router",
};

const PROGRAM = `
async function tryNodeSqlite() {
  const dialectModule = own.nodeSqlite;
  const options = { dialect: "sqlite", storage: ":memory:", dialectModule, logging: false };
  const sequelize = new Sequelize(options);
  const rows = await sequelize.query("SELECT 1 AS one", { type: "SELECT" }).catch((error) => error.message);
  const lacks = process.version.startsWith("v20.") && /'runtime' must have the module node:sqlite/.test(rows);
  if (!lacks && rows[0].one !== 1) throw new Error("node:sqlite gives " + rows);
  if (!lacks) await sequelize.close();
}

async function tryAdapters(sessions, opened) {
  const { getSession, commitSession } = router.createSessionStorage(sessions);
  const session = await getSession();
  session.set("message", "hello");
  const [cookie] = (await commitSession(session)).split(";");
  const listener = node.nodeSessions(sessions).wrap(({ session }, response) => {
    response.end(session.get("message"));
  });
  const server = createServer(listener);
  await new Promise((resolve) => server.listen(0, resolve));
  const response = await fetch("http://localhost:" + server.address().port, { headers: { cookie } });
  const text = await response.text();
  if (text !== "hello" || response.headers.get("vary") !== "Cookie") throw new Error("node: " + text);
  await new Promise((resolve) => server.close(resolve));
  await new koa.KoaStore(opened).set("key", { userId: 7 }, 60000);
  if (typeof hono.honoSessions(sessions) !== "function") throw new Error("hono: no middleware");
  if (typeof failover.primaryOf(["db1:5432"]) !== "function") throw new Error("failover: no hook");
}

async function main() {
  await tryNodeSqlite();
  const sequelize = new Sequelize({ dialect: "sqlite", storage: ":memory:", logging: false });
  await migration.up(sequelize.getQueryInterface());
  const opened = await store.SequelizeStore.open(sequelize, { sync: false });
  const sessions = new manager.SessionManager({ store: opened });
  const handler = sessions.loadAndSave((request, session) => {
    if (request.method === "POST") session.put("message", "hello");
    return new Response(String(session.get("message")));
  });
  const { headers } = await handler(new Request("http://localhost/", { method: "POST" }));
  const [cookie] = headers.get("set-cookie").split(";");
  const response = await handler(new Request("http://localhost/", { headers: { cookie } }));
  const text = await response.text();
  if (text !== "hello") throw new Error("the session holds " + text);
  const expressStore = new express.ExpressStore(opened);
  await expressStore.set("id", { cookie: { expires: null }, userId: 7 });
  const { userId } = await expressStore.get("id");
  if (userId !== 7) throw new Error("the Express session holds " + userId);
  const encrypted = new encryption.EncryptedStore(opened, {
    keys: ["a secret of 32 characters or more", new Uint8Array(32).map((_, i) => i)],
  });
  const data = new Uint8Array([1, 2, 3]);
  await encrypted.commit("token", data, new Date(Date.now() + 60_000));
  if (!await encrypted.replace("token", data, data, new Date(Date.now() + 60_000))) {
    throw new Error("the encrypted session is another one");
  }
  await tryAdapters(sessions, opened);
  await opened.stopCleanup();
  await migration.down(sequelize.getQueryInterface());
  await sequelize.close();
  console.log("session kept by", process.versions.bun ? "Bun " + process.versions.bun : "Node " + process.version);
}
main().catch((error) => { console.error(error); process.exit(1); });
`;

const TYPED_PROGRAM = `
import { Sequelize } from "sequelize";
import { type SessionRecord, SequelizeStore } from "@scs/sequelize-store";
import { EncryptedStore } from "@scs/sequelize-store/encryption";
import { ExpressStore, type StoredSession } from "@scs/sequelize-store/express";
import { MemoryStore, type Session, SessionManager } from "@scs/sequelize-store/manager";
import { up } from "@scs/sequelize-store/migration";
import { primaryOf } from "@scs/sequelize-store/failover";
import { KoaStore } from "@scs/sequelize-store/koa";
import { nodeSessions } from "@scs/sequelize-store/node";
import { createSessionStorage } from "@scs/sequelize-store/react-router";
import { nodeSqlite, type Row } from "@scs/sequelize-store/node-sqlite";

export async function rows(): Promise<Row[]> {
  new Sequelize({ dialect: "sqlite", dialectModule: nodeSqlite });
  return await new nodeSqlite.Database(":memory:").execute("SELECT $1 AS a", ["a"]);
}

export async function main(sequelize: Sequelize): Promise<void> {
  sequelize.addHook("beforeConnect", primaryOf(["db1", "db2:5433"]));
  await up(sequelize.getQueryInterface(), { tableName: "sessions" });
  const store = await SequelizeStore.open(sequelize, { sync: false });
  const record: SessionRecord | undefined = await store.find("token");
  await new EncryptedStore(store, { keys: ["secret"] }).find("token", { transaction: null });
  const sessions = new SessionManager<{ userId: number }>({ store: record ? store : new MemoryStore() });
  const session: Session<{ userId: number }> = await sessions.load(null);
  const userId: number | undefined = session.get("userId");
  // @ts-expect-error: the wrong type
  session.put("userId", "7");
  nodeSessions(sessions).wrap(({ session }) => session.put("userId", 7));
  // @ts-expect-error: the wrong type
  nodeSessions(sessions).wrap(({ session }) => session.put("userId", "7"));
  (await createSessionStorage(sessions).getSession()).set("userId", 7);
  await new KoaStore(SequelizeStore.open(sequelize)).get("key");
  const found: StoredSession | undefined = await new ExpressStore(store).get("id");
  console.log(userId, found?.cookie.originalMaxAge);
}
`;

/** Runs a command and returns its output. If it fails, prints the output and throws. */
function run(cwd: string, command: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (status === 0) return stdout;
  console.error(stdout + stderr);
  throw new Error(`Cannot run ${command} ${args.join(" ")}: see the output above`);
}

function install(tarball: string): string {
  const project = mkdtempSync(join(tmpdir(), "package-"));
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "project", private: true }));
  run(project, "npm", "install", "--silent", "--ignore-scripts", "--legacy-peer-deps", tarball);
  for (const name of INSTALLED) {
    const path = join(project, "node_modules", name);
    mkdirSync(join(path, ".."), { recursive: true });
    rmSync(path, { recursive: true, force: true });
    symlinkSync(join(ROOT, "node_modules", name), path);
  }
  return project;
}

/** Makes sure that all entry points are tested. Returns whether the package also has CommonJS. */
function inspect(project: string): { readonly isDual: boolean } {
  const manifest = join(project, "node_modules", ENTRY_POINTS.store, "package.json");
  const { name, exports } = JSON.parse(readFileSync(manifest, "utf8"));
  const actual = Object.keys(exports).map((key) => name + key.slice(1)).sort();
  const tested = Object.values(ENTRY_POINTS).sort();
  if (actual.join() !== tested.join()) {
    throw new Error(
      `Cannot test the package: its entry points must be ${tested}: received ${actual}`,
    );
  }
  return { isDual: exports["."].require !== undefined };
}

function runPrograms(project: string): void {
  const all = Object.entries({
    ...ENTRY_POINTS,
    "{ Sequelize }": "sequelize",
    "{ createServer }": "node:http",
  });
  const imports = all.map(([name, from]) =>
    `import ${name.replace(/^\w/, "* as $&")} from "${from}";\n`
  );
  const requires = all.map(([name, from]) => `const ${name} = require("${from}");\n`);
  writeFileSync(join(project, "program.mjs"), imports.join("") + PROGRAM);
  writeFileSync(join(project, "program.cjs"), requires.join("") + PROGRAM);
  for (const program of ["program.mjs", "program.cjs"]) {
    for (const version of NODE_VERSIONS) {
      const node = `node-${process.platform}-${process.arch}@${version}`;
      const output = run(project, "npx", "-y", "-p", node, "node", program);
      console.log(`${program}: ${output.trim()}`);
      if (!output.includes(`Node v${version}.`)) throw new Error(`Cannot run Node ${version}`);
    }
    console.log(`${program}: ${run(project, "npx", "-y", "-p", "bun", "bun", program).trim()}`);
  }
}

function compile(project: string, { isDual }: { readonly isDual: boolean }): void {
  // With "node16", a CommonJS module cannot import a package that is only ES modules.
  const files = isDual ? ["typed.mts", "typed.cts"] : ["typed.mts"];
  for (const file of files) writeFileSync(join(project, file), TYPED_PROGRAM);
  for (const [module, moduleResolution] of RESOLUTIONS) {
    const compilerOptions = {
      module,
      moduleResolution,
      target: "es2022",
      lib: ["es2022", "dom", "esnext.disposable"],
      types: ["node"],
      strict: true,
      noEmit: true,
      skipLibCheck: true,
    };
    const config = JSON.stringify({ compilerOptions, files });
    writeFileSync(join(project, "tsconfig.json"), config);
    run(project, "npx", "-y", "-p", "typescript@5.9", "tsc");
    console.log(`${files}: compiled with "moduleResolution": "${moduleResolution}"`);
  }
}

const [tarball] = process.argv.slice(2);
if (tarball === undefined) {
  console.error("Usage: deno run -A scripts/test_package.ts package.tgz");
  process.exit(2);
}
const project = install(resolve(tarball));
try {
  const kind = inspect(project);
  runPrograms(project);
  await runBunExamples(project);
  compile(project, kind);
} finally {
  rmSync(project, { recursive: true });
}
