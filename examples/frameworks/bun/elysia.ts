// bun elysia.ts

import { Elysia } from "elysia";
import { port, sessions } from "../sessions.ts";

new Elysia()
  .derive(async ({ request }) => ({ session: await sessions.loadRequest(request) }))
  .onAfterHandle(async ({ session, cookie, set }) => {
    await sessions.commit(session);
    const { name, value, options } = sessions.toCookie(session) ?? {};
    if (name !== undefined) cookie[name]?.set({ value, ...options });
    set.headers.vary = "Cookie";
  })
  .get("/", ({ session }) => {
    const views = (session.get("views") ?? 0) + 1;
    session.put("views", views);
    return `View ${views}\n`;
  })
  .post("/sign-out", ({ session, set }) => {
    session.destroy();
    set.status = 302;
    set.headers.location = "/";
  })
  .listen(port);
