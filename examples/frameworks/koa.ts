import type { Session } from "@scs/sequelize-store/manager";
import Koa from "koa";
import { port, sessions, type Values } from "./sessions.ts";

const app = new Koa<{ session: Session<Values> }>();

// If a later middleware throws, `next` rejects, and nothing is saved.
app.use(async (ctx, next) => {
  const session = ctx.state.session = await sessions.loadRequest(ctx);
  await next();
  for (const [name, value] of await sessions.commitHeaders(session)) ctx.append(name, value);
});

app.use((ctx) => {
  const { session } = ctx.state;
  if (ctx.method === "POST" && ctx.path === "/sign-out") {
    session.destroy();
    return ctx.redirect("/");
  }
  const views = (session.get("views") ?? 0) + 1;
  session.put("views", views);
  ctx.body = `View ${views}\n`;
});
app.listen(port);
