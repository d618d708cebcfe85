// bun serve.ts

import { port, sessions } from "../sessions.ts";

// What the package @types/bun declares of it.
declare const Bun: {
  serve(options: {
    readonly port: number;
    readonly routes: Record<string, Record<string, (request: Request) => Promise<Response>>>;
  }): unknown;
};

const view = sessions.loadAndSave((_request, session) => {
  const views = (session.get("views") ?? 0) + 1;
  session.put("views", views);
  return new Response(`View ${views}\n`);
});

const signOut = sessions.loadAndSave((_request, session) => {
  session.destroy();
  return new Response(null, { status: 302, headers: { Location: "/" } });
});

Bun.serve({
  port,
  routes: { "/": { GET: view }, "/sign-out": { POST: signOut } },
});
