import { randomUUID } from "node:crypto";
import type { Session, SessionManager } from "@scs/sequelize-store/manager";
import { page, type SignedIn, type Visitor } from "./demo_page.ts";

type Sessions = SessionManager<Visitor>;

/** Creates the handler of the demo's requests. */
export function createDemo(sessions: Sessions): (request: Request) => Promise<Response> {
  return sessions.loadAndSave(async (request, session) => {
    const { pathname } = new URL(request.url);
    switch (`${request.method} ${pathname}`) {
      case "GET /":
        return showPage(session, await signedInAs(sessions, session.get("name")));
      case "GET /put":
        session.put("message", "Hello from a session!");
        return new Response("Stored: now open /get\n");
      case "GET /get":
        return new Response(session.get("message"));
    }
    if (request.method !== "POST") return new Response("Not Found\n", { status: 404 });
    // SameSite=Lax protects from forms on other sites, but not from forms on other subdomains: refuse both.
    const site = request.headers.get("sec-fetch-site") ?? "same-origin";
    if (site !== "same-origin") return new Response("Forbidden\n", { status: 403 });
    const form = new URLSearchParams(await request.text());
    switch (pathname) {
      case "/count":
        session.put("count", (session.get("count") ?? 0) + 1);
        break;
      case "/sign-in":
        signIn(session, form, request.headers.get("user-agent") ?? "");
        break;
      case "/sign-out":
        await signOut(sessions, session, (id) => id === form.get("id"));
        break;
      case "/sign-out-others":
        await signOut(sessions, session, (id) => id !== session.get("id"));
        break;
      default:
        return new Response("Not Found\n", { status: 404 });
    }
    return new Response(null, { status: 303, headers: { location: "/" } });
  });
}

function showPage(session: Session<Visitor>, all: readonly SignedIn[]): Response {
  return new Response(page(session, all).text, {
    headers: {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy":
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    },
  });
}

function signIn(session: Session<Visitor>, form: URLSearchParams, userAgent: string): void {
  const name = form.get("name")?.trim() ?? "";
  if (!/^.{1,40}$/u.test(name)) return session.put("flash", "A name has 1 to 40 characters.");
  // Prevents session fixation: somebody who knows the old token must not become signed in as well.
  session.renewToken();
  session.rememberMe(form.has("remember"));
  session.put("name", name);
  session.put("id", randomUUID());
  session.put("browser", /Edg|Firefox|Chrome|Safari|curl/.exec(userAgent)?.[0] ?? "Some browser");
  session.put("signedInAt", new Date());
  session.put("flash", `Welcome, ${name}.`);
}

/** Destroys the sessions of this session's user whose `id` matches. */
async function signOut(
  sessions: Sessions,
  session: Session<Visitor>,
  matches: (id: string | undefined) => boolean,
): Promise<void> {
  const [name, id] = [session.get("name"), session.get("id")];
  if (name === undefined) return;
  for await (const other of sessions.iterate()) {
    if (other.get("name") !== name || other.get("id") === id || !matches(other.get("id"))) continue;
    other.destroy();
    await sessions.commit(other);
  }
  if (matches(id)) session.destroy();
  session.put("flash", matches(id) ? "You have signed out." : "Signed out.");
}

/** Finds all sessions of a user. It reads the whole table: with many sessions, keep your own index of them. */
async function signedInAs(sessions: Sessions, name: string | undefined): Promise<SignedIn[]> {
  const all: SignedIn[] = [];
  if (name === undefined) return all;
  for await (const session of sessions.iterate()) {
    if (session.get("name") !== name) continue;
    const [id, browser, signedInAt] = [
      session.get("id")!,
      session.get("browser")!,
      session.get("signedInAt")!,
    ];
    all.push({ id, browser, signedInAt });
  }
  return all.sort((one, other) => one.signedInAt.getTime() - other.signedInAt.getTime());
}
