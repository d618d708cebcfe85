// Compares the stored expiries with its arguments, writes these, and compares again.
//
//   zones.ts ADDRESS EXPIRY...

import process from "node:process";
import { SequelizeStore } from "../../mod.ts";
import { bytes, DRIVER, open } from "../support/databases.ts";

const [address, ...expiries] = process.argv.slice(2);
const sequelize = open(address!);
const store = await SequelizeStore.open(sequelize, { ...DRIVER, cleanupInterval: 0 });

async function compare(): Promise<void> {
  const found = await Promise.all(expiries.map((expiry) => store.find(expiry)));
  const wrong = found.flatMap((session, i) =>
    session === undefined || session.expiry.toISOString() === expiries[i]
      ? []
      : [`${expiries[i]} is ${session.expiry.toISOString()}`]
  );
  console.log(wrong.join("\n") || "exact");
}

await compare();
for (const expiry of expiries) await store.commit(expiry, bytes("data"), new Date(expiry));
await compare();
await sequelize.close();
