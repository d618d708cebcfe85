// A socket may stay open for days, while its session is signed out or expires. So the session is loaded again
// before each message is trusted.

import { cookieSource, nodeSessions } from "@scs/sequelize-store/node";
import { createServer } from "node:http";
import { Server } from "socket.io";
import { port, sessions } from "./sessions.ts";

const middleware = nodeSessions(sessions);

const server = createServer(middleware.wrap(({ session, method, url }, response) => {
  if (method === "POST" && url === "/sign-out") {
    session.destroy();
    response.writeHead(302, { location: "/" }).end();
    return;
  }
  const views = (session.get("views") ?? 0) + 1;
  session.put("views", views);
  response.end(`View ${views}\n`);
}));

const io = new Server(server);

// Who has no session gets no connection.
io.engine.use(middleware);
io.use((socket, next) => {
  const { session } = socket.request as unknown as { session: { has(key: string): boolean } };
  next(session.has("views") ? undefined : new Error("sign in first"));
});

io.on("connection", (socket) => {
  socket.on("views", async (reply: (views: number | undefined) => void) => {
    const session = await sessions.loadRequest(cookieSource(socket.request));
    if (session.has("views")) reply(session.get("views"));
    else socket.disconnect(true);
  });
});

server.listen(port);
