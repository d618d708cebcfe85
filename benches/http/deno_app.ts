// A page with a counter: Deno.serve and SessionManager, on PostgreSQL or in memory.
//
//   deno run -A benches/http/deno_app.ts ours|memory postgres://user:password@host/name

import process from "node:process";
import { Sequelize } from "sequelize";
import { SequelizeStore } from "../../mod.ts";
import { MemoryStore, SessionManager } from "../../src/manager/mod.ts";

const [kind = "memory", database = ""] = process.argv.slice(2);
const store = kind === "memory" ? new MemoryStore() : await SequelizeStore.open(
  new Sequelize(database, { logging: false }),
  { tableName: "bench_http", cleanupInterval: 0 },
);
const sessions = new SessionManager<{ count: number; filling: string }>({
  store,
  lifetime: 3_600_000,
});

const serve = sessions.loadAndSave((request, session) => {
  if (new URL(request.url).pathname === "/count") {
    session.put("count", (session.get("count") ?? 0) + 1);
    // Makes the session about as large as in the other benchmarks.
    if (!session.has("filling")) session.put("filling", "x".repeat(200));
  }
  return new Response(`Count: ${session.get("count") ?? 0}\n`);
});

Deno.serve({
  port: 0,
  hostname: "127.0.0.1",
  onListen: ({ port }) => console.log(port),
}, (request) => {
  if (!request.url.endsWith("/cpu")) return serve(request);
  const { user, system } = process.cpuUsage();
  return new Response(String(user + system));
});
