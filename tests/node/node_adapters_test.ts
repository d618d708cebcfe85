// nodeSessions() in the frameworks that it is for, over HTTP.

import connect from "connect";
import express from "express";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import polka from "polka";
import type { LazySession, Session } from "../../src/manager/mod.ts";
import { type NodeSessions, nodeSessions } from "../../src/node/mod.ts";
import { type Page, type Site, testAdapter, type Values } from "../support/adapter_suite.ts";

import { listen } from "../support/node_server.ts";

type AnySession = Session<Values> | LazySession<Values>;
type MakeExpress = () => express.Express;

/** Deno's import map has this name; Node finds no package by it. */
const express4: MakeExpress | undefined = await import("express4").then(
  (module) => module.default,
  () => undefined,
);

type Request = IncomingMessage & { session?: AnySession };

/** Either kind of middleware. */
function middlewareOf({ sessions, lazy }: Site): NodeSessions<AnySession> {
  return (lazy ? nodeSessions(sessions, { lazy }) : nodeSessions(sessions)) as NodeSessions<
    AnySession
  >;
}

/** Sends a page by the means of node:http. */
function send({ status, headers, body }: Page, response: ServerResponse): void {
  response.statusCode = status;
  for (const [name, value] of headers) response.appendHeader(name, value);
  if (body.length < 2) return void response.end(body[0]);
  for (const chunk of body) response.write(chunk);
  response.end();
}

async function answer(site: Site, request: Request, response: ServerResponse): Promise<void> {
  send(await site.respond(request.url!, request.session!), response);
}

/** What an application does about an error: what the request did to the session is not saved. */
async function answerError(request: Request, response: ServerResponse): Promise<void> {
  try {
    (await request.session)?.discard();
  } catch {
    // It could not be loaded.
  }
  response.statusCode = 500;
  response.end("the application's error page");
}

testAdapter(
  "node:http, wrapped",
  (site) =>
    listen(createServer(
      middlewareOf(site).wrap(async (request, response) => {
        await answer(site, request, response).catch(() => answerError(request, response));
      }),
    )),
);

testAdapter("node:http, awaited", (site) => {
  const sessions = middlewareOf(site);
  return listen(createServer(async (request: Request, response) => {
    if (!await sessions(request, response)) return;
    await answer(site, request, response).catch(() => answerError(request, response));
  }));
});

for (
  const [name, make] of [["Express 5", express as MakeExpress], ["Express 4", express4]] as const
) {
  testAdapter(name, (site) => {
    const app = make!();
    app.use(middlewareOf(site));
    app.use((request, response, next) => {
      site.respond(request.url, (request as unknown as Request).session!).then((page) => {
        const { status, headers, body } = page;
        response.status(status);
        for (const [name, value] of headers) response.append(name, value);
        if (body.length < 2) return void response.send(body[0] ?? "");
        send({ ...page, headers: [] }, response);
      }).catch(next);
    });
    app.use(
      ((_error, request, response, _next) =>
        void answerError(request as unknown as Request, response)) as express.ErrorRequestHandler,
    );
    return listen(createServer(app));
  }, { ignore: make === undefined && "Node finds no package by that name" });
}

testAdapter("connect", (site) => {
  const app = connect();
  app.use(middlewareOf(site));
  app.use((request, response, next) => void answer(site, request, response).catch(next));
  app.use(
    ((_error, request, response, _next) =>
      void answerError(request, response)) as connect.ErrorHandleFunction,
  );
  return listen(createServer(app));
});

testAdapter("Polka", (site) => {
  const app = polka({
    onError: (_error: unknown, request: Request, response: ServerResponse) =>
      void answerError(request, response),
  });
  app.use(middlewareOf(site));
  app.use((request: Request, response: ServerResponse, next: (error?: unknown) => void) =>
    void answer(site, request, response).catch(next)
  );
  return listen(createServer(app.handler));
});
