// Runs the programs in examples/frameworks/ unchanged, over HTTP.

import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { io } from "socket.io-client";
import { withFolder } from "../support/folder.ts";
import { whileExampleRuns } from "../support/run_script.ts";
import { fetchFrom, Visitor } from "../support/visitor.ts";

const FOLDER = "examples/frameworks";
const isDeno = "deno" in process.versions;
const reason = isDeno ? "" : " (ignored: the examples are Deno's)";

const files = await readdir(fileURLToPath(new URL(`../../${FOLDER}`, import.meta.url)));

const programs = files.filter((file) => file.endsWith(".ts") && file !== "sessions.ts");
for (const file of programs.sort()) {
  Deno.test({
    name: `${FOLDER}/${file} counts views, signs out, and survives a restart${reason}`,
    ignore: !isDeno,
    fn: () =>
      withFolder(async (folder) => {
        const cookies: Record<string, string> = {};
        await whileExampleRuns(`${FOLDER}/${file}`, folder, async (address) => {
          const visitor = new Visitor(fetchFrom(address));
          assert.equal(await visitor.text("/"), "View 1\n");
          const response = await visitor.fetch("/");
          assert.equal(await response.text(), "View 2\n");
          // express-session leaves the header to the application.
          if (!file.includes("express_session")) {
            assert.match(response.headers.get("vary") ?? "", /\bcookie\b/i);
          }
          assert.equal(await new Visitor(fetchFrom(address)).text("/"), "View 1\n");
          Object.assign(cookies, Object.fromEntries(visitor.cookies));
        });
        await whileExampleRuns(`${FOLDER}/${file}`, folder, async (address) => {
          const visitor = new Visitor(fetchFrom(address), cookies);
          assert.equal(await visitor.text("/"), "View 3\n");
          const response = await visitor.fetch("/sign-out", { method: "POST" });
          assert.deepEqual([response.status, response.headers.get("location")], [302, "/"]);
          await response.body?.cancel();
          // express-session leaves the cookie there, which no session has any more.
          if (!file.includes("express_session")) {
            assert.equal(visitor.cookies.get("session"), undefined);
          }
          assert.equal(await visitor.text("/"), "View 1\n");
        });
      }),
  });
}

/** Calls `test` with the address of an example, a visitor with a session there, and its cookie. */
async function withVisitor(
  file: string,
  test: (address: string, visitor: Visitor, cookie: string) => Promise<void>,
): Promise<void> {
  await withFolder((folder) =>
    whileExampleRuns(`${FOLDER}/${file}`, folder, async (address) => {
      const visitor = new Visitor(fetchFrom(address));
      await visitor.text("/");
      await test(address, visitor, `session=${visitor.cookies.get("session")}`);
    })
  );
}

for (const transports of [["polling"], ["websocket"]]) {
  Deno.test({
    name: `${FOLDER}/socket_io.ts trusts no session that was signed out (${transports})${reason}`,
    ignore: !isDeno,
    fn: () =>
      withVisitor("socket_io.ts", async (address, visitor, cookie) => {
        const stranger = io(address, { transports, reconnection: false, forceNew: true });
        const refusal = await new Promise<Error>((resolve) =>
          stranger.on("connect_error", resolve)
        );
        assert.match(refusal.message, /sign in first/);
        stranger.close();

        const socket = io(address, {
          transports,
          reconnection: false,
          forceNew: true,
          extraHeaders: { cookie },
        });
        await new Promise((resolve, reject) => {
          socket.on("connect", () => resolve(undefined));
          socket.on("connect_error", reject);
        });
        assert.equal(await socket.emitWithAck("views"), 1);
        await visitor.clone().text("/");
        assert.equal(await socket.emitWithAck("views"), 2);
        await (await visitor.fetch("/sign-out", { method: "POST" })).body?.cancel();
        const closed = new Promise((resolve) => socket.on("disconnect", resolve));
        socket.emit("views", () => {});
        assert.equal(await closed, "io server disconnect");
        socket.close();
      }),
  });
}

Deno.test({
  name: `${FOLDER}/ws.ts trusts no session that was signed out${reason}`,
  ignore: !isDeno,
  fn: () =>
    withVisitor("ws.ts", async (address, visitor, cookie) => {
      const { WebSocket } = await import("ws");
      const url = address.replace("http", "ws");
      const stranger = new WebSocket(url);
      const refusal = await new Promise<Error>((resolve) => stranger.on("error", resolve));
      assert.match(refusal.message, /401/);

      const socket = new WebSocket(url, { headers: { cookie } });
      await new Promise((resolve) => socket.on("open", () => resolve(undefined)));
      const ask = async (): Promise<string> => {
        const answer = new Promise<string>((resolve) =>
          socket.once("message", (data: unknown) => resolve(String(data)))
        );
        socket.send("views");
        return await answer;
      };
      assert.equal(await ask(), "1");
      await visitor.clone().text("/");
      assert.equal(await ask(), "2");
      await (await visitor.fetch("/sign-out", { method: "POST" })).body?.cancel();
      const closed = new Promise((resolve) => socket.once("close", resolve));
      socket.send("views");
      assert.equal(await closed, 4401);
    }),
});

Deno.test({
  name: `${FOLDER}/passport.ts signs in with the right password only, and out again${reason}`,
  ignore: !isDeno,
  fn: () =>
    withVisitor("passport.ts", async (address, visitor) => {
      const signIn = async (password: string): Promise<number> => {
        const response = await visitor.fetch("/sign-in", {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ name: "Ada", password }),
        });
        await response.body?.cancel();
        return response.status;
      };
      const before = visitor.clone();
      assert.equal(await signIn("wrong"), 401);
      assert.equal(await visitor.text("/user"), "nobody\n");
      assert.equal(await signIn("correct horse"), 302);
      assert.notEqual(visitor.cookies.get("session"), before.cookies.get("session"));
      assert.equal(await visitor.text("/user"), "Ada\n");
      // What the visitor had stays, under the new token alone.
      assert.equal(await visitor.text("/"), "View 2\n");
      assert.equal(await before.text("/user"), "nobody\n");
      assert.equal(await new Visitor(fetchFrom(address)).text("/user"), "nobody\n");

      const signedIn = visitor.clone();
      await (await visitor.fetch("/sign-out", { method: "POST" })).body?.cancel();
      assert.equal(await visitor.text("/user"), "nobody\n");
      assert.equal(await signedIn.text("/user"), "nobody\n");
    }),
});
