// Adds one to a few sessions again and again, as requests do, and prints how often.
//
//   incrementer.ts ADDRESS TABLE MILLISECONDS

import process from "node:process";
import { SequelizeStore } from "../../mod.ts";
import { bytes, DRIVER, inMs, open, text } from "../support/databases.ts";

const HOT = 4;
const CALLERS = 16;

const [address, tableName, ms] = process.argv.slice(2);
const sequelize = open(address!);
const store = await SequelizeStore.open(sequelize, { ...DRIVER, tableName, cleanupInterval: 0 });
const end = Date.now() + Number(ms);
let [added, failed, conflicts] = [0, 0, 0];

/** Finds a session and replaces its data; starts over if it loses a race. */
async function addOne(token: string): Promise<void> {
  try {
    for (;;) {
      const { data } = (await store.find(token))!;
      const next = bytes(String(Number(text(data)) + 1));
      if (await store.replace(token, data, next, inMs(3_600_000))) break;
      conflicts++;
    }
    added++;
  } catch (error) {
    failed++;
    console.log(String(error));
  }
}

await Promise.all(Array.from({ length: CALLERS }, async (_, caller) => {
  for (let turn = caller; Date.now() < end; turn++) await addOne(`hot${turn % HOT}`);
}));
await sequelize.close();
console.log(`counts ${JSON.stringify({ added, failed, conflicts })} end`);
