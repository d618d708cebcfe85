import fastifyCookie from "@fastify/cookie";
import fastifySession from "@fastify/session";
import { SequelizeStore } from "@scs/sequelize-store";
import { ExpressStore } from "@scs/sequelize-store/express";
import { nodeSqlite } from "@scs/sequelize-store/node-sqlite";
import fastify from "fastify";
import process from "node:process";
import { Sequelize } from "sequelize";

declare module "fastify" {
  interface Session {
    views?: number;
  }
}

const sequelize = new Sequelize({
  dialect: "sqlite",
  storage: "fastify.sqlite",
  dialectModule: nodeSqlite,
  logging: false,
});
const store = new ExpressStore(await SequelizeStore.open(sequelize));

const app = fastify();
app.register(fastifyCookie);
app.register(fastifySession, {
  store,
  secret: process.env.SESSION_SECRET ?? "a secret of thirty-two characters or more",
  saveUninitialized: false,
  cookie: { secure: false, maxAge: 24 * 3_600_000 }, // true if you serve HTTPS
});
app.get("/", (request) => {
  const views = (request.session.views ?? 0) + 1;
  request.session.views = views;
  return `View ${views}\n`;
});
app.post("/sign-out", async (request, reply) => {
  await request.session.destroy();
  return reply.redirect("/");
});
await app.listen({ port: Number(process.env.PORT ?? 4000) });
