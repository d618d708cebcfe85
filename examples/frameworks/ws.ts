// A socket may stay open for days, while its session is signed out or expires. So the session is loaded again
// before each message is trusted.

import { cookieSource, nodeSessions } from "@scs/sequelize-store/node";
import { createServer } from "node:http";
import { WebSocketServer } from "ws";
import { port, sessions } from "./sessions.ts";

const server = createServer(
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
);

const sockets = new WebSocketServer({ noServer: true });

server.on("upgrade", async (request, stream, head) => {
  const source = cookieSource(request);
  const session = await sessions.loadRequest(source).catch(() => undefined);
  if (!session?.has("views")) {
    stream.end("HTTP/1.1 401 Unauthorized\r\n\r\n");
    return;
  }
  sockets.handleUpgrade(request, stream, head, (socket) => {
    socket.on("message", async () => {
      const session = await sessions.loadRequest(source);
      if (session.has("views")) socket.send(`${session.get("views")}`);
      else socket.close(4401, "signed out");
    });
  });
});

server.listen(port);
