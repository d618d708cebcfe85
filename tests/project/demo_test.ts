// The demo, `deno task demo`, as its visitors see it.

import assert from "node:assert/strict";
import { join } from "node:path";
import process from "node:process";
import { page, type Visitor as Values } from "../../examples/demo_page.ts";
import { SessionManager } from "../../src/manager/mod.ts";
import { fileOf, shared, testOn } from "../support/databases.ts";
import { withFolder } from "../support/folder.ts";
import { runScript, whileDemoRuns } from "../support/run_script.ts";
import { fetchFrom, Visitor } from "../support/visitor.ts";

/** How browsers introduce themselves: Firefox on Windows, Safari on an iPhone, and curl. */
const AGENTS = [
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
  "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) " +
  "Version/18.5 Mobile/15E148 Safari/604.1",
  "curl/8.5.0",
];

const isDeno = "deno" in process.versions;
const ignored = isDeno ? "" : " (ignored: Deno.serve is Deno's)";

/** Runs the demo during a test; `visit` makes a visitor, with earlier cookies or none. */
async function whileServing(
  args: readonly string[],
  test: (visit: (cookies?: Record<string, string>) => Visitor) => Promise<void>,
): Promise<void> {
  await whileDemoRuns(
    args,
    (address) => test((cookies) => new Visitor(fetchFrom(address), cookies)),
  );
}

Deno.test({
  name: "the demo keeps its sessions across a restart" + ignored,
  ignore: !isDeno,
  fn: () =>
    withFolder(async (folder) => {
      const database = ["--database", `sqlite:${join(folder, "demo.sqlite")}`];
      let token = "";
      await whileServing(database, async (visit) => {
        const [visitor, other] = [visit(), visit()];
        assert.equal(await visitor.text("/get"), "");
        await visitor.text("/put");
        assert.equal(await visitor.text("/get"), "Hello from a session!");
        assert.equal(await other.text("/get"), "");
        token = visitor.cookies.get("session")!;
        assert.match(token, /^[\w-]{43}$/);
        const missing = await visitor.fetch("/elsewhere");
        assert.equal(missing.status, 404);
        assert.match(await missing.text(), /<h1>Page not found<\/h1>.*<a href="\/">/s);
      });
      await whileServing(database, async (visit) => {
        assert.equal(await visit({ session: token }).text("/get"), "Hello from a session!");
        // Session fixation: the store never knew this token.
        const fixed = visit({ session: "x".repeat(43) });
        await fixed.text("/put");
        assert.notEqual(fixed.cookies.get("session"), "x".repeat(43));
      });
    }),
});

if (isDeno) {
  testOn(shared, "the demo can use another database", async (database) => {
    await database.connect(async (sequelize, address) => {
      const url = database.dialect === "sqlite" ? `sqlite:${fileOf(address)}` : address;
      try {
        await whileServing(["--database", url], async (visit) => {
          const visitor = visit();
          await visitor.text("/put");
          assert.equal(await visitor.text("/get"), "Hello from a session!");
        });
      } finally {
        await sequelize.getQueryInterface().dropTable("sessions");
      }
    });
  });
}

Deno.test({
  name: "the demo lists a user's sessions, and signs out of each and of all others" + ignored,
  ignore: !isDeno,
  fn: () =>
    whileServing(["--database", "sqlite::memory:"], async (visit) => {
      const post = (visitor: Visitor, path: string, body = ""): Promise<Response> =>
        visitor.fetch(path, { method: "POST", body });
      const ids = async (visitor: Visitor): Promise<string[]> =>
        [...(await visitor.text("/")).matchAll(/name="id" value="([\w-]+)"/g)].map(([, id]) => id!);
      const [one, two, three, other] = [visit(), visit(), visit(), visit()];
      for (const [i, visitor] of [one, two, three].entries()) {
        const response = await visitor.fetch("/sign-in", {
          method: "POST",
          body: "name=%3Cb%3EAda%3C%2Fb%3E",
          headers: { "user-agent": AGENTS[i]! },
        });
        assert.deepEqual([response.status, response.headers.get("location")], [303, "/"]);
      }
      await post(other, "/sign-in", "name=Bob");
      const html = await one.text("/");
      assert.match(html, /Hello, &lt;b&gt;Ada&lt;\/b&gt;/);
      assert.doesNotMatch(html, /<b>/);
      assert.match(html, /sessions in sqlite::memory:/);
      assert.match(html, /Firefox on Windows <strong class="badge">This browser<\/strong>/);
      assert.equal(html.match(/class="badge"/g)!.length, 1);
      for (
        const browser of ["1: Firefox on Windows, this browser", "2: Safari on iPhone", "3: curl"]
      ) {
        assert.match(html, new RegExp(`aria-label="Sign out of browser ${browser}"`));
      }
      const all = await ids(one);
      assert.equal(all.length, 3);
      const [bobs] = await ids(other);
      await post(one, "/sign-out", `id=${bobs}`);
      assert.match(await one.text("/"), /That browser was signed out\./);
      assert.match(await other.text("/"), /Hello, Bob/);
      await post(one, "/sign-out", `id=${all[1]}`);
      assert.match(await one.text("/"), /Signed out of 1 browser\./);
      assert.match(await two.text("/"), /Hello, visitor/);
      assert.deepEqual(await ids(one), [all[0], all[2]]);
      await post(three, "/sign-out-others");
      assert.match(await three.text("/"), /Signed out of 1 other browser\./);
      await post(three, "/sign-out-others");
      assert.match(await three.text("/"), /Signed out of 0 other browsers\./);
      assert.match(await one.text("/"), /Hello, visitor/);
      assert.deepEqual(await ids(three), [all[2]]);
      assert.match(await three.text("/"), /No other browser is signed in as &lt;b&gt;Ada/);
      await post(three, "/sign-out", `id=${all[2]}`);
      assert.match(await three.text("/"), /Hello, visitor.*You have signed out\./s);
    }),
});

