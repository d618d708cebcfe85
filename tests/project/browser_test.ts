// Sessions in a real browser: Debian's Chromium, driven by Playwright.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import axe, { type AxeResults } from "axe-core";
import {
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
} from "playwright-core";
import { createDemo } from "../../examples/demo_app.ts";
import type { Visitor } from "../../examples/demo_page.ts";
import { MemoryStore, type SessionCookieOptions, SessionManager } from "../../src/manager/mod.ts";
import { withFolder } from "../support/folder.ts";
import { gate } from "../support/gate.ts";
import { whileDemoRuns } from "../support/run_script.ts";

const EXECUTABLE = process.env.TEST_CHROMIUM ?? "/usr/bin/chromium";

const LAUNCH_OPTIONS = {
  executablePath: EXECUTABLE,
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
};

const ignored = !("deno" in process.versions)
  ? " (ignored: Deno.serve is Deno's)"
  : existsSync(EXECUTABLE)
  ? ""
  : ` (ignored: there is no ${EXECUTABLE}, and TEST_CHROMIUM is not set)`;

function testInBrowser(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `Chromium: ${name}${ignored}`, ignore: ignored !== "", fn });
}

type Handler = (request: Request) => Promise<Response>;

/** Serves `handler` on a free port during a test. */
async function whileServing(handler: Handler, test: (url: string) => Promise<void>): Promise<void> {
  const server = Deno.serve({ port: 0, onListen: () => {} }, handler);
  try {
    await test(`http://localhost:${server.addr.port}`);
  } finally {
    await server.shutdown();
  }
}

/** Runs a test with a browser, and a function that makes a new profile. */
async function withBrowser(
  test: (newProfile: (options?: BrowserContextOptions) => Promise<BrowserContext>) => Promise<void>,
): Promise<void> {
  const browser = await chromium.launch(LAUNCH_OPTIONS);
  try {
    await test((options) => browser.newContext(options));
  } finally {
    await browser.close();
  }
}

/** Runs a test with a browser on a profile's folder, and closes the browser. */
async function withProfile<T>(folder: string, use: (page: Page) => Promise<T>): Promise<T> {
  const context = await chromium.launchPersistentContext(folder, LAUNCH_OPTIONS);
  try {
    return await use(await context.newPage());
  } finally {
    await context.close();
  }
}

function newDemo(): { readonly handler: Handler; readonly sessions: SessionManager<Visitor> } {
  const sessions = new SessionManager<Visitor>({
    owner: ({ name }) => name,
    cookie: { persist: false },
  });
  return { handler: createDemo(sessions), sessions };
}

/** Serves the demo during a test, with a function that opens a page in a profile of its own. */
async function onDemo(
  test: (url: string, newPage: () => Promise<Page>) => Promise<void>,
): Promise<void> {
  await whileServing(
    newDemo().handler,
    (url) =>
      withBrowser((newProfile) => test(url, async () => await (await newProfile()).newPage())),
  );
}

async function signIn(page: Page, url: string, name: string, remember = false): Promise<void> {
  await page.goto(url);
  await page.fill("[name=name]", name);
  if (remember) await page.check("[name=remember]");
  await page.click("button:text-is('Sign in')");
}

async function heading(page: Page, url: string): Promise<string | null> {
  await page.goto(url);
  return await page.textContent("h1");
}

