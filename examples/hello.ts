import { SequelizeStore } from "@scs/sequelize-store";
import { SessionManager } from "@scs/sequelize-store/manager";
import { nodeSqlite } from "@scs/sequelize-store/node-sqlite";
import { Sequelize } from "sequelize";

const sequelize = new Sequelize("sqlite:hello.db", { dialectModule: nodeSqlite, logging: false });
const store = await SequelizeStore.open(sequelize);
const sessions = new SessionManager<{ message: string }>({ store, lifetime: 24 * 3_600_000 });

const handler = sessions.loadAndSave((request, session) => {
  switch (new URL(request.url).pathname) {
    case "/put":
      session.put("message", "Hello from a session!");
      return new Response("Stored: now open /get\n");
    case "/get":
      return new Response(session.get("message"));
    default:
      return new Response("Not Found\n", { status: 404 });
  }
});

Deno.serve({ port: 4000 }, handler);
