import type { Session } from "@scs/sequelize-store/manager";
import { STYLE } from "./demo_style.ts";
import { type Html, html } from "./html.ts";

/** The values in a visitor's session. */
export interface Visitor {
  /** The message that `/put` stores. */
  message: string;
  /** How often the visitor has pressed the button. */
  count: number;
  /** A message that the next page shows once. */
  flash: string;
  /** What is wrong with the name that was entered; the next page shows it once. */
  nameError: string;
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

function document(title: string, main: Html, footer: Html | false): Html {
  return html`
    <!doctype html>
    <html lang="en">
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width">
      <title>${title}</title>
      <style>${STYLE}</style>
      <main>${main}</main>
      ${footer && html`<footer>${footer}</footer>`}
    </html>
  `;
}

/** The page for an address that there is nothing at. */
export const NOT_FOUND: Html = document(
  "Page not found",
  html`
    <h1>Page not found</h1>
    <p>There is nothing at this address.</p>
    <p><a href="/">Go to the demo</a></p>
  `,
  false,
);

function signInForm(error: string | undefined): Html {
  // The browser focuses the field, and a screen reader reads what is wrong with it.
  const invalid = error !== undefined && html`aria-invalid="true" autofocus`;
  const message = error !== undefined && html`<p class="error" id="name-error">${error}</p>`;
  return html`
    <section aria-labelledby="sign-in">
      <h2 id="sign-in">Sign in</h2>
      <form method="post" action="/sign-in">
        <label for="name">Name</label>
        <p class="hint" id="name-hint">Any name of 1 to 40 characters. There is no password.</p>
        <p>
          <input id="name" name="name" required maxlength="40" autocomplete="username"
            aria-describedby="name-hint${error !== undefined && " name-error"}" ${invalid}>
        </p>
        ${message}
        <label class="check">
          <input type="checkbox" name="remember"> Remember me when the browser is closed
        </label>
        <button class="main">Sign in</button>
      </form>
    </section>
  `;
}

const UNITS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1000],
];

const RELATIVE = new Intl.RelativeTimeFormat("en");

/** Shows how far away a moment is, which is the same in every time zone, with the moment itself as the title. */
function relativeTime(date: Date): Html {
  const ms = date.getTime() - Date.now();
  const [unit, length] = UNITS.find(([, length]) => Math.abs(ms) >= length) ?? ["second", 1000];
  const isNow = ms <= 0 && ms > -60_000;
  const words = isNow ? "just now" : RELATIVE.format(Math.ceil(ms / length), unit);
  const iso = date.toISOString();
  const utc = `${iso.slice(0, 19).replace("T", " ")} UTC`;
  return html`
    <time datetime="${iso}" title="${utc}">${words}</time>
  `;
}

/** A button of the list of browsers. `name` is what a screen reader calls it, if not by its label. */
function signOut(label: string, action: string, name?: string, id?: string): Html {
  return html`
    <form method="post" action="${action}">
      ${id !== undefined && html`<input type="hidden" name="id" value="${id}">`}
      <button ${name !== undefined && html`aria-label="${name}"`}>${label}</button>
    </form>
  `;
}

function sessionItem({ id, browser, signedInAt }: SignedIn, number: number, own: string): Html {
  const isOwn = id === own;
  const name = `Sign out of browser ${number}: ${browser}${isOwn ? ", this browser" : ""}`;
  return html`
    <li>
      <div>
        ${browser} ${isOwn && html`<strong class="badge">This browser</strong>`}
        <small>Signed in ${relativeTime(signedInAt)}</small>
      </div>
      ${signOut("Sign out", "/sign-out", name, id)}
    </li>
  `;
}

function sessionList(name: string, own: string, all: readonly SignedIn[]): Html {
  return html`
    <section aria-labelledby="sessions">
      <h2 id="sessions">Where ${name} is signed in</h2>
      ${all.length > 0 && html`<ol>${all.map((one, i) => sessionItem(one, i + 1, own))}</ol>`}
      ${all.length > 1
        ? signOut("Sign out all others", "/sign-out-others")
        : html`<p class="hint">No other browser is signed in as ${name}.</p>`}
    </section>
  `;
}

function flashMessage(flash: string): Html {
  return html`
    <section class="flash" role="status">${flash}</section>
  `;
}

/**
 * Renders the page at `/`, and removes the messages that are shown once from the session.
 *
 * @param database What the sessions are kept in.
 */
export function page(
  session: Session<Visitor>,
  all: readonly SignedIn[],
  database: string,
): Html {
  const name = session.get("name");
  const flash = session.pop("flash");
  const nameError = session.pop("nameError");
  const end = session.token === undefined
    ? "You have no session yet, because there is nothing to store."
    : html`Your session ends ${relativeTime(session.deadline)}, or after an hour without use.`;
  return document(
    "Sessions in an SQL database",
    html`
      <h1>Hello, ${name ?? "visitor"}</h1>
      <p>This demo of SequelizeStore keeps its sessions in ${database}.<br>
        Open a second browser, and sign in with the same name.</p>
      ${flash !== undefined && flashMessage(flash)}
      <section aria-labelledby="counter">
        <h2 id="counter">Your counter</h2>
        <form class="counter" method="post" action="/count">
          <dl>
            <dt>Times pressed</dt>
            <dd id="count">${session.get("count") ?? 0}</dd>
          </dl>
          <button class="main">Count</button>
        </form>
      </section>
      ${name === undefined ? signInForm(nameError) : sessionList(name, session.id, all)}
    `,
    html`<p>${end}</p>`,
  );
}
