import { Html } from "./html.ts";

/** The pages' style: borders of 3:1 and text of 4.5:1 or more in both themes, and targets of 44 pixels. */
export const STYLE: Html = new Html(`
  :root { color-scheme: light dark; --page: #fff; --text: #1b1b1b; --quiet: #575757; --line: #d4d4d4;
    --border: #767676; --accent: #2f6f4f; --soft: #e8f2ed; --error: #b3261e; }
  @media (prefers-color-scheme: dark) {
    :root { --page: #141414; --text: #ececec; --quiet: #a8a8a8; --line: #3d3d3d; --border: #8c8c8c;
      --soft: #1d2b24; --error: #ff8a80; }
  }
  * { box-sizing: border-box; }
  body { font: 16px/1.5 system-ui, sans-serif; background: var(--page); color: var(--text);
    max-width: 38rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
  h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .5rem; }
  h2 { font-size: 1.05rem; margin: 0 0 .5rem; }
  p { margin: 0 0 .75rem; }
  a { color: inherit; display: inline-flex; align-items: center; min-height: 44px; }
  section { border: 1px solid var(--line); border-radius: .75rem; padding: 1rem 1.25rem; margin: 1rem 0; }
  section > :last-child { margin-bottom: 0; }
  input, button { font: inherit; min-height: 44px; border: 1px solid var(--border);
    border-radius: .5rem; color: inherit; background: var(--page); }
  input[name="name"] { width: 100%; max-width: 20rem; padding: .4rem .6rem; }
  input[aria-invalid] { border: 2px solid var(--error); }
  input[type="checkbox"] { width: 1.25rem; min-height: 1.25rem; height: 1.25rem; margin: 0; flex: none;
    accent-color: var(--accent); }
  button { padding: .4rem .9rem; cursor: pointer; }
  button.main { border-color: var(--accent); background: var(--accent); color: #fff; }
  :focus-visible { outline: 3px solid var(--border); outline-offset: 2px; }
  label { display: block; font-weight: 600; }
  label.check { display: flex; align-items: center; gap: .6rem; min-height: 44px; font-weight: 400;
    margin: .25rem 0 .5rem; }
  .hint, small { color: var(--quiet); font-size: .875rem; }
  .error { color: var(--error); font-weight: 600; }
  .flash { border-color: var(--accent); background: var(--soft); }
  .badge { display: inline-block; font-size: .75rem; font-weight: 600; padding: 0 .5rem; border-radius: 1rem;
    border: 1px solid var(--accent); background: var(--soft); }
  .counter { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem 1rem; }
  dl { margin: 0; display: flex; align-items: baseline; gap: .5rem; }
  dd { margin: 0; font-size: 2rem; line-height: 1; font-variant-numeric: tabular-nums; }
  ol { list-style: none; margin: 0 0 1rem; padding: 0; }
  li { display: flex; justify-content: space-between; align-items: center; gap: .75rem; padding: .6rem 0;
    border-bottom: 1px solid var(--line); }
  li > form { flex: none; }
  small { display: block; }
  footer { color: var(--quiet); font-size: .875rem; }
`);
