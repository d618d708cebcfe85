// Opens a store with all its defaults, puts a session through it, and returns: nothing is stopped or closed.

import process from "node:process";
import { SequelizeStore } from "../../mod.ts";
import { open } from "./databases.ts";

const [address, tableName] = process.argv.slice(2);
// Idle connections would keep the process for as long as the pool keeps them: 10 s by default.
const sequelize = open(address!, {
  pool: { idle: 50, evict: 50 },
  // The mariadb driver gives up after a second, which a busy machine may well need.
  dialectOptions: { connectTimeout: 30_000 },
});
const store = await SequelizeStore.open(sequelize, { tableName });
await store.commit("token", new Uint8Array(1), new Date(Date.now() + 60_000));
await store.find("token");
