// Uses a store while a subscriber of its statements throws, and prints what becomes of that.

import { subscribe } from "node:diagnostics_channel";
import process from "node:process";
import { SequelizeStore } from "../../mod.ts";
import { open } from "../support/databases.ts";

process.on("uncaughtException", (error) => console.log(`uncaught: ${error.message}`));
let told = 0;
subscribe("scs:sequelize-store:statement", () => {
  throw new Error("thrown by a subscriber");
});
subscribe("scs:sequelize-store:statement", () => told++);

const sequelize = open("node-sqlite::memory:");
const store = await SequelizeStore.open(sequelize, { cleanupInterval: 0 });
await store.commit("token", new Uint8Array(3), new Date(Date.now() + 60_000));
const session = await store.find("token");
console.log(`found ${session?.data.length} bytes, told ${told} times`);
await sequelize.close();
