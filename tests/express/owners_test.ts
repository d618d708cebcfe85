// Whose session is whose in an ExpressStore: listing an owner's sessions and ending them.

import assert from "node:assert/strict";
import {
  ExpressStore,
  type ExpressStoreOptions,
  type Owner,
  type StoredSession,
} from "../../src/express/mod.ts";
import { MemoryStore, type SessionStore } from "../../src/manager/mod.ts";
import { hashToken } from "../../src/store/token.ts";
import { inMs } from "../support/databases.ts";

const owner: ExpressStoreOptions["owner"] = (session) => session.passport?.user;

function newStore(inner = new MemoryStore(), options: ExpressStoreOptions = {}): ExpressStore {
  return new ExpressStore(inner, { owner, ...options });
}

function plain(user?: unknown, values: object = {}): StoredSession {
  const cookie = { originalMaxAge: 60_000, expires: inMs(60_000), path: "/" };
  return { cookie, ...(user === undefined ? {} : { passport: { user } }), ...values };
}

async function namesOf(store: ExpressStore, of: Owner): Promise<string[]> {
  return (await store.ofOwner(of)).map(({ name }) => name).sort();
}

Deno.test("ExpressStore finds and ends the sessions of one owner", async () => {
  const store = newStore();
  for (const name of ["a", "b", "c"]) await store.set(name, plain(7, { name }));
  await store.set("d", plain(8, { name: "d" }));
  await store.set("e", plain(undefined, { name: "e" }));
  assert.deepEqual(await namesOf(store, 7), ["a", "b", "c"]);
  assert.deepEqual(await namesOf(store, "7"), ["a", "b", "c"]);
  assert.deepEqual(await namesOf(store, 8n), ["d"]);
  const [first] = await store.ofOwner(7);
  assert.ok(first!.cookie.expires instanceof Date);
  assert.equal(await store.destroyOwned(7, { except: "b" }), 2);
  assert.deepEqual(await namesOf(store, 7), ["b"]);
  assert.equal(await store.destroyOwned(7), 1);
  assert.equal(await store.length(), 2);
});

Deno.test("an ExpressStore calls back with the sessions and with their number", async () => {
  const store = newStore();
  await store.set("a", plain(7));
  await store.set("b", plain(7));
  const outcome = (call: (callback: (error?: unknown, value?: unknown) => void) => unknown) =>
    new Promise((resolve, reject) => {
      call((error, value) => error ? reject(error) : resolve(value));
    });
  assert.equal((await outcome((done) => store.ofOwner(7, done)) as unknown[]).length, 2);
  assert.equal(await outcome((done) => store.destroyOwned(7, { except: "a" }, done)), 1);
  assert.equal(await outcome((done) => store.destroyOwned(7, done)), 1);
  assert.equal(await outcome((done) => store.destroyOwned(7, undefined, done)), 0);
  await assert.rejects(outcome((done) => store.destroyOwned("", done)), RangeError);
});

Deno.test("an ExpressStore moves a session whose user changes, also if requests run side by side", async () => {
  const inner = new MemoryStore();
  const store = newStore(inner);
  await store.set("sid", plain(undefined, { name: "s" }));
  const [one, other] = [(await store.get("sid"))!, (await store.get("sid"))!];
  one.passport = { user: 7 };
  await store.set("sid", one);
  assert.deepEqual(await namesOf(store, 7), ["s"]);
  // This request knows nothing of the user, and its values are merged into what the store holds.
  other.count = 1;
  await store.set("sid", other);
  assert.deepEqual(await namesOf(store, 7), ["s"]);
  const last = (await store.get("sid"))!;
  delete last.passport;
  await store.set("sid", last);
  assert.deepEqual(await namesOf(store, 7), []);
  assert.equal((await store.get("sid"))!.count, 1);
});

Deno.test("an ExpressStore's destroyed sessions stay destroyed", async () => {
  const store = newStore();
  await store.set("sid", plain(7));
  const [saved, touched] = [(await store.get("sid"))!, (await store.get("sid"))!];
  assert.equal(await store.destroyOwned(7), 1);
  saved.count = 1;
  await store.set("sid", saved);
  await store.touch("sid", touched);
  assert.equal(await store.get("sid"), undefined);
  assert.deepEqual(await store.ofOwner(7), []);
});

Deno.test("a touch tells an ExpressStore's store the owner that it does not know", async () => {
  const inner = new MemoryStore();
  const before = new ExpressStore(inner);
  await before.set("sid", plain(7));
  const store = newStore(inner);
  assert.deepEqual(await store.ofOwner(7), []);
  const loaded = (await store.get("sid"))!;
  await store.touch("sid", loaded);
  assert.equal((await store.ofOwner(7)).length, 1);
  const again = (await before.get("sid"))!;
  again.count = 1;
  await before.set("sid", again);
  assert.equal((await inner.find(hashToken("sid")))!.owner, "7");
});

Deno.test("an ExpressStore with 'owner' needs a store that knows owners, and good owners", async () => {
  const { find, commit, delete: remove } = new MemoryStore();
  const minimal: SessionStore = { find, commit, delete: remove };
  assert.throws(() => new ExpressStore(minimal, { owner }), {
    name: "TypeError",
    message: /^Cannot create the Express store: 'store' must be a store with entriesOf and delete/,
  });
  assert.throws(() => newStore(new MemoryStore(), { owner: "user" as never }), TypeError);
  const without = new ExpressStore(new MemoryStore());
  const message = /: the store's option 'owner' must be set$/;
  await assert.rejects(without.ofOwner(7), { name: "TypeError", message });
  await assert.rejects(without.destroyOwned(7), { name: "TypeError", message });
  const store = newStore();
  for (const user of [{}, true]) {
    await assert.rejects(store.set("sid", plain(user)), {
      name: "TypeError",
      message: /^Cannot set the session: 'owner\(session\)' must be 1 to 255 characters/,
    });
  }
  await assert.rejects(store.set("sid", plain("x".repeat(256))), RangeError);
  await assert.rejects(store.destroyOwned(7, { except: 1 as never }), TypeError);
  await assert.rejects(store.destroyOwned(7, { expect: "sid" } as never), TypeError);
  await assert.rejects(store.destroyOwned(undefined as never), TypeError);
  await store.set("sid", plain(null));
});
