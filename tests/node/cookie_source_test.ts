import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { SessionManager } from "../../src/manager/mod.ts";
import { cookieSource, type NodeRequest, nodeSessions } from "../../src/node/mod.ts";
import { rawRequest } from "../support/adapter_suite.ts";
import { whileServing } from "../support/node_server.ts";

type Values = Record<string, number>;

/** The `Set-Cookie` header of a session that begins with such a request. */
async function setCookieFor(
  headers: Record<string, string>,
  socket: object | undefined,
): Promise<string | undefined> {
  const sessions = new SessionManager<Values>();
  const request = { headers, socket } as unknown as NodeRequest;
  const session = await sessions.loadRequest(cookieSource(request));
  session.put("count", 1);
  await sessions.commit(session);
  return sessions.toSetCookie(session);
}

Deno.test("a request of node:http says how it came by its socket and its host", async () => {
  const [plain, encrypted] = [{}, { encrypted: true }];
  const every: [boolean, Record<string, string>, object | undefined][] = [
    [false, { host: "localhost:4000" }, plain],
    [false, { host: "127.0.0.1" }, undefined],
    [false, { ":authority": "localhost" }, plain],
    [true, { host: "localhost:4000" }, encrypted],
    [true, { host: "localhost:4000", "x-forwarded-proto": "https" }, plain],
    [true, { host: "example.com" }, plain],
    [true, { ":authority": "example.com", host: "localhost" }, plain],
    [true, {}, plain],
  ];
  for (const [isSecure, headers, socket] of every) {
    const setCookie = await setCookieFor(headers, socket);
    assert.equal(setCookie!.includes("; Secure"), isSecure, JSON.stringify([headers, socket]));
  }
});

Deno.test("cookieSource() brings the cookie, of the name in force", async () => {
  const sessions = new SessionManager<Values>({ cookie: { hostPrefix: true } });
  const session = await sessions.load(undefined);
  session.put("count", 1);
  await sessions.commit(session);
  const cookie = `session=${session.token}`;
  const load = async (host: string): Promise<number | undefined> => {
    const request = { headers: { host, cookie }, socket: {} } as unknown as NodeRequest;
    return (await sessions.loadRequest(cookieSource(request))).get("count");
  };
  assert.deepEqual([await load("localhost"), await load("example.com")], [1, undefined]);
});

Deno.test("behind node:http, the cookie is Secure except for a loopback host", async () => {
  const told: unknown[] = [];
  const sessions = new SessionManager<Values>({
    onError: (error, request) => void told.push([error, request]),
  });
  const middleware = nodeSessions(sessions);
  const handler = (request: IncomingMessage, response: ServerResponse): void =>
    void middleware(request, response, () => {
      const { session } = request as unknown as { session: { put(key: string, n: number): void } };
      session.put("count", 1);
      response.end();
    });
  await whileServing(handler, async (port) => {
    const isSecure = async (host: string, proto?: string): Promise<boolean> => {
      const headers = { host, ...(proto !== undefined && { "x-forwarded-proto": proto }) };
      const response = await rawRequest(port, "/", { headers });
      return response.headers.some(([name, value]) =>
        name === "set-cookie" && value.includes("; Secure")
      );
    };
    assert.equal(await isSecure(`localhost:${port}`), false);
    assert.equal(await isSecure(`127.0.0.1:${port}`), false);
    assert.equal(await isSecure("example.com"), true);
    assert.equal(await isSecure("localhost", "https"), true);
    assert.deepEqual(told, []);
    assert.equal(await isSecure("192.168.1.5"), true);
    assert.equal(await isSecure("box.local"), true);
    assert.equal(told.length, 1);
    assert.match(String(told), /browsers drop its cookie/);
  });
});
