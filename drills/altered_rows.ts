// Whether the duration of a find reveals how much of an encrypted row is right.

import { randomBytes } from "node:crypto";
import { EncryptedStore } from "../src/encryption/mod.ts";
import { MemoryStore } from "../src/manager/mod.ts";
import { percentile, type Row } from "./drill.ts";

const LOOKUPS = 20_000;

/** Which byte of an encrypted row is changed, of so many; `undefined`: none. */
const CHANGED: Readonly<Record<string, (length: number) => number | undefined>> = {
  "nothing": () => undefined,
  "the nonce": () => 8,
  "the tag's first byte": () => 20,
  "the tag's last byte": () => 35,
  "the data's first byte": () => 36,
  "the data's last byte": (length) => length - 1,
};

const MOVED = "the token";

/**
 * Finds encrypted rows in turns, of which all but one were changed or belong to another token, and compares the
 * durations with that of the latter. The right row differs from the others anyway: they are errors.
 */
export async function compareAlteredRows(): Promise<Row[]> {
  const rows = new MemoryStore();
  const store = new EncryptedStore(rows, { keys: [randomBytes(32)] });
  const expiry = new Date(Date.now() + 24 * 3_600_000);
  const content = randomBytes(300);
  const tokens = new Map<string, string>();
  for (const name of [MOVED, ...Object.keys(CHANGED)]) {
    const token = `token-${tokens.size}`;
    tokens.set(name, token);
    await store.commit(token, content, expiry);
    const { data } = (await rows.find(token))!;
    const place = CHANGED[name]?.(data.length);
    const changed = data.map((byte, i) => i === place ? byte ^ 1 : byte);
    await rows.commit(token, changed, expiry);
  }
  const { data: another } = (await rows.find(tokens.get("nothing")!))!;
  await rows.commit(tokens.get(MOVED)!, another, expiry);

  const times = new Map([...tokens.keys()].map((name) => [name, [] as number[]]));
  for (let i = 0; i < LOOKUPS; i++) {
    for (const [name, token] of tokens) {
      const start = performance.now();
      const isFound = await store.find(token).then(() => true, () => false);
      times.get(name)!.push((performance.now() - start) * 1000);
      if (isFound !== (name === "nothing")) throw new Error(`Wrong with another ${name}`);
    }
  }
  const median = (name: string): number => percentile(times.get(name)!, 50);
  return [...tokens.keys()].map((name) => ({
    input: `an encrypted row, changed: ${name}`,
    cases: `${LOOKUPS} lookups`,
    "p50 of the find, µs": median(name).toFixed(1),
    "ratio to another token's row": (median(name) / median(MOVED)).toFixed(2),
  }));
}
