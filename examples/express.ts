import { SequelizeStore } from "@scs/sequelize-store";
import { ExpressStore } from "@scs/sequelize-store/express";
import { nodeSqlite } from "@scs/sequelize-store/node-sqlite";
import express from "express";
import session from "express-session";
import process from "node:process";
import { Sequelize } from "sequelize";

declare module "express-session" {
  interface SessionData {
    views?: number;
  }
}

const sequelize = new Sequelize({
  dialect: "sqlite",
  storage: "express.sqlite",
  dialectModule: nodeSqlite,
  logging: false,
});
const store = new ExpressStore(await SequelizeStore.open(sequelize));

const app = express();
app.use(session({
  store,
  secret: process.env.SESSION_SECRET ?? "keyboard cat",
  resave: false,
  saveUninitialized: false,
  cookie: { maxAge: 24 * 3_600_000 },
}));
app.get("/", (request, response) => {
  const views = (request.session.views ?? 0) + 1;
  request.session.views = views;
  response.send(`View ${views}\n`);
});
app.post("/sign-out", (request, response, next) => {
  request.session.destroy((error) => error ? next(error) : response.redirect("/"));
});
app.listen(Number(process.env.PORT ?? 4000));
