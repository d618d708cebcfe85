// Commits and deletes sessions until it is killed. It logs `? token state` before each write and
// `! token state` once the write is acknowledged. SQLite is set to lose nothing in a power failure.
//
//   writer.ts ADDRESS LOG NAME

import { openSync, writeSync } from "node:fs";
import process from "node:process";
import { SequelizeStore } from "../../mod.ts";
import { bytes, DRIVER, inMs, open } from "../support/databases.ts";

const CALLERS = 20;

const [address, log, name] = process.argv.slice(2);
const file = openSync(log!, "a");
const sequelize = open(address!);
if (sequelize.getDialect() === "sqlite") {
  await sequelize.query("PRAGMA journal_mode = WAL");
  await sequelize.query("PRAGMA synchronous = FULL");
}
const store = await SequelizeStore.open(sequelize, {
  ...DRIVER,
  cleanupInterval: { milliseconds: 100 },
});

async function write(token: string, turn: number): Promise<void> {
  const state = turn % 5 === 4 ? "gone" : `turn${turn}`;
  writeSync(file, `? ${token} ${state}\n`);
  if (state === "gone") await store.delete(token);
  else await store.commit(token, bytes(state), inMs(3_600_000));
  writeSync(file, `! ${token} ${state}\n`);
}

await Promise.all(Array.from({ length: CALLERS }, async (_, caller) => {
  for (let turn = 0;; turn++) await write(`${name}-${caller}-${turn % 3}`, turn);
}));
