// KoaStore behind koa-session, in the suite of the adapters.

import Koa from "koa";
import session from "koa-session";
import { createServer } from "node:http";
import { Readable } from "node:stream";
import { KoaStore } from "../../src/express/koa.ts";
import type { Session } from "../../src/manager/mod.ts";
import { testAdapter, type Values } from "../support/adapter_suite.ts";
import { listen } from "../support/node_server.ts";

interface KoaContext {
  session: (Values & { regenerate(): Promise<void> }) | null;
}

testAdapter("koa-session", (site) => {
  const app = new Koa();
  app.silent = true;
  const options = { store: new KoaStore(site.store), key: "session", signed: false };
  app.use(session(options, app as never) as never);
  app.use(async (ctx) => {
    const context = ctx as unknown as KoaContext;
    let renewal: Promise<void> | undefined;
    /** Calls on koa-session's object what the website calls on a session. */
    const calls: Pick<Session<Values>, "get" | "put" | "destroy" | "renewToken"> = {
      get: (name) => context.session![name],
      put: (name, value) => void (context.session![name] = value),
      destroy: () => void (context.session = null),
      renewToken: () => void (renewal = context.session!.regenerate()),
    };
    const { status, headers, body } = await site.respond(ctx.path, calls as Session<Values>);
    await renewal;
    ctx.status = status;
    for (const [name, value] of headers) ctx.append(name, value);
    ctx.body = body.length < 2 ? body[0] ?? null : Readable.from(body);
  });
  return listen(createServer(app.callback()));
}, {
  canBeLazy: false,
  answersErrors: "framework",
  except: {
    "a page that only reads sets no cookie, and varies": "koa-session sets no Vary",
    "the page's own headers stay, next to the session's": "koa-session sets no Vary",
    "a page that throws saves nothing": "koa-session saves after errors as well",
    "destroy() ends the session and clears the cookie":
      "koa-session clears the cookie by Expires; koa_store_test.ts has the end",
  },
});
