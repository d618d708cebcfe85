// bun hono.ts

import { honoSessions } from "@scs/sequelize-store/hono";
import { Hono } from "hono";
import { port, sessions } from "../sessions.ts";

const app = new Hono()
  .use(honoSessions(sessions))
  .get("/", (c) => {
    const { session } = c.var;
    const views = (session.get("views") ?? 0) + 1;
    session.put("views", views);
    return c.text(`View ${views}\n`);
  })
  .post("/sign-out", (c) => {
    c.var.session.destroy();
    return c.redirect("/");
  });

export default { port, fetch: app.fetch };
