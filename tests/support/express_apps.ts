// One website in Express and in Fastify, which the tests of the middlewares visit.

import fastifyCookie from "@fastify/cookie";
import fastifySession from "@fastify/session";
import type { Express, Request as ExpressRequest, Response as ExpressResponse } from "express";
import session from "express-session";
import fastify, { type FastifyInstance, type FastifyRequest, type Session } from "fastify";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import type { ExpressStore } from "../../src/express/mod.ts";
import type { Gate } from "./gate.ts";

const SECRET = "a secret of thirty-two characters or more";

/** The options of a middleware. */
export interface AppOptions {
  readonly store: ExpressStore;
  /** In milliseconds; if it is left out, the cookie ends with the browser. */
  readonly maxAge?: number;
  readonly rolling?: boolean;
  readonly resave?: boolean;
  readonly saveUninitialized?: boolean;
  readonly unset?: "destroy" | "keep";
  /** Delays the requests to `/slow/...` after they have loaded their session. */
  readonly slow?: { readonly entered: Gate; readonly left: Gate };
}

/** The calls that both middlewares' sessions have. */
interface AnySession {
  // deno-lint-ignore no-explicit-any -- a test may put anything
  [key: string]: any;
  regenerate(callback: (error?: unknown) => void): void;
  save(callback: (error?: unknown) => void): void;
  reload(callback: (error?: unknown) => void): void;
  destroy(callback: (error?: unknown) => void): void;
}

/** A request and its answer, of either framework. */
interface Exchange {
  /** Returns the current session: regenerating it puts another one into the request. */
  session(): AnySession;
  unset(): void;
  answer(text: string): void;
  redirect(path: string): void;
  fail(error: unknown): void;
}

function valuesOf(session: AnySession): string {
  const { cookie: _, ...values } = JSON.parse(JSON.stringify(session));
  return JSON.stringify(values);
}

/** Does what the path says, and answers with the session's values. */
async function handle(path: string, exchange: Exchange, slow: AppOptions["slow"]): Promise<void> {
  const { session, answer, fail } = exchange;
  const [, first, ...rest] = path.split("/");
  const then = (act: () => void) => (error?: unknown): void => error ? fail(error) : act();
  const show = (): void => answer(valuesOf(session()));
  switch (first) {
    case "put":
      session()[rest[0]!] = rest[1];
      return show();
    case "remove":
      delete session()[rest[0]!];
      return show();
    case "last":
      session().cookie.maxAge = Number(rest[0]);
      session().cookie.originalMaxAge = Number(rest[0]);
      return show();
    case "sign-in":
      return session().regenerate(then(() => {
        session().user = rest[0];
        show();
      }));
    case "sign-out":
      return session().destroy(then(() => answer("signed out")));
    case "unset":
      exchange.unset();
      return answer("unset");
    case "redirect":
      session().flash = rest[0];
      return session().save(then(() => exchange.redirect("/")));
    case "reload":
      session().user = "forgotten";
      return session().reload(then(show));
    case "slow":
      slow!.entered.open();
      await slow!.left.opened;
      return await handle(`/${rest.join("/")}`, exchange, slow);
    default:
      return show();
  }
}

/** Serves the website with Express, `express` being one of its versions. */
export async function whileExpressServes(
  express: () => Express,
  { store, maxAge, slow, ...options }: AppOptions,
  test: (address: string) => Promise<void>,
): Promise<void> {
  const app = express();
  // Keeps Express from printing errors that come after its answer.
  app.set("env", "test");
  app.use(session({
    store,
    secret: SECRET,
    resave: false,
    saveUninitialized: false,
    ...(maxAge !== undefined && { cookie: { maxAge } }),
    ...options,
  }));
  app.use((request: ExpressRequest, response: ExpressResponse, next) => {
    const exchange: Exchange = {
      session: () => request.session as unknown as AnySession,
      unset: () => Object.assign(request, { session: null }),
      answer: (text) => void response.send(text),
      redirect: (path) => response.redirect(303, path),
      fail: next,
    };
    handle(request.path, exchange, slow).catch(next);
  });
  // Express's own handler prints the error.
  app.use((error: Error, _: ExpressRequest, response: ExpressResponse, _next: unknown) => {
    if (!response.headersSent) response.status(500).send(error.message);
    else response.destroy();
  });
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    await test(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  }
}

function newFastify({ store, maxAge, slow, ...options }: AppOptions): FastifyInstance {
  const app = fastify();
  app.register(fastifyCookie);
  const cookie = { secure: false, ...(maxAge !== undefined && { maxAge }) };
  app.register(fastifySession, {
    store,
    secret: SECRET,
    saveUninitialized: false,
    cookie,
    ...options,
  });
  app.get("/*", (request: FastifyRequest, reply) =>
    new Promise((resolve, reject) => {
      const exchange: Exchange = {
        session: () => request.session as Session & AnySession,
        unset: () => reject(new Error("Fastify has no such thing")),
        answer: (text) => resolve(reply.send(text)),
        redirect: (path) => resolve(reply.redirect(path, 303)),
        fail: reject,
      };
      handle(request.url, exchange, slow).catch(reject);
    }));
  return app;
}

/** Serves the website with Fastify. */
export async function whileFastifyServes(
  options: AppOptions,
  test: (address: string) => Promise<void>,
): Promise<void> {
  const app = newFastify(options);
  const address = await app.listen({ port: 0, host: "127.0.0.1" });
  try {
    await test(address);
  } finally {
    app.server.closeAllConnections();
    await app.close();
  }
}
