// nodeSessions() under the frameworks that hand out the requests of node:http in objects of their own.

import "reflect-metadata";
import { All, Catch, Controller, Module, Req, Res } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import Koa from "koa";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Readable } from "node:stream";
import type { LazySession, Session } from "../../src/manager/mod.ts";
import { type NodeSessions, nodeSessions } from "../../src/node/mod.ts";
import { type Page, type Site, testAdapter, type Values } from "../support/adapter_suite.ts";
import { listen } from "../support/node_server.ts";

type AnySession = Session<Values> | LazySession<Values>;
type Request = IncomingMessage & { session: AnySession };

function middlewareOf({ sessions, lazy }: Site): NodeSessions<AnySession> {
  return (lazy ? nodeSessions(sessions, { lazy }) : nodeSessions(sessions)) as NodeSessions<
    AnySession
  >;
}

testAdapter("nodeSessions() in Koa", (site) => {
  const app = new Koa();
  app.silent = true;
  const withSession = middlewareOf(site);
  app.use(async (ctx, next) => {
    // The store has failed, and the response is sent.
    if (!await withSession(ctx.req, ctx.res)) return void (ctx.respond = false);
    const { session } = ctx.req as Request;
    try {
      await next();
    } catch (error) {
      (await session).discard();
      throw error;
    }
  });
  app.use(async (ctx) => {
    const { status, headers, body } = await site.respond(ctx.path, (ctx.req as Request).session);
    ctx.status = status;
    for (const [name, value] of headers) ctx.append(name, value);
    ctx.body = body.length < 2 ? body[0] ?? null : Readable.from(body);
  });
  return listen(createServer(app.callback()));
});

function send({ status, headers, body }: Page, response: ServerResponse): void {
  response.statusCode = status;
  for (const [name, value] of headers) response.appendHeader(name, value);
  for (const chunk of body.slice(0, -1)) response.write(chunk);
  response.end(body.at(-1));
}

/** Discards what a request that throws has done to its session, as the documentation says. */
class ErrorFilter {
  async catch(_error: unknown, host: { getArgByIndex<T>(index: number): T }): Promise<void> {
    try {
      (await host.getArgByIndex<Request>(0).session)?.discard();
    } catch {
      // It could not be loaded.
    }
    const response = host.getArgByIndex<ServerResponse>(1);
    response.statusCode = 500;
    response.end("the application's error page");
  }
}
Catch()(ErrorFilter);

testAdapter("NestJS", async (site) => {
  class SiteController {
    async all(request: Request, response: ServerResponse): Promise<void> {
      send(await site.respond(request.url!, request.session), response);
    }
  }
  class AppModule {}
  // Without decorators, which this repository does not compile.
  const { prototype } = SiteController;
  Controller()(SiteController);
  All("*path")(prototype, "all", Object.getOwnPropertyDescriptor(prototype, "all")!);
  Req()(prototype, "all", 0);
  Res()(prototype, "all", 1);
  Module({ controllers: [SiteController] })(AppModule);

  const app = await NestFactory.create(AppModule, { logger: false });
  app.use(middlewareOf(site));
  app.useGlobalFilters(new ErrorFilter());
  await app.listen(0, "127.0.0.1");
  const server: Server = app.getHttpServer();
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    port: address.port,
    close: async () => {
      server.closeAllConnections();
      await app.close();
    },
  };
});
