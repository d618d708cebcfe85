// Serves the demo with sessions that last a few seconds, and reports its memory usage:
//
//   soak_server.ts DATABASE-URL

import process from "node:process";
import { SequelizeStore } from "@scs/sequelize-store";
import { SessionManager } from "@scs/sequelize-store/manager";
import { createDemo } from "../examples/demo_app.ts";
import type { Visitor } from "../examples/demo_page.ts";
import { open } from "../tests/support/databases.ts";

const LIFETIME_MS = 5000;

let errors = 0;
const onError = (error: unknown): void => {
  errors++;
  console.log(String(error));
};
const store = await SequelizeStore.open(open(process.argv[2]!), {
  owners: true,
  cleanupInterval: 1000,
  onError,
});
const sessions = new SessionManager<Visitor>({
  store,
  owner: ({ name }) => name,
  lifetime: LIFETIME_MS,
  onError,
});
const demo = createDemo(sessions);
const end = sessions.loadAndSave((_, session) => {
  session.destroy();
  return new Response();
});

Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => console.log(`served on http://127.0.0.1:${port}`),
}, (request) => {
  switch (new URL(request.url).pathname) {
    case "/end":
      return end(request);
    case "/figures": {
      // Garbage must not count as growth.
      (globalThis as { gc?: () => void }).gc!();
      const { heapUsed, rss } = process.memoryUsage();
      return Response.json({ heapUsed, rss, errors });
    }
    default:
      return demo(request);
  }
});
