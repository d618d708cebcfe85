// createSessionStorage() in the loader of a route, in the suite of the adapters.

import { getRequestListener } from "@hono/node-server";
import { createServer } from "node:http";
import { createStaticHandler, type LoaderFunctionArgs } from "react-router";
import type { Session } from "../../src/manager/mod.ts";
import { createSessionStorage } from "../../src/react_router/mod.ts";
import { type Page, testAdapter, type Values } from "../support/adapter_suite.ts";
import { listen } from "../support/node_server.ts";

testAdapter("React Router", ({ sessions, respond }) => {
  const { getSession, commitSession, destroySession } = createSessionStorage(sessions);

  async function loader({ request }: LoaderFunctionArgs): Promise<Response> {
    // A Response that a loader throws is the answer, as the documentation says.
    const fail = async (error: unknown): Promise<never> => {
      throw await sessions.toErrorResponse(error, { request });
    };
    const session = await getSession(request).catch(fail);
    let save: typeof commitSession | undefined;
    /** Calls on React Router's object what the website calls on a session. */
    const calls: Pick<Session<Values>, "get" | "put" | "destroy" | "renewToken"> = {
      get: (name) => session.get(name),
      put: (name, value) => {
        session.set(name, value);
        save = commitSession;
      },
      destroy: () => void (save = destroySession),
      renewToken: () => {
        session.renewToken();
        save = commitSession;
      },
    };
    const path = new URL(request.url).pathname;
    const response = toResponse(await respond(path, calls as Session<Values>));
    response.headers.append("Vary", "Cookie");
    if (save) response.headers.append("Set-Cookie", await save(session).catch(fail));
    return response;
  }

  const { queryRoute } = createStaticHandler([{ path: "*", loader }]);
  const answer = async (request: Request): Promise<Response> => {
    try {
      return await queryRoute(request) as Response;
    } catch (error) {
      if (error instanceof Response) return error;
      return new Response("the application's error page", { status: 500 });
    }
  };
  return listen(createServer(getRequestListener(answer, { overrideGlobalObjects: false })));
}, {
  canBeLazy: false,
  except: {
    "a page that only reads sets no cookie, and varies": "commitSession() is one header only",
    "the page's own headers stay, next to the session's": "commitSession() is one header only",
  },
});

function toResponse({ status, headers, body }: Page): Response {
  if (body.length < 2) return new Response(body[0], { status, headers: [...headers] });
  const chunks = body.map((chunk) => new TextEncoder().encode(chunk));
  return new Response(ReadableStream.from(chunks), { status, headers: [...headers] });
}
