import { SequelizeStore } from "@scs/sequelize-store";
import { SessionManager } from "@scs/sequelize-store/manager";
import { nodeSessions } from "@scs/sequelize-store/node";
import { nodeSqlite } from "@scs/sequelize-store/node-sqlite";
import { createServer } from "node:http";
import { Sequelize } from "sequelize";

const sequelize = new Sequelize("sqlite:hello.db", { dialectModule: nodeSqlite, logging: false });
const store = await SequelizeStore.open(sequelize);
const sessions = new SessionManager<{ message: string }>({ store, lifetime: 24 * 3_600_000 });

createServer(
  nodeSessions(sessions).wrap(({ session, url }, response) => {
    switch (url) {
      case "/put":
        session.put("message", "Hello from a session!");
        return response.end("Stored: now open /get\n");
      case "/get":
        return response.end(session.get("message"));
      default:
        return response.writeHead(404).end("Not Found\n");
    }
  }),
).listen(4000);
