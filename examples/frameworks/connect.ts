import type { Session } from "@scs/sequelize-store/manager";
import { nodeSessions } from "@scs/sequelize-store/node";
import connect, { type IncomingMessage } from "connect";
import { port, sessions, type Values } from "./sessions.ts";

type Request = IncomingMessage & { session: Session<Values> };

const app = connect();
app.use(nodeSessions(sessions));
app.use((request, response) => {
  const { session, method, url } = request as Request;
  if (method === "POST" && url === "/sign-out") {
    session.destroy();
    response.writeHead(302, { location: "/" }).end();
    return;
  }
  const views = (session.get("views") ?? 0) + 1;
  session.put("views", views);
  response.end(`View ${views}\n`);
});
app.listen(port);
