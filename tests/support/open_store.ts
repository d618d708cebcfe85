// Opens a store with all its defaults, commits and finds a session, and returns: it stops and closes nothing.

import process from "node:process";
import { SequelizeStore } from "../../mod.ts";
import { open } from "./databases.ts";

const [address, tableName] = process.argv.slice(2);
// Idle connections keep the process alive until the pool closes them: after 10 s by default.
const sequelize = open(address!, {
  pool: { idle: 50, evict: 50 },
  // The mariadb driver gives up after a second, and a busy machine may need longer.
  dialectOptions: { connectTimeout: 30_000 },
});
const store = await SequelizeStore.open(sequelize, { tableName });
await store.commit("token", new Uint8Array(1), new Date(Date.now() + 60_000));
await store.find("token");
