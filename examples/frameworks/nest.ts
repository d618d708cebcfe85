// With decorators, the controller is
//
//   @Controller()
//   class ViewController {
//     @Get()
//     view(@Req() request: Request): string { ... }
//   }
//
// They are called as functions here, because this repository compiles without `experimentalDecorators`.

import "reflect-metadata";
import type { Session } from "@scs/sequelize-store/manager";
import { nodeSessions } from "@scs/sequelize-store/node";
import { Controller, Get, Module, Post, Redirect, Req } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { port, sessions, type Values } from "./sessions.ts";

interface Request {
  readonly session: Session<Values>;
}

class ViewController {
  view({ session }: Request): string {
    const views = (session.get("views") ?? 0) + 1;
    session.put("views", views);
    return `View ${views}\n`;
  }

  signOut({ session }: Request): void {
    session.destroy();
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

const app = await NestFactory.create(AppModule, { logger: ["error"] });
app.use(nodeSessions(sessions));
await app.listen(port);
