// What EncryptedStore adds to each call of the store beneath it, in microseconds of the processor.
//
//   deno run -A benches/encryption.ts [--bytes 300]
//   deno run -A benches/encryption.ts --nonces 1000000    counts the nonces of so many contents

import { Buffer } from "node:buffer";
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hash,
  randomBytes,
} from "node:crypto";
import process from "node:process";
import { parseArgs } from "node:util";
import { EncryptedStore } from "../src/encryption/mod.ts";
import { MemoryStore } from "../src/store/memory_store.ts";
import type { FullSessionStore } from "../src/store/store.ts";

const CALLS = 5000;
const ROUNDS = 20;
const SESSIONS = 500;

const { values } = parseArgs({
  options: {
    bytes: { type: "string", default: "300" },
    nonces: { type: "string" },
  },
});
const keys = [randomBytes(32)];
const expiry = new Date(Date.now() + 3_600_000);

/** The processor's time for a call, which other processes disturb less than the clock's. */
async function time(call: (i: number) => unknown): Promise<number> {
  const start = process.cpuUsage();
  for (let i = 0; i < CALLS; i++) await call(i);
  const { user, system } = process.cpuUsage(start);
  return (user + system) / CALLS;
}

/** Measures calls in turns. Takes the least of the rounds, because what else the machine does only adds to it. */
async function measure<Name extends string>(
  calls: Record<Name, (i: number) => unknown>,
): Promise<Record<Name, number>> {
  const names = Object.keys(calls) as Name[];
  const times = new Map(names.map((name) => [name, [] as number[]]));
  for (let round = 0; round <= ROUNDS; round++) {
    for (const name of names) {
      const duration = await time(calls[name]);
      if (round > 0) times.get(name)!.push(duration); // the first one warms up
    }
  }
  const least = names.map((name) => [name, Math.min(...times.get(name)!)]);
  return Object.fromEntries(least) as Record<Name, number>;
}

async function measureCalls(): Promise<void> {
  const data = [randomBytes(Number(values.bytes)), randomBytes(Number(values.bytes))] as const;
  const bare = new MemoryStore();
  const encrypted = new EncryptedStore(new MemoryStore(), { keys });
  const token = (i: number): string => `token-of-a-session-${i % SESSIONS}`;
  const turn = (i: number): number => Math.floor(i / SESSIONS) % 2;
  // A store keeps the keys of 1000 tokens, so these are always new ones.
  const newToken = (i: number): string => `new-token-of-a-session-${i % CALLS}`;
  const calls = {
    // Back and forth, because the same data as before is encrypted faster.
    commit: (store: FullSessionStore, i: number) => store.commit(token(i), data[turn(i)]!, expiry),
    find: (store: FullSessionStore, i: number) => store.find(token(i)),
    // So that each one finds what it expects.
    replace: (store: FullSessionStore, i: number) =>
      store.replace(token(i), data[1 - turn(i)]!, data[turn(i)]!, expiry),
    touch: (store: FullSessionStore, i: number) => store.touch(token(i), expiry),
    "commit of a new token": (store: FullSessionStore, i: number) =>
      store.commit(newToken(i), data[0], expiry),
    "find of a new token": (store: FullSessionStore, i: number) => store.find(newToken(i)),
  };
  for (const [name, call] of Object.entries(calls)) {
    const { one, another } = await measure({
      one: (i) => call(bare, i),
      another: (i) => call(encrypted, i),
    });
    const more = (another - one).toFixed(1);
    console.log(
      `${name.padEnd(22)} ${one.toFixed(1)} -> ${another.toFixed(1)} us: ${more} us more`,
    );
  }
}

/** Measures what node:crypto takes for the parts of a call, with what it is given prepared. */
async function measureParts(): Promise<void> {
  const [data, associated, nonce] = [
    randomBytes(Number(values.bytes)),
    randomBytes(51),
    randomBytes(12),
  ];
  const key = createSecretKey(keys[0]!);
  const bytes = randomBytes(Number(values.bytes) + 64);
  const options = { authTagLength: 16 };
  const encrypt = (): readonly [Uint8Array, Uint8Array] => {
    const cipher = createCipheriv("aes-256-gcm", key, nonce, options);
    cipher.setAAD(associated);
    const ciphertext = cipher.update(data);
    cipher.final();
    return [ciphertext, cipher.getAuthTag()];
  };
  const [ciphertext, tag] = encrypt();
  const parts = await measure({
    "AES-256-GCM, encryption": encrypt,
    "AES-256-GCM, decryption": () => {
      const decipher = createDecipheriv("aes-256-gcm", key, nonce, options);
      decipher.setAAD(associated);
      decipher.setAuthTag(tag);
      decipher.update(ciphertext);
      decipher.final();
    },
    "createHmac": () => createHmac("sha256", key).update(data).digest(),
    "the two hashes of an HMAC":
      () => [hash("sha256", bytes), hash("sha256", bytes.subarray(0, 96))],
  });
  for (const [name, duration] of Object.entries(parts)) {
    console.log(`${name.padEnd(25)} ${duration.toFixed(1)} us`);
  }
}

async function countNonces(count: number): Promise<void> {
  const rows = new MemoryStore();
  const store = new EncryptedStore(rows, { keys });
  const data = new Uint8Array(64);
  const view = new DataView(data.buffer);
  const nonces = new Set<string>();
  for (let i = 0; i < count; i++) {
    view.setUint32(i % 60, i);
    view.setUint32(60, i);
    await store.commit("token", data, expiry);
    nonces.add(Buffer.from((await rows.find("token"))!.data.subarray(8, 20)).toString("latin1"));
  }
  console.log(`${count} contents of one session have ${nonces.size} nonces`);
  if (nonces.size !== count) process.exitCode = 1;
}

if (values.nonces === undefined) {
  await measureCalls();
  await measureParts();
} else await countNonces(Number(values.nonces));
