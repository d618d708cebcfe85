import type { Session } from "@scs/sequelize-store/manager";
import { H3, redirect, serve, toResponse } from "h3";
import { port, sessions, type Values } from "./sessions.ts";

declare module "h3" {
  interface H3EventContext {
    userSession: Session<Values>;
  }
}

const app = new H3();

// If a later handler throws, `next` rejects, and nothing is saved.
app.use(async (event, next) =>
  await sessions.loadAndSave(async (_request, session) => {
    event.context.userSession = session;
    return await toResponse(await next(), event);
  })(event.req)
);

app.get("/", ({ context: { userSession } }) => {
  const views = (userSession.get("views") ?? 0) + 1;
  userSession.put("views", views);
  return `View ${views}\n`;
});
app.post("/sign-out", ({ context: { userSession } }) => {
  userSession.destroy();
  return redirect("/");
});
serve(app, { port });
