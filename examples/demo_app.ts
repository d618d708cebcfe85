import type { Session, SessionManager } from "@scs/sequelize-store/manager";
import { describeBrowser } from "./demo_browser.ts";
import type { Html } from "./html.ts";
import { NOT_FOUND, page, type SignedIn, type Visitor } from "./demo_page.ts";

type Sessions = SessionManager<Visitor>;

/**
 * Creates the handler of the demo's requests.
 *
 * @param database What the sessions are kept in; the page names it.
 */
export function createDemo(
  sessions: Sessions,
  database = "this process's memory",
): (request: Request) => Promise<Response> {
  return sessions.loadAndSave(async (request, session) => {
    const { pathname } = new URL(request.url);
    switch (`${request.method} ${pathname}`) {
      case "GET /":
        return showPage(
          page(session, await signedInAs(sessions, session.get("name")), database),
        );
      case "GET /put":
        session.put("message", "Hello from a session!");
        return new Response("Stored: now open /get\n");
      case "GET /get":
        return new Response(session.get("message"));
    }
    if (request.method !== "POST") return showPage(NOT_FOUND, 404);
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
        await signOut(sessions, session, form.get("id") ?? "");
        break;
      case "/sign-out-others":
        await signOutOthers(sessions, session);
        break;
      default:
        return showPage(NOT_FOUND, 404);
    }
    return new Response(null, { status: 303, headers: { location: "/" } });
  });
}

function showPage({ text }: Html, status = 200): Response {
  return new Response(text, {
    status,
    headers: {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy":
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    },
  });
}

function signIn(session: Session<Visitor>, form: URLSearchParams, userAgent: string): void {
  const name = form.get("name")?.trim() ?? "";
  if (!/^.{1,40}$/u.test(name)) {
    return session.put("nameError", "Enter a name of 1 to 40 characters.");
  }
  // Prevents session fixation: somebody who knows the old token must not become signed in as well.
  session.renewToken();
  session.rememberMe(form.has("remember"));
  session.put("name", name);
  session.put("browser", describeBrowser(userAgent));
  session.put("signedInAt", new Date());
  session.put("flash", `Welcome, ${name}.`);
}

/** Signs the session's user out of one browser, which may be this one. */
async function signOut(sessions: Sessions, session: Session<Visitor>, id: string): Promise<void> {
  const name = session.get("name");
  if (name === undefined) return;
  if (id === session.id) {
    session.destroy();
    session.put("flash", "You have signed out.");
  } else {
    // Nobody can end another user's session: its id counts only together with the user's name.
    const isEnded = await sessions.destroyById(name, id);
    session.put("flash", isEnded ? "Signed out of 1 browser." : "That browser was signed out.");
  }
}

/** Signs the session's user out of all other browsers. */
async function signOutOthers(sessions: Sessions, session: Session<Visitor>): Promise<void> {
  const name = session.get("name");
  if (name === undefined) return;
  const ended = await sessions.destroyOwned(name, { except: session });
  session.put("flash", `Signed out of ${ended} other ${ended === 1 ? "browser" : "browsers"}.`);
}

/** Finds all sessions of a user, the oldest first: one query, which reads the user's rows alone. */
async function signedInAs(sessions: Sessions, name: string | undefined): Promise<SignedIn[]> {
  const all: SignedIn[] = [];
  if (name === undefined) return all;
  for await (const session of sessions.ofOwner(name)) {
    const [browser, signedInAt] = [session.get("browser")!, session.get("signedInAt")!];
    all.push({ id: session.id, browser, signedInAt });
  }
  return all.sort((one, other) => one.signedInAt.getTime() - other.signedInAt.getTime());
}