testInBrowser("keeps every cookie that the manager accepts, with its attributes", async () => {
  const wanted: (SessionCookieOptions & { readonly name: string })[] = [
    { name: "plain" },
    { name: "strict", sameSite: "strict", httpOnly: false, persist: false },
    { name: "none", sameSite: "none", secure: true },
    { name: "!#$%&'*+-.^_`|~" },
    { name: "path", path: "/sub" },
    { name: "__Secure-x", secure: true, path: "/sub" },
    { name: "__Host-x", secure: true },
    { name: "__Http-x", secure: true, path: "/sub" },
    { name: "__Host-Http-x", secure: true },
    { name: "__Host-partitioned", secure: true, sameSite: "none", partitioned: true },
    { name: "__Host-default" },
    { name: "none-default", sameSite: "none" },
    { name: "prefixed", hostPrefix: true },
    { name: "remembered", persist: false },
  ];
  const store = new MemoryStore();
  const handler = wanted.reduce<Handler>((inner, cookie) => {
    const sessions = new SessionManager({ store, cookie, lifetime: 3_600_000 });
    return sessions.loadAndSave((request, session) => {
      const { pathname } = new URL(request.url);
      if (pathname === "/sub/put") session.put("key", 1);
      if (pathname === "/sub/destroy") session.destroy();
      if (pathname.startsWith("/sub/") && cookie.name === "remembered") session.rememberMe(true);
      return inner(request);
    });
  }, () => Promise.resolve(new Response()));
  await whileServing(handler, (url) =>
    withBrowser(async (newProfile) => {
      const profile = await newProfile();
      const page = await profile.newPage();
      await page.goto(`${url}/sub/put`);
      const cookies = new Map((await profile.cookies(`${url}/sub/put`)).map((c) => [c.name, c]));
      for (const { name, path = "/", ...cookie } of wanted) {
        const kept = cookies.get(name);
        assert.ok(kept, `${name} was dropped`);
        assert.equal(kept.domain, "localhost");
        assert.equal(kept.path, path);
        assert.equal(kept.httpOnly, cookie.httpOnly ?? true);
        const isAlways = cookie.sameSite === "none" || name.startsWith("__");
        assert.equal(kept.secure, cookie.secure ?? isAlways);
        assert.equal(kept.sameSite.toLowerCase(), cookie.sameSite ?? "lax");
        assert.equal(kept.partitionKey !== undefined, cookie.partitioned ?? false);
        const seconds = kept.expires - Date.now() / 1000;
        if (cookie.persist === false && name !== "remembered") assert.equal(kept.expires, -1);
        else assert.ok(seconds > 3500 && seconds <= 3601, `${name} is kept for ${seconds} s`);
      }
      assert.equal(cookies.size, wanted.length);
      await page.goto(`${url}/sub/destroy`);
      // This session is destroyed and then set to be remembered: it begins anew.
      const left = await profile.cookies(`${url}/sub/put`);
      assert.deepEqual(left.map(({ name }) => name), ["remembered"]);
    }));
});

testInBrowser("signs in, is redirected, and sees the message once", async () => {
  await onDemo(async (url, newPage) => {
    const page = await newPage();
    await page.goto(url);
    await page.click("button:text-is('Count')");
    const [before] = await page.context().cookies();
    await signIn(page, url, "Ada");
    assert.equal(page.url(), `${url}/`);
    assert.equal(await page.textContent("h1"), "Hello, Ada");
    assert.equal(await page.textContent("[role=status]"), "Welcome, Ada.");
    assert.equal(await page.textContent("#count"), "1");
    await page.reload();
    assert.equal(await page.textContent("h1"), "Hello, Ada");
    assert.equal(await page.locator("[role=status]").count(), 0);
    const [after] = await page.context().cookies();
    assert.notEqual(after!.value, before!.value);
    assert.equal(await page.evaluate("document.cookie"), "");
  });
});

testInBrowser("two profiles do not see each other", async () => {
  await onDemo(async (url, newPage) => {
    const [ada, bob] = [await newPage(), await newPage()];
    await signIn(ada, url, "Ada");
    await signIn(bob, url, "Bob");
    assert.equal(await heading(ada, url), "Hello, Ada");
    assert.equal(await heading(bob, url), "Hello, Bob");
    await bob.click("text=Sign out");
    assert.equal(await bob.textContent("h1"), "Hello, visitor");
    assert.equal(await heading(ada, url), "Hello, Ada");
  });
});

testInBrowser("a user signs another browser out", async () => {
  await onDemo(async (url, newPage) => {
    const [one, other] = [await newPage(), await newPage()];
    await signIn(one, url, "Ada");
    await signIn(other, url, "Ada");
    assert.equal(await one.locator("li").count(), 1);
    await one.reload();
    assert.equal(await one.locator("li").count(), 2);
    assert.match(
      (await one.textContent("li:last-child"))!,
      /Chrome on Linux\s*Signed in just now/,
    );
    assert.equal(await one.textContent("li:first-child .badge"), "This browser");
    // Each button can be told apart by its name alone.
    for (
      const name of [
        "Sign out of browser 1: Chrome on Linux, this browser",
        "Sign out of browser 2: Chrome on Linux",
        "Sign out all others",
      ]
    ) {
      assert.equal(await one.getByRole("button", { name, exact: true }).count(), 1, name);
    }
    await one.click("text=Sign out all others");
    assert.equal(await one.textContent("h1"), "Hello, Ada");
    assert.equal(await one.textContent("[role=status]"), "Signed out of 1 other browser.");
    assert.equal(await one.locator("li").count(), 1);
    assert.equal(await heading(other, url), "Hello, visitor");
  });
});

/** Runs in a page: lists targets of less than 44 px, and borders of less than 3:1 to the page's background. */
const MEASURE = `(() => {
  const channels = (color) => color.match(/[\\d.]+/g).slice(0, 3).map((value) => value / 255);
  const luminance = (color) => {
    const [r, g, b] = channels(color).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const page = getComputedStyle(document.body).backgroundColor;
  return [...document.querySelectorAll("a, button, input:not([type=hidden])")].flatMap((each) => {
    const { width, height } = (each.closest("label") ?? each).getBoundingClientRect();
    const faults = Math.min(width, height) < 44 ? [width + " x " + height + " px: " + each.outerHTML] : [];
    if (each.tagName === "A") return faults;
    const ratio = contrast(getComputedStyle(each).borderTopColor, page);
    return ratio < 3 ? [...faults, "border of " + ratio + ":1: " + each.outerHTML] : faults;
  });
})()`;

