import type { Session } from "@scs/sequelize-store/manager";
import { Html, html } from "./html.ts";

/** The values in a visitor's session. */
export interface Visitor {
  /** The message that `/put` stores. */
  message: string;
  /** How often the visitor has pressed the button. */
  count: number;
  /** A message that the next page shows once. */
  flash: string;
  /** The user's name; absent if the visitor is not signed in. */
  name: string;
  /** The browser and its system. */
  browser: string;
  signedInAt: Date;
}

/** A session of a user who is signed in. */
export interface SignedIn {
  /** The session's public name. */
  readonly id: string;
  readonly browser: string;
  readonly signedInAt: Date;
}

const STYLE = new Html(`
  :root { color-scheme: light dark; --line: #8884; --accent: #2f6f4f; }
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 38rem; margin: 3rem auto; padding: 0 1rem; }
  h1 { font-size: 1.5rem; margin: 0 0 1.5rem; overflow-wrap: anywhere; }
  h2 { font-size: 1rem; margin: 0 0 .5rem; overflow-wrap: anywhere; }
  section { border: 1px solid var(--line); border-radius: .75rem; padding: 1rem 1.25rem; margin: 1rem 0; }
  form { display: inline; }
  input[name="name"] { font: inherit; padding: .4rem .6rem; border: 1px solid var(--line);
    border-radius: .5rem; }
  button { font: inherit; padding: .4rem .9rem; border: 1px solid var(--accent); border-radius: .5rem;
    background: var(--accent); color: #fff; cursor: pointer; }
  button.quiet { background: none; color: inherit; border-color: var(--line); }
  .flash { border-color: var(--accent); background: #2f6f4f22; }
  #count { font-size: 2rem; font-variant-numeric: tabular-nums; margin-right: 1rem; }
  ol { list-style: none; margin: 0 0 1rem; padding: 0; }
  li { display: flex; justify-content: space-between; align-items: center; gap: 1rem;
    padding: .5rem 0; border-bottom: 1px solid var(--line); }
  small { opacity: .7; }
`);

const SIGN_IN = html`
  <section>
    <h2>Sign in</h2>
    <form method="post" action="/sign-in">
      <input name="name" required maxlength="40" placeholder="Any name" aria-label="Name">
      <button>Sign in</button>
      <p>
        <label><input type="checkbox" name="remember"> Remember me when the browser is closed</label>
      </p>
    </form>
  </section>
`;

function utc(date: Date, precision: "minutes" | "seconds" = "minutes"): string {
  const length = precision === "minutes" ? 16 : 19;
  return `${date.toISOString().slice(0, length).replace("T", " ")} UTC`;
}

const UNITS: readonly (readonly [string, number])[] = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
];

/** Returns how long ago a moment was, in whole units. */
function ago(date: Date): string {
  const ms = Date.now() - date.getTime();
  const [unit, length] = UNITS.find(([, length]) => ms >= length) ?? [];
  if (length === undefined) return "just now";
  const count = Math.floor(ms / length);
  return `${count} ${unit}${count === 1 ? "" : "s"} ago`;
}

/**
 * A button that signs out of the session with this `id`; without one, of all other sessions.
 *
 * @param name What a screen reader calls the button, which is told apart from the others by nothing else.
 */
function signOut(label: string, name: string, action: string, id = ""): Html {
  return html`
    <form method="post" action="${action}">
      <input type="hidden" name="id" value="${id}">
      <button class="quiet" aria-label="${name}">${label}</button>
    </form>
  `;
}

function sessionItem({ id, browser, signedInAt }: SignedIn, number: number, own: string): Html {
  const label = id === own ? `${browser}, this browser` : browser;
  const when = `signed in ${utc(signedInAt, "seconds")}, ${ago(signedInAt)}`;
  return html`
    <li>
      <span>${label}<br><small>${when}</small></span>
      ${signOut("Sign out", `Sign out of ${number}: ${label}, ${when}`, "/sign-out", id)}
    </li>
  `;
}

function sessionList(name: string, own: string, all: readonly SignedIn[]): Html {
  return html`
    <section>
      <h2>Where ${name} is signed in</h2>
      <ol>${all.map((one, i) => sessionItem(one, i + 1, own))}</ol>
      ${all.length > 1 &&
        signOut("Sign out all others", "Sign out of all other browsers", "/sign-out-others")}
    </section>
  `;
}

function flashMessage(flash: string): Html {
  return html`
    <section class="flash" role="status">${flash}</section>
  `;
}

/** Renders the page at `/`, and removes the flash message from the session. */
export function page(session: Session<Visitor>, all: readonly SignedIn[]): Html {
  const name = session.get("name");
  const flash = session.pop("flash");
  const end = session.token === undefined
    ? "You have no session yet: there is nothing to store."
    : `Your session ends ${utc(session.deadline)}, or after an hour without use.`;
  return html`
    <!doctype html>
    <html lang="en">
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width">
      <title>Sessions</title>
      <style>${STYLE}</style>
      <h1>Hello, ${name ?? "whoever you are"}</h1>
      ${flash !== undefined && flashMessage(flash)}
      <section>
        <form method="post" action="/count">
          <span id="count">${session.get("count") ?? 0}</span>
          <button>Count</button>
        </form>
      </section>
      ${name === undefined ? SIGN_IN : sessionList(name, session.id, all)}
      <p><small>${end}</small></p>
    </html>
  `;
}
