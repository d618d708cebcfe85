// Prints the errors that are thrown without a callback, and that the queue goes on.

import process from "node:process";
import { nodeSqlite } from "../../src/node_sqlite/mod.ts";

process.on("uncaughtException", (error) => console.log(`uncaught: ${error.message}`));
const database = new nodeSqlite.Database(":memory:");
database.run("bad");
database.all("worse");
database.exec("worst");
database.run("SELECT 1", () => {
  throw new Error("thrown by a callback");
});
database.close(() => {
  console.log("closed");
  database.close();
});
