import type { Session } from "@scs/sequelize-store/manager";
import { Application, Router } from "@oakserver/oak";
import { port, sessions, type Values } from "./sessions.ts";

interface State {
  session: Session<Values>;
}

const app = new Application<State>();

// If a later middleware throws, `next` rejects, and nothing is saved.
app.use(async ({ request, response, state }, next) => {
  state.session = await sessions.loadRequest(request);
  await next();
  for (const [name, value] of await sessions.commitHeaders(state.session)) {
    response.headers.append(name, value);
  }
});

const router = new Router<State>();
router.get("/", ({ response, state: { session } }) => {
  session.put("views", (session.get("views") ?? 0) + 1);
  response.body = `View ${session.get("views")}\n`;
});
router.post("/sign-out", ({ response, state: { session } }) => {
  session.destroy();
  response.redirect("/");
});
app.use(router.routes());
await app.listen({ port });
