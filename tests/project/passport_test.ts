// Passport, by way of express-session and ExpressStore, and of nodeSessions(); supertest is the client.

import assert from "node:assert/strict";
import express, { type Express, type Request, type RequestHandler } from "express";
import session from "express-session";
import { Passport, Strategy } from "passport";
import supertest from "supertest";
import { ExpressStore } from "../../src/express/mod.ts";
import { MemoryStore, type Session, SessionManager } from "../../src/manager/mod.ts";
import { nodeSessions } from "../../src/node/mod.ts";
import { ALL_CALLS, type Call, withCalls } from "../support/stores.ts";

type Store = ReturnType<typeof withCalls>;

interface Values {
  userId: number;
  views: Record<string, true>;
}

const ADA = { id: 7, name: "Ada" };

class PasswordStrategy extends Strategy {
  override readonly name = "password";

  override authenticate({ body }: Request): void {
    if (body.name === ADA.name && body.password === "correct horse") this.success(ADA);
    else this.fail(401);
  }
}

/** Passport's own session, in express-session. */
function withExpressSession(store: Store): Express {
  const passport = new Passport();
  passport.use(new PasswordStrategy());
  passport.serializeUser((user, done) => done(null, (user as typeof ADA).id));
  passport.deserializeUser((id, done) => done(null, id === ADA.id ? ADA : false));

  const app = express();
  app.use(
    express.json(),
    session({
      store: new ExpressStore(store, { owner: (values) => values.passport?.user }),
      secret: "keyboard cat",
      resave: false,
      saveUninitialized: false,
    }),
    passport.session(),
  );
  app.post("/sign-in", passport.authenticate("password"), (_, response) => response.redirect("/"));
  app.post("/sign-out", (request, response, next) => {
    request.logout((error) => error ? next(error) : response.redirect("/"));
  });
  app.post("/put/:key", (request, response) => {
    const values = request.session as unknown as Record<string, unknown>;
    values[request.params.key] = true;
    response.send("put");
  });
  app.get("/get", (request, response) => {
    const { cookie: _, passport: __, ...values } = request.session as unknown as Record<
      string,
      unknown
    >;
    response.json({ user: (request.user as typeof ADA | undefined)?.name, ...values });
  });
  return app;
}

/** Passport for the password alone, as in examples/frameworks/passport.ts. */
function withNodeSessions(store: Store): Express {
  const passport = new Passport();
  passport.use(new PasswordStrategy());
  type Any = Session<Values & Record<string, true>>;
  const sessionOf = (request: unknown): Any => (request as { session: Any }).session;

  const app = express();
  const sessions = new SessionManager<Values & Record<string, true>>({
    store,
    owner: ({ userId }) => userId,
    onError: () => {},
  });
  app.use(nodeSessions(sessions) as unknown as RequestHandler, express.json());
  app.use((request, _response, next) => {
    if (sessionOf(request).get("userId") === ADA.id) request.user = ADA;
    next();
  });
  const check = passport.authenticate("password", { session: false });
  app.post("/sign-in", check, (request, response) => {
    sessionOf(request).renewToken();
    sessionOf(request).put("userId", (request.user as typeof ADA).id);
    response.redirect("/");
  });
  app.post("/sign-out", (request, response) => {
    sessionOf(request).destroy();
    response.redirect("/");
  });
  app.post("/put/:key", (request, response) => {
    sessionOf(request).put(request.params.key, true);
    response.send("put");
  });
  app.get("/get", (request, response) => {
    const own = sessionOf(request);
    const values = own.keys().filter((key) => key !== "userId").map((key) => [key, own.get(key)]);
    const user = (request.user as typeof ADA | undefined)?.name;
    response.json({ user, ...Object.fromEntries(values) });
  });
  return app;
}

const apps = { "express-session": withExpressSession, "nodeSessions()": withNodeSessions };

for (const [name, make] of Object.entries(apps)) {
  Deno.test(`Passport with ${name}: signing in changes the token, signing out ends the session`, async () => {
    const rows = new MemoryStore();
    let failing: readonly Call[] = [];
    const store = withCalls(rows, ALL_CALLS, async (call, make) => {
      if (failing.includes(call)) throw new Error(`${call} failed`);
      return await make();
    });
    const owned = {
      ...store,
      entriesOf: rows.entriesOf.bind(rows),
      deleteOwned: rows.deleteOwned.bind(rows),
    };
    const app = make(owned);
    app.use(
      ((_error, _request, response, _next) =>
        void response.status(500).send("failed")) as express.ErrorRequestHandler,
    );
    const agent = supertest.agent(app);
    const cookieOf = (response: supertest.Response): string | undefined =>
      ([response.headers["set-cookie"] ?? []].flat() as string[])[0]?.split(";")[0];
    const ownersRows = async (): Promise<number> => {
      let count = 0;
      for await (const _ of rows.entriesOf("7")) count++;
      return count;
    };

    const before = cookieOf(await agent.post("/put/cart").expect(200))!;
    await agent.post("/sign-in").send({ name: "Ada", password: "wrong" }).expect(401);
    await agent.get("/get").expect(200, { cart: true });
    // If the store fails, nobody is signed in. Passport has by then ended the session before.
    failing = ["commit"];
    const failed = await agent.post("/sign-in").send({ name: "Ada", password: "correct horse" });
    assert.equal(failed.status, 500);
    failing = [];
    await agent.get("/get").expect(200, name === "express-session" ? {} : { cart: true });
    await agent.post("/put/cart").expect(200);
    const signedIn = await agent.post("/sign-in").send({ name: "Ada", password: "correct horse" });
    assert.equal(signedIn.status, 302);
    const after = cookieOf(signedIn)!;
    assert.notEqual(after, before);
    // Passport begins a session without the values of the one before.
    const kept = name === "express-session" ? {} : { cart: true };
    await agent.get("/get").expect(200, { user: "Ada", ...kept });
    await supertest(app).get("/get").set("cookie", before).expect(200, {});
    assert.equal(await ownersRows(), 1);

    const keys = [..."abcdefgh"];
    await Promise.all(
      keys.map((key) => supertest(app).post(`/put/${key}`).set("cookie", after).expect(200)),
    );
    const values = Object.fromEntries(keys.map((key) => [key, true]));
    await agent.get("/get").expect(200, { user: "Ada", ...kept, ...values });

    // express-session sends the response even if the save fails.
    for (const call of ["find", "replace"] as const) {
      if (name === "express-session" && call === "replace") continue;
      failing = [call];
      await agent.post("/put/other").expect(500);
      failing = [];
      await agent.get("/get").expect(200, { user: "Ada", ...kept, ...values });
    }

    await agent.post("/sign-out").expect(302);
    await agent.get("/get").expect(200, {});
    await supertest(app).get("/get").set("cookie", after).expect(200, {});
    assert.equal(await ownersRows(), 0);
  });
}
