import type { Session } from "@scs/sequelize-store/manager";
import { nodeSessions } from "@scs/sequelize-store/node";
import express, { type ErrorRequestHandler, type Request } from "express";
import { port, sessions, type Values } from "./sessions.ts";

// An application without express-session declares it once instead, in the namespace Express:
//   declare global { namespace Express { interface Request { session: Session<Values> } } }
const sessionOf = (request: Request): Session<Values> =>
  (request as unknown as { session: Session<Values> }).session;

const app = express();
app.use(nodeSessions(sessions));
app.get("/", (request, response) => {
  const session = sessionOf(request);
  const views = (session.get("views") ?? 0) + 1;
  session.put("views", views);
  response.send(`View ${views}\n`);
});
app.post("/sign-out", (request, response) => {
  sessionOf(request).destroy();
  response.redirect("/");
});

// What a request that fails has done to the session is not saved.
const onError: ErrorRequestHandler = (error, request, _response, next) => {
  sessionOf(request)?.discard();
  next(error);
};
app.use(onError);
app.listen(port);
