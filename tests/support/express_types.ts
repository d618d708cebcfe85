// Compiled, and never run: the store has the types that the middlewares expect.

import fastifySession, { type SessionStore } from "@fastify/session";
import express from "express";
import session from "express-session";
import fastify from "fastify";
import { ExpressStore, type StoredSession } from "../../src/express/mod.ts";
import { MemoryStore } from "../../src/manager/mod.ts";

// What applications write.
declare module "express-session" {
  interface SessionData {
    userId: number;
  }
}
declare module "fastify" {
  interface Session {
    userId: number;
  }
}

const store = new ExpressStore(new MemoryStore(), { serializer: JSON });

export const forExpress: session.Store = store;
export const forFastify: SessionStore = store;

export const app = express();
app.use(session({ store, secret: "keyboard cat", resave: false, saveUninitialized: false }));
app.get("/", async (request, response) => {
  await store.set(request.sessionID, request.session);
  store.touch(request.sessionID, request.session, () => response.end());
});

export const server = fastify();
server.register(fastifySession, { store, secret: "x".repeat(32) });

export const found: StoredSession | undefined = await store.get("id");
store.get("id", (_error, found: session.SessionData | undefined) => found?.userId.toFixed());
store.get("id", (error: Error | null) => error?.message);
store.destroy("id", (error) => error.message);
store.load("id", (error: Error | undefined, loaded: session.Session) => error ?? loaded.touch());
store.all((_error, all: session.SessionData[] | undefined) => all?.at(0)?.cookie.originalMaxAge);
await store.set("id", { cookie: { expires: null }, userId: 7 });
await store.set("id", { userId: 7 });
await store.set("id", { cookie: { expires: Date.now() + 60_000, maxAge: 60_000 } });
// @ts-expect-error: not a cookie
await store.set("id", { cookie: "no" });
