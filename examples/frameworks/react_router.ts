// The loader and the action of a route, as app/routes/home.tsx exports them. React Router runs them with the
// request of a page; here, a static handler does.

import { createSessionStorage } from "@scs/sequelize-store/react-router";
import {
  type ActionFunctionArgs,
  createStaticHandler,
  type LoaderFunctionArgs,
  redirect,
} from "react-router";
import { port, sessions } from "./sessions.ts";

const { getSession, commitSession, destroySession } = createSessionStorage(sessions);

async function loader({ request }: LoaderFunctionArgs): Promise<Response> {
  const session = await getSession(request);
  const views = (session.get("views") ?? 0) + 1;
  session.set("views", views);
  return new Response(`View ${views}\n`, {
    headers: { "Set-Cookie": await commitSession(session), Vary: "Cookie" },
  });
}

async function signOut({ request }: ActionFunctionArgs): Promise<Response> {
  const session = await getSession(request);
  return redirect("/", { headers: { "Set-Cookie": await destroySession(session) } });
}

const { queryRoute } = createStaticHandler([
  { path: "/", loader },
  { path: "/sign-out", action: signOut },
]);
Deno.serve({ port }, async (request) => await queryRoute(request) as Response);
