// NestJS with express-session, for applications that have it already; see nest.ts for the decorators.

import "reflect-metadata";
import { SequelizeStore } from "@scs/sequelize-store";
import { ExpressStore } from "@scs/sequelize-store/express";
import { nodeSqlite } from "@scs/sequelize-store/node-sqlite";
import { Controller, Get, Module, Post, Redirect, Req } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import session, { type Session } from "express-session";
import { Sequelize } from "sequelize";
import { port } from "./sessions.ts";

interface Request {
  session: Session & { views?: number };
}

class ViewController {
  view({ session }: Request): string {
    session.views = (session.views ?? 0) + 1;
    return `View ${session.views}\n`;
  }

  async signOut({ session }: Request): Promise<void> {
    await new Promise((resolve, reject) =>
      session.destroy((error) => error ? reject(error) : resolve(undefined))
    );
  }
}

function decorate(method: keyof ViewController, ...decorators: MethodDecorator[]): void {
  const { prototype } = ViewController;
  const descriptor = Object.getOwnPropertyDescriptor(prototype, method)!;
  for (const decorator of decorators) decorator(prototype, method, descriptor);
  Req()(prototype, method, 0);
}

Controller()(ViewController);
decorate("view", Get());
decorate("signOut", Post("sign-out"), Redirect("/"));

class AppModule {}
Module({ controllers: [ViewController] })(AppModule);

const sequelize = new Sequelize({
  dialect: "sqlite",
  storage: "express_sessions.sqlite",
  dialectModule: nodeSqlite,
  logging: false,
});

const app = await NestFactory.create(AppModule, { logger: ["error"] });
app.use(session({
  store: new ExpressStore(SequelizeStore.open(sequelize)),
  name: "session",
  secret: "keyboard cat",
  resave: false,
  saveUninitialized: false,
}));
await app.listen(port);
