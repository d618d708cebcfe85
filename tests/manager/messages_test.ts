// What the messages of errors say, and that they hold no data.

import assert from "node:assert/strict";
import { type Codec, devalueCodec, MemoryStore, SessionManager } from "../../src/manager/mod.ts";

type Values = Record<string, unknown>;

async function errorOf(value: unknown, codec: Codec = devalueCodec): Promise<Error> {
  const sessions = new SessionManager<Values>({ codec });
  const session = await sessions.load(undefined);
  session.put("user", value);
  return await sessions.commit(session).then(() => assert.fail("no error"), (error) => error);
}

function textOf(error: Error): string {
  const cause = error.cause as Error | undefined;
  return [error.name, error.message, error.stack, String(cause), cause?.stack].join("\n");
}

// Immer's drafts are such proxies once they are finished.
Deno.test("the path to a revoked proxy is in the message", async () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  assert.match((await errorOf({ draft: proxy })).message, /'user\.draft'/);
});

Deno.test("what a proxy throws is not in the message", async () => {
  const getPrototypeOf = (): never => {
    throw new Error("hunter2");
  };
  assert.doesNotMatch(textOf(await errorOf(new Proxy({}, { getPrototypeOf }))), /hunter2/);
});

Deno.test("data that a codec gives as text is not in the message of a merge", async () => {
  const store = new MemoryStore();
  const good = new SessionManager<Values>({ store });
  const [one, other] = [await good.load(undefined), await good.load(undefined)];
  one.put("a", 1);
  other.put("password", "hunter2");
  await good.commit(one);
  await good.commit(other);
  const codec = {
    encode: (content: Parameters<Codec["encode"]>[0]) =>
      JSON.stringify([...content.values].reverse()),
    decode: devalueCodec.decode,
  } as unknown as Codec;
  const bad = new SessionManager<Values>({ store, codec });
  const session = await bad.load(one.token);
  await session.merge(other.token!);
  const error: Error = await bad.commit(session).then(() => assert.fail(), (error) => error);
  assert.doesNotMatch(textOf(error), /hunter2/);
});

Deno.test("the name of a codec's error is not in the message if it is no class's name", async () => {
  const encode = (): never => {
    throw Object.assign(new Error("wrong"), { name: "Bad value hunter2" });
  };
  const error = await errorOf("hunter2", { ...devalueCodec, encode });
  assert.doesNotMatch(textOf(error), /hunter2/);
});
