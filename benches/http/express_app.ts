// The same page as deno_app.ts's: Express, express-session, and connect-session-sequelize or memory.
//
//   node benches/http/express_app.ts postgres://user:password@host/name|memory

import type { AddressInfo } from "node:net";
import process from "node:process";
import connectSessionSequelize from "connect-session-sequelize";
import express from "express";
import session from "express-session";
import { Sequelize } from "sequelize";

interface Request {
  readonly session: { count?: number; filling?: string };
}
interface Response {
  type(type: string): Response;
  send(body: string): void;
}

async function openStore(database: string): Promise<unknown> {
  if (database === "memory") return new session.MemoryStore();
  const db = new Sequelize(database, { logging: false });
  const Store = connectSessionSequelize(session.Store);
  const store = new Store({ db, tableName: "bench_http_css", checkExpirationInterval: 0 });
  await store.sync();
  return store;
}

const app = express();
app.get("/cpu", (_: Request, response: Response) => {
  const { user, system } = process.cpuUsage();
  response.send(String(user + system));
});
app.use(session({
  secret: "secret",
  store: await openStore(process.argv[2] ?? "memory"),
  resave: false,
  saveUninitialized: false,
  cookie: { maxAge: 3_600_000 },
}));
app.get("/count", ({ session }: Request, response: Response) => {
  session.count = (session.count ?? 0) + 1;
  session.filling ??= "x".repeat(200);
  response.type("text").send(`Count: ${session.count}\n`);
});
app.get("/show", ({ session }: Request, response: Response) => {
  response.type("text").send(`Count: ${session.count ?? 0}\n`);
});
const server = app.listen(0, "127.0.0.1", () => {
  console.log((server.address() as AddressInfo).port);
});
