import type { Session } from "@scs/sequelize-store/manager";
import { nodeSessions } from "@scs/sequelize-store/node";
import type { IncomingMessage, ServerResponse } from "node:http";
import polka from "polka";
import { port, sessions, type Values } from "./sessions.ts";

type Request = IncomingMessage & { session: Session<Values> };

const app = polka();
app.use(nodeSessions(sessions));
app.add("GET", "/", ({ session }: Request, response: ServerResponse) => {
  const views = (session.get("views") ?? 0) + 1;
  session.put("views", views);
  response.end(`View ${views}\n`);
});
app.add("POST", "/sign-out", ({ session }: Request, response: ServerResponse) => {
  session.destroy();
  response.writeHead(302, { location: "/" }).end();
});
app.listen(port);
