// What EncryptedStore adds to each call of the store beneath it, in microseconds of the processor.
//
//   deno run -A benches/encryption.ts [--bytes 300]
//   deno run -A benches/encryption.ts --nonces 1000000    counts the nonces of so many contents

import { Buffer } from "node:buffer";
import { createCipheriv, randomBytes } from "node:crypto";
import process from "node:process";
import { parseArgs } from "node:util";
import { EncryptedStore } from "../src/encryption/mod.ts";
import { MemoryStore } from "../src/store/memory_store.ts";
import type { FullSessionStore } from "../src/store/store.ts";
import { median } from "./measure.ts";

const CALLS = 5000;
const ROUNDS = 9;
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

async function measureCalls(): Promise<void> {
  const data = [randomBytes(Number(values.bytes)), randomBytes(Number(values.bytes))] as const;
  const stores: readonly FullSessionStore[] = [
    new MemoryStore(),
    new EncryptedStore(new MemoryStore(), { keys }),
  ];
  const cipher = (): void => {
    const cipher = createCipheriv("aes-256-gcm", keys[0]!, Buffer.alloc(12));
    cipher.update(data[0]);
    cipher.final();
    cipher.getAuthTag();
  };
  const token = (i: number): string => `token-of-a-session-${i % SESSIONS}`;
  const calls = {
    commit: (store: FullSessionStore, i: number) => store.commit(token(i), data[0], expiry),
    find: (store: FullSessionStore, i: number) => store.find(token(i)),
    // Back and forth, so that each one finds what it expects.
    replace: (store: FullSessionStore, i: number) => {
      const turn = Math.floor(i / SESSIONS) % 2;
      return store.replace(token(i), data[turn]!, data[1 - turn]!, expiry);
    },
    touch: (store: FullSessionStore, i: number) => store.touch(token(i), expiry),
  };
  for (const [name, call] of Object.entries(calls)) {
    const [bare, encrypted, aes]: [number[], number[], number[]] = [[], [], []];
    for (let round = 0; round <= ROUNDS; round++) {
      const [one, another] = [
        await time((i) => call(stores[0]!, i)),
        await time((i) => call(stores[1]!, i)),
      ];
      const gcm = await time(cipher);
      if (round === 0) continue; // warms up
      bare.push(one);
      encrypted.push(another);
      aes.push(gcm);
    }
    const [one, another] = [median(bare), median(encrypted)];
    console.log(
      `${name.padEnd(8)} ${one.toFixed(1)} -> ${another.toFixed(1)} us: ` +
        `${(another - one).toFixed(1)} us more (one bare AES-256-GCM: ${
          median(aes).toFixed(1)
        } us)`,
    );
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

if (values.nonces === undefined) await measureCalls();
else await countNonces(Number(values.nonces));