/** Returns what axe-core finds wrong with a page, whether it is wider than the window, and what is hard to see or hit. */
async function faultsOf(page: Page): Promise<string[]> {
  await page.addScriptTag({ content: axe.source });
  const { violations } = await page.evaluate<AxeResults>("axe.run()");
  const faults = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html)}`);
  const width = await page.evaluate<number>("document.documentElement.scrollWidth");
  if (width > page.viewportSize()!.width) faults.push(`${width} px wide`);
  return [...faults, ...await page.evaluate<string[]>(MEASURE)];
}

// 40 characters between which no line can break, and letters that are among the widest.
const LONG_NAME = "W".repeat(40);

testInBrowser(
  "the demo's pages are accessible in both themes, on small and large screens",
  async () => {
    // The pages forbid scripts. axe-core is one.
    const { handler } = newDemo();
    await whileServing(handler, (url) =>
      withBrowser(async (newProfile) => {
        for (const colorScheme of ["light", "dark"] as const) {
          for (const width of [320, 768, 1280]) {
            const profile = await newProfile({
              colorScheme,
              viewport: { width, height: 800 },
              bypassCSP: true,
            });
            const page = await profile.newPage();
            const check = async (what: string): Promise<void> =>
              assert.deepEqual(await faultsOf(page), [], `${what}, ${colorScheme}, ${width} px`);
            await page.goto(url);
            await check("a visitor's page");
            await page.fill("[name=name]", " ");
            await page.click("button:text-is('Sign in')");
            await check("an error");
            assert.equal(await page.evaluate("document.activeElement.name"), "name");
            await signIn(page, url, LONG_NAME);
            await check("a user's page");
            await page.reload();
            await check("a user's page without a message");
            await page.goto(`${url}/elsewhere`);
            await check("a page that is missing");
            await page.click("text=Go to the demo");
            assert.equal(await page.textContent("h1"), `Hello, ${LONG_NAME}`);
            await profile.close();
          }
        }
      }));
  },
);

testInBrowser("signing out in one tab is not undone by a slow request in another", async () => {
  const { handler: demo, sessions } = newDemo();
  const [entered, left] = [gate(), gate()];
  const slow = sessions.loadAndSave(async (_, session) => {
    entered.open();
    await left.opened;
    session.put("message", "slow");
    return new Response(`slow ${session.get("name")}`);
  });
  const signOut = sessions.loadAndSave((_, session) => {
    session.destroy();
    return new Response("signed out");
  });
  const handler: Handler = (request) => {
    const { pathname } = new URL(request.url);
    return pathname === "/slow"
      ? slow(request)
      : pathname === "/out"
      ? signOut(request)
      : demo(request);
  };
  await whileServing(handler, (url) =>
    withBrowser(async (newProfile) => {
      const profile = await newProfile();
      const [page, tab] = [await profile.newPage(), await profile.newPage()];
      await signIn(page, url, "Ada");
      const [cookie] = await profile.cookies();
      const response = tab.goto(`${url}/slow`);
      await entered.opened;
      await page.goto(`${url}/out`);
      left.open();
      await response;
      assert.equal(await tab.textContent("body"), "slow Ada");
      assert.deepEqual(await profile.cookies(), []);
      // The old cookie does not help either.
      await profile.addCookies([cookie!]);
      assert.equal(await heading(tab, url), "Hello, visitor");
      for await (const session of sessions.iterate()) assert.fail(session.keys().join());
    }));
});

testInBrowser("a restarted browser is signed in if the user asked to be remembered", async () => {
  await whileServing(newDemo().handler, async (url) => {
    for (const remember of [true, false]) {
      await withFolder(async (folder) => {
        await withProfile(folder, (page) => signIn(page, url, "Ada", remember));
        const again = await withProfile(folder, (page) => heading(page, url));
        assert.equal(again, remember ? "Hello, Ada" : "Hello, visitor");
      });
    }
  });
});

testInBrowser("a session survives a restart of the server", async () => {
  await withFolder((folder) =>
    withBrowser(async (newProfile) => {
      const page = await (await newProfile()).newPage();
      const database = ["--database", `sqlite:${join(folder, "demo.sqlite")}`];
      let port = "";
      await whileDemoRuns(database, async (url) => {
        port = new URL(url).port;
        await signIn(page, url, "Ada");
      });
      await whileDemoRuns([...database, "--port", port], async (url) => {
        assert.equal(await heading(page, url), "Hello, Ada");
      });
    })
  );
});
