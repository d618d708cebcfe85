// The same page as in deno_app.ts: Express and express-session, with ExpressStore, connect-session-sequelize
// or express-session's own store in memory.
//
//   node benches/http/express_app.ts ours|peer|memory postgres://user:password@host/name

import type { AddressInfo } from "node:net";
import process from "node:process";
import connectSessionSequelize from "connect-session-sequelize";
import express from "express";
import session from "express-session";
import { Sequelize } from "sequelize";
import { ExpressStore } from "../../src/express/mod.ts";
import { SequelizeStore } from "../../mod.ts";

declare module "express-session" {
  interface SessionData {
    count?: number;
    filling?: string;
  }
}

async function openStore(kind: string, database: string): Promise<unknown> {
  if (kind === "memory") return new session.MemoryStore();
  const db = new Sequelize(database, { logging: false });
  if (kind === "ours") {
    const options = { tableName: "bench_http_express", cleanupInterval: 0 };
    return new ExpressStore(await SequelizeStore.open(db, options));
  }
  const Store = connectSessionSequelize(session.Store);
  const store = new Store({ db, tableName: "bench_http_css", checkExpirationInterval: 0 });
  await store.sync();
  return store;
}

const [kind = "memory", database = ""] = process.argv.slice(2);
const app = express();
app.get("/cpu", (_, response) => {
  const { user, system } = process.cpuUsage();
  response.send(String(user + system));
});
app.use(session({
  secret: "secret",
  store: await openStore(kind, database) as session.Store,
  resave: false,
  saveUninitialized: false,
  cookie: { maxAge: 3_600_000 },
}));
app.get("/count", ({ session }, response) => {
  session.count = (session.count ?? 0) + 1;
  session.filling ??= "x".repeat(200);
  response.type("text").send(`Count: ${session.count}\n`);
});
app.get("/show", ({ session }, response) => {
  response.type("text").send(`Count: ${session.count ?? 0}\n`);
});
const server = app.listen(0, "127.0.0.1", () => {
  console.log((server.address() as AddressInfo).port);
});