Deno.test("the demo shows times as visitors in every time zone see them", async () => {
  const sessions = new SessionManager<Values>();
  const session = await sessions.load(undefined);
  session.put("name", "Ada");
  await sessions.commit(session);
  const ages = {
    "just now": 30_000,
    "1 minute ago": 90_000,
    "3 minutes ago": 180_000,
    "59 minutes ago": 3_570_000,
    "1 hour ago": 3_600_000,
    "23 hours ago": 86_300_000,
    "2 days ago": 2 * 86_400_000,
  };
  for (const [words, age] of Object.entries(ages)) {
    const signedInAt = new Date(Date.now() - age);
    const iso = signedInAt.toISOString();
    const { text } = page(session, [{ id: "id", browser: "curl", signedInAt }], "a database");
    const title = `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;
    assert.ok(text.includes(`<time datetime="${iso}" title="${title}">${words}</time>`), text);
    assert.match(text, /Your session ends <time [^>]*>in 24 hours<\/time>, or after an hour/);
  }
  session.deadline = new Date(Date.now() + 30_000);
  assert.match(page(session, [], "a database").text, /ends <time [^>]*>in \d\d seconds<\/time>/);
});

Deno.test({
  name: "the demo refuses invalid names, and other sites' forms" + ignored,
  ignore: !isDeno,
  fn: () =>
    whileServing(["--database", "sqlite::memory:"], async (visit) => {
      const visitor = visit();
      for (const name of ["", "+", "x".repeat(41), "a%0Ab"]) {
        await visitor.fetch("/sign-in", { method: "POST", body: `name=${name}` });
        const html = await visitor.text("/");
        assert.match(
          html,
          /<p class="error" id="name-error">Enter a name of 1 to 40 characters\.<\/p>/,
        );
        assert.match(html, /aria-describedby="name-hint name-error" aria-invalid="true" autofocus/);
        assert.doesNotMatch(await visitor.text("/"), /Enter a name/);
      }
      const headers = { "sec-fetch-site": "cross-site" };
      const response = await visitor.fetch("/count", { method: "POST", headers });
      assert.equal(response.status, 403);
      assert.match(await visitor.text("/"), /id="count">0</);
    }),
});

Deno.test({
  name: "the demo reports an error in one line" + ignored,
  ignore: !isDeno,
  fn: async () => {
    const wrong = {
      "Cannot open the database postgres://127.0.0.1:1/x: connect ECONNREFUSED 127.0.0.1:1\n": [
        "--database",
        "postgres://user:secret@127.0.0.1:1/x",
      ],
      "Cannot open the database mariadb://127.0.0.1:1/x: connect ECONNREFUSED 127.0.0.1:1\n": [
        "--database",
        "mariadb://user:secret@127.0.0.1:1/x",
      ],
      "Cannot open the database nonsense: not a URL such as postgres://host/name\n": [
        "--database",
        "nonsense",
      ],
      "Cannot start the demo: --port must be an integer from 0 to 65535: received x\n": [
        "--port",
        "x",
      ],
    };
    for (const [line, args] of Object.entries(wrong)) {
      const { code, output } = await runScript("examples/demo.ts", args).ended;
      assert.deepEqual({ code, output }, { code: 1, output: line });
    }
  },
});

Deno.test({
  name: "the demo says how it is used, and what to do if its port is taken" + ignored,
  ignore: !isDeno,
  fn: async () => {
    const help = await runScript("examples/demo.ts", ["--help"]).ended;
    assert.equal(help.code, 0);
    for (const option of ["--database", "--port", "--help"]) {
      assert.ok(help.output.includes(option));
    }
    const database = ["--database", "sqlite::memory:"];
    await whileDemoRuns(database, async (url) => {
      const { port } = new URL(url);
      const { code, output } = await runScript("examples/demo.ts", [...database, "--port", port])
        .ended;
      const next = Number(port) + 1;
      const line = `Cannot listen on port ${port}: it is in use. ` +
        `Choose another one: deno task demo --port ${next}\n`;
      assert.deepEqual({ code, output }, { code: 1, output: line });
    });
  },
});
