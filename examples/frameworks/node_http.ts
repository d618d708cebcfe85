import { nodeSessions } from "@scs/sequelize-store/node";
import { createServer } from "node:http";
import { port, sessions } from "./sessions.ts";

createServer(
  nodeSessions(sessions).wrap(({ session, method, url }, response) => {
    if (method === "POST" && url === "/sign-out") {
      session.destroy();
      response.writeHead(302, { location: "/" }).end();
      return;
    }
    const views = (session.get("views") ?? 0) + 1;
    session.put("views", views);
    response.end(`View ${views}\n`);
  }),
).listen(port);
