// Passport checks the password; the session is this package's. `session: false` keeps Passport from a session of
// its own, which needs express-session: with that, ExpressStore keeps it.

import type { Session } from "@scs/sequelize-store/manager";
import { nodeSessions } from "@scs/sequelize-store/node";
import express, { type Request, type RequestHandler } from "express";
import passport from "passport";
import { port, sessions, type Values } from "./sessions.ts";

interface User {
  readonly id: number;
  readonly name: string;
}

const users: readonly User[] = [{ id: 7, name: "Ada" }];

class PasswordStrategy extends passport.Strategy {
  override readonly name = "password";

  override authenticate({ body }: Request): void {
    const user = users.find(({ name }) => name === body.name);
    if (user && body.password === "correct horse") this.success(user);
    else this.fail(401);
  }
}
passport.use(new PasswordStrategy());

const sessionOf = (request: Request): Session<Values> =>
  (request as unknown as { session: Session<Values> }).session;

/** Does what Passport's own session does: puts the user of the session into the request. */
const findUser: RequestHandler = (request, _response, next) => {
  const id = sessionOf(request).get("userId");
  const user = users.find((each) => each.id === id);
  if (user) request.user = user;
  next();
};

const app = express();
app.use(nodeSessions(sessions) as unknown as RequestHandler, express.json(), findUser);

app.post("/sign-in", passport.authenticate("password", { session: false }), (request, response) => {
  const session = sessionOf(request);
  session.renewToken();
  session.put("userId", (request.user as User).id);
  response.redirect("/");
});

app.post("/sign-out", (request, response) => {
  sessionOf(request).destroy();
  response.redirect("/");
});

app.get("/", (request, response) => {
  const session = sessionOf(request);
  session.put("views", (session.get("views") ?? 0) + 1);
  response.send(`View ${session.get("views")}\n`);
});

app.get("/user", (request, response) => {
  response.send(`${(request.user as User | undefined)?.name ?? "nobody"}\n`);
});
app.listen(port);
