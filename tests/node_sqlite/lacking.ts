// Prints the error of the first query if the runtime lacks something.

import process from "node:process";
import { Sequelize } from "sequelize";
import { nodeSqlite } from "../../src/node_sqlite/mod.ts";

class DatabaseSync {
  close(): void {}
}

const lacking: Readonly<Record<string, unknown>> = {
  everything: undefined,
  "the module": () => undefined,
  isTransaction: () => ({ DatabaseSync }),
};
Object.assign(process, { getBuiltinModule: lacking[process.argv[2]!] });
const sequelize = new Sequelize({
  dialect: "sqlite",
  storage: ":memory:",
  dialectModule: nodeSqlite,
  logging: false,
});
await sequelize.query("SELECT 1").catch((error: Error) => console.log(error.message));
