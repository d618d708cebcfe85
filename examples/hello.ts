import { randomBytes } from "node:crypto";
import { SequelizeStore } from "@scs/sequelize-store";
import { Sequelize } from "sequelize";

const LIFETIME_MS = 24 * 60 * 60 * 1000;

/** `/put` stores a message in the visitor's session, and `/get` answers with it. */
export function createHandler(store: SequelizeStore): (request: Request) => Promise<Response> {
  return async (request) => {
    const cookie = /(?:^|; )session=([^;]*)/.exec(request.headers.get("cookie") ?? "");
    const session = await store.find(cookie?.[1] ?? "");
    switch (new URL(request.url).pathname) {
      case "/put": {
        // Only a token that the store knows is kept: one that a client made up is never adopted.
        const token = session?.token ?? randomBytes(32).toString("base64url");
        const data = new TextEncoder().encode("Hello from a session!");
        await store.commit(token, data, new Date(Date.now() + LIFETIME_MS));
        const attributes = `Path=/; Max-Age=${LIFETIME_MS / 1000}; HttpOnly; SameSite=Lax`;
        return new Response("Stored: now open /get\n", {
          headers: { "set-cookie": `session=${token}; ${attributes}` },
        });
      }
      case "/get":
        return new Response(new TextDecoder().decode(session?.data));
      default:
        return new Response("Not Found\n", { status: 404 });
    }
  };
}

if (import.meta.main) {
  const sequelize = new Sequelize({ dialect: "sqlite", storage: "hello.sqlite", logging: false });
  const store = await SequelizeStore.open(sequelize);
  Deno.serve({ port: 4000 }, createHandler(store));
}
