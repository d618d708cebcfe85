// The channel of node:diagnostics_channel that tells about each statement.

import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { StatementMessage } from "../../mod.ts";
import { beforeEachQuery, passingError } from "../support/before_each_query.ts";
import { bytes, databases, inMs, soon, testOn, withStore } from "../support/databases.ts";
import { everyVerb } from "../support/every_verb.ts";

const CHANNEL = "scs:sequelize-store:statement";

/** Collects what the channel tells while something is done. */
async function messagesOf(act: () => Promise<unknown>): Promise<StatementMessage[]> {
  const messages: StatementMessage[] = [];
  const listener = (message: unknown): void => {
    messages.push(message as StatementMessage);
  };
  subscribe(CHANNEL, listener);
  try {
    await act();
  } finally {
    unsubscribe(CHANNEL, listener);
  }
  return messages;
}

testOn(databases, "the channel tells about each statement of each method", async (database) => {
  await withStore(database, async ({ store, sequelize }) => {
    const data = bytes("data");
    const verbs = async (act: () => Promise<unknown>): Promise<string[]> => {
      const messages = await messagesOf(act);
      for (const { duration, ...message } of messages) {
        assert.ok(duration > 0 && duration < 60_000, `${duration}`);
        assert.deepEqual(message, {
          verb: message.verb,
          calls: 1,
          error: undefined,
          dialect: database.dialect,
          tableName: store.model.tableName,
        });
      }
      return messages.map(({ verb }) => verb);
    };
    const owner = "u";
    assert.deepEqual(await verbs(() => store.commit("a", data, soon(), { owner })), ["commit"]);
    assert.deepEqual(await verbs(() => store.find("a")), ["find"]);
    assert.deepEqual(await verbs(() => store.replace("a", data, data, soon())), ["replace"]);
    assert.deepEqual(await verbs(() => store.touch("a", soon())), ["touch"]);
    assert.deepEqual(await verbs(() => store.delete("missing")), ["delete"]);
    assert.deepEqual(await verbs(() => store.all()), ["all"]);
    assert.deepEqual(await verbs(() => Array.fromAsync(store.entries())), ["entries"]);
    const ofOwner = await verbs(() => Array.fromAsync(store.entriesOf(owner)));
    assert.deepEqual(ofOwner, ["entriesOf"]);
    assert.deepEqual(await verbs(() => store.deleteOwned(owner)), ["deleteOwned"]);
    await store.commit("expired", data, inMs(-1));
    const cleanup = ["deleteExpired", "deleteExpired"];
    assert.deepEqual(await verbs(() => store.deleteExpired()), cleanup);
    const inTransaction = (): Promise<unknown> =>
      sequelize.transaction((transaction) => store.find("a", { transaction }));
    assert.deepEqual(await verbs(inTransaction), ["find"]);
  }, { owners: true });
});

testOn(databases, "the channel tells how many calls share a statement", async (database) => {
  await withStore(database, async ({ store }) => {
    const tokens = Array.from({ length: 12 }, (_, i) => `token${i % 10}`);
    const messages = await messagesOf(() => Promise.all(tokens.map((token) => store.find(token))));
    assert.deepEqual(messages.map(({ verb, calls }) => [verb, calls]), [["find", 12]]);
  });
});

testOn(databases, "what the channel tells holds no token, no data, no owner", async (database) => {
  await withStore(database, async ({ store }) => {
    const secret = "a-secret";
    const messages = await messagesOf(async () => {
      await store.commit(secret, bytes(secret), soon(), { owner: secret });
      await Promise.all([store.find(secret), store.find("other")]);
      await store.replace(secret, bytes(secret), bytes(`${secret}2`), soon());
      await store.deleteOwned(secret);
      await everyVerb(store, { tokens: [secret, `${secret}2`] });
    });
    assert.ok(messages.length > 20);
    const names = ["calls", "dialect", "duration", "error", "tableName", "verb"];
    for (const message of messages) {
      assert.deepEqual(Object.keys(message).sort(), names);
      for (const value of Object.values(message)) {
        assert.ok(["number", "string", "undefined"].includes(typeof value));
        assert.ok(!String(value).includes(secret), String(value));
      }
    }
  }, { owners: true });
});

testOn(databases, "the channel names the error of a statement that failed", async (database) => {
  await withStore(database, async ({ store }) => {
    await store.model.drop();
    const messages = await messagesOf(() => assert.rejects(store.find("token")));
    assert.deepEqual(messages.map(({ verb, calls, error }) => ({ verb, calls, error })), [
      { verb: "find", calls: 1, error: "SequelizeDatabaseError" },
    ]);
  });
});

testOn(databases, "the channel tells about a statement each time it is sent", async (database) => {
  await withStore(database, async ({ store }) => {
    let isFirst = true;
    // deno-lint-ignore require-await -- rejects, as a query does
    beforeEachQuery(store, async () => {
      if (!isFirst) return;
      isFirst = false;
      throw passingError(database);
    });
    const messages = await messagesOf(() => store.commit("token", bytes("data"), soon()));
    assert.deepEqual(messages.map(({ error }) => error), ["SequelizeDatabaseError", undefined]);
  });
});
