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

function utc(date: Date, precision: "minutes" | "seconds" = "minutes"): string {
  const length = precision === "minutes" ? 16 : 19;
  return `${date.toISOString().slice(0, length).replace("T", " ")} UTC`;
}

const UNITS: readonly (readonly [string, number])[] = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
];

/** Returns how long ago a moment was, in whole units: true in every time zone. */
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
 * @param name What a screen reader calls the button: nothing else tells it apart from the others.
 */
function signOut(label: string, name: string, action: string, id = ""): Html {
  return html`
    <form method="post" action="${action}">
      <input type="hidden" name="id" value="${id}">
      <button aria-label="${name}">${label}</button>
    </form>
  `;
}

function sessionItem({ id, browser, signedInAt }: SignedIn, number: number, own: string): Html {
  const isOwn = id === own;
  const when = `signed in ${utc(signedInAt, "seconds")}, ${ago(signedInAt)}`;
  const name = `Sign out of ${number}: ${browser}${isOwn ? ", this browser" : ""}, ${when}`;
  const badge = isOwn && html`
    <strong class="badge">This browser</strong>
  `;
  return html`
    <li>
      <span>${browser}${badge}<br>
        <small><time datetime="${signedInAt.toISOString()}">${when}</time></small></span>
      ${signOut("Sign out", name, "/sign-out", id)}
    </li>
  `;
}

function sessionList(name: string, own: string, all: readonly SignedIn[]): Html {
  return html`
    <section aria-labelledby="sessions">
      <h2 id="sessions">Where ${name} is signed in</h2>
      ${all.length > 0 && html`<ul>${all.map((one, i) => sessionItem(one, i + 1, own))}</ul>`}
      ${all.length > 1
        ? signOut(
          "Sign out all others",
          "Sign out all others: all other browsers",
          "/sign-out-others",
        )
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
    ? "You have no session yet: there is nothing to store."
    : `Your session ends ${utc(session.deadline)}, or after an hour without use.`;
  return document(
    "Sessions in an SQL database",
    html`
      <h1>Hello, ${name ?? "visitor"}</h1>
      <p>This page keeps what it knows about you in a session. The sessions are stored in
        ${database}. Open the page in a second browser, sign in with the same name, and sign one
        browser out from the other.</p>
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
