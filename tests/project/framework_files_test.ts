// The files of examples/frameworks/ for frameworks that are not installed, called as these call them.

import assert from "node:assert/strict";
import process from "node:process";
import type { Session } from "../../src/manager/mod.ts";
import type { State } from "../../examples/frameworks/fresh/middleware.ts";
import type { Values } from "../../examples/frameworks/sessions.ts";
import { withFolder } from "../support/folder.ts";
import { Visitor } from "../support/visitor.ts";

const isDeno = "deno" in process.versions;

function view(session: Session<Values>): string {
  session.put("views", (session.get("views") ?? 0) + 1);
  return `View ${session.get("views")}`;
}

async function testSvelteKit(): Promise<void> {
  const { handle, handleError } = await import(
    "../../examples/frameworks/sveltekit/hooks.server.ts"
  );
  const visitor = new Visitor(async (request) => {
    const event = { request, locals: {} as { session?: Session<Values> } };
    const resolve = (): Response => {
      const text = view(event.locals.session!);
      if (!request.url.endsWith("/throw")) return new Response(text);
      handleError({ event });
      return new Response("Internal Error", { status: 500 });
    };
    return await handle({ event, resolve });
  });
  assert.equal(await visitor.text("/"), "View 1");
  assert.equal(await visitor.text("/"), "View 2");
  assert.equal(await visitor.text("/throw"), "Internal Error");
  assert.equal(await visitor.text("/"), "View 3");
  assert.equal(visitor.cookies.size, 1);
}

async function testFresh(): Promise<void> {
  const { default: middleware } = await import("../../examples/frameworks/fresh/middleware.ts");
  const visitor = new Visitor(async (req) => {
    const state = {} as State;
    const next = async (): Promise<Response> => {
      const text = await Promise.resolve(view(state.session));
      if (req.url.endsWith("/throw")) throw new Error("the page throws");
      return new Response(text);
    };
    return await middleware({ req, state, next });
  });
  assert.equal(await visitor.text("/"), "View 1");
  assert.equal(await visitor.text("/"), "View 2");
  await assert.rejects(visitor.fetch("/throw"), { message: "the page throws" });
  assert.equal(await visitor.text("/"), "View 3");
  assert.equal(visitor.cookies.size, 1);
}

async function testNext(): Promise<void> {
  const { POST } = await import("../../examples/frameworks/next/route.ts");
  const { currentSession, signIn, signOut } = await import(
    "../../examples/frameworks/next/session.ts"
  );
  const { answer } = await import("../../examples/frameworks/next/stand_in.ts");
  const visitor = new Visitor(async (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/views") return await POST(request);
    return await answer(request, async () => {
      if (pathname === "/sign-in") return await signIn();
      if (pathname === "/sign-out") return await signOut();
      const session = await currentSession();
      return `${session.get("userId")} ${session.get("views")}`;
    });
  });
  assert.equal(await visitor.text("/"), "undefined undefined");
  assert.equal(visitor.cookies.size, 0);
  assert.equal(await visitor.text("/views"), '{"views":1}');
  assert.equal(await visitor.text("/views"), '{"views":2}');
  const before = visitor.clone();
  const response = await visitor.fetch("/sign-in");
  assert.deepEqual([response.status, response.headers.get("location")], [303, "/"]);
  assert.match(response.headers.getSetCookie().join(), /; HttpOnly; SameSite=lax$/i);
  assert.notEqual(visitor.cookies.get("session"), before.cookies.get("session"));
  assert.equal(await visitor.text("/"), "7 2");
  assert.equal(await before.text("/"), "undefined undefined");
  const signedIn = visitor.clone();
  await visitor.fetch("/sign-out");
  assert.equal(visitor.cookies.size, 0);
  assert.equal(await signedIn.text("/"), "undefined undefined");
}

Deno.test({
  name: "the files for SvelteKit, Fresh and Next.js keep a session, and save nothing of a failure" +
    (isDeno ? "" : " (ignored: the examples are Deno's)"),
  ignore: !isDeno,
  fn: () =>
    withFolder(async (folder) => {
      const before = process.cwd();
      // The examples keep their file in the current folder.
      process.chdir(folder);
      try {
        await testSvelteKit();
        await testFresh();
        await testNext();
      } finally {
        process.chdir(before);
      }
    }),
});
