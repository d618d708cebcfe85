// The main job, as a visitor sees it: `deno task demo`.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { shared, testOn } from "./databases.ts";
import { runScript } from "./run_script.ts";

const isDeno = "deno" in process.versions;
const ignored = isDeno ? "" : " (ignored: Deno.serve is Deno's)";

/** A visitor with a cookie jar of its own. */
class Visitor {
  readonly #address: string;
  cookie: string;

  constructor(address: string, cookie: string) {
    this.#address = address;
    this.cookie = cookie;
  }

  async get(path: string): Promise<string> {
    const response = await fetch(this.#address + path, { headers: { cookie: this.cookie } });
    const set = response.headers.get("set-cookie");
    if (set) this.cookie = set.split(";")[0]!;
    return await response.text();
  }
}

/** Starts the demo for the length of a test; `visit` brings a visitor, with a cookie from earlier or none. */
async function whileServing(
  args: string[],
  test: (visit: (cookie?: string) => Visitor) => Promise<void>,
): Promise<void> {
  const script = runScript("examples/demo.ts", "--port", "0", ...args);
  try {
    const address = await script.printed(/curl --cookie cookies (http:\/\/localhost:\d+)\/get/);
    await test((cookie = "") => new Visitor(address, cookie));
  } finally {
    script.process.kill();
    await script.ended;
  }
}

Deno.test({
  name: "the demo keeps its sessions across a restart" + ignored,
  ignore: !isDeno,
  fn: async () => {
    const directory = await mkdtemp(join(tmpdir(), "sequelize-store-"));
    const database = ["--database", `sqlite:${join(directory, "demo.sqlite")}`];
    try {
      let cookie = "";
      await whileServing(database, async (visit) => {
        const [visitor, other] = [visit(), visit()];
        assert.equal(await visitor.get("/get"), "");
        await visitor.get("/put");
        assert.equal(await visitor.get("/get"), "Hello from a session!");
        assert.equal(await other.get("/get"), "");
        cookie = visitor.cookie;
        assert.match(cookie, /^session=[\w-]{43}$/);
        assert.equal(await visitor.get("/elsewhere"), "Not Found\n");
      });
      await whileServing(database, async (visit) => {
        assert.equal(await visit(cookie).get("/get"), "Hello from a session!");
        // Session fixation: the store never knew this token.
        const fixed = visit("session=made-up");
        await fixed.get("/put");
        assert.notEqual(fixed.cookie, "session=made-up");
      });
    } finally {
      await rm(directory, { recursive: true });
    }
  },
});

if (isDeno) {
  testOn(shared, "the demo takes another database", async (database) => {
    await database.connect(async (sequelize, address) => {
      const url = database.dialect === "sqlite" ? `sqlite:${address}` : address;
      try {
        await whileServing(["--database", url], async (visit) => {
          const visitor = visit();
          await visitor.get("/put");
          assert.equal(await visitor.get("/get"), "Hello from a session!");
        });
      } finally {
        await sequelize.getQueryInterface().dropTable("sessions");
      }
    });
  });
}

Deno.test({
  name: "the demo says in one line what is wrong" + ignored,
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
      "Cannot open the database nonsense: it is no URL, as postgres://host/name is\n": [
        "--database",
        "nonsense",
      ],
      "Cannot start the demo: --port must be an integer from 0 to 65535: received x\n": [
        "--port",
        "x",
      ],
    };
    for (const [line, args] of Object.entries(wrong)) {
      const { code, output } = await runScript("examples/demo.ts", ...args).ended;
      assert.deepEqual({ code, output }, { code: 1, output: line });
    }
  },
});
