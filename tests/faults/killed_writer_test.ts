// A process is killed during a storm of commits: every acknowledged write is there afterwards.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { SequelizeStore } from "../../mod.ts";
import { type Database, DRIVER, open, shared, testOn } from "../support/databases.ts";
import { withFolder } from "../support/folder.ts";
import { runScript } from "../support/run_script.ts";
import { until } from "./process.ts";
import { settle } from "./storm.ts";
import { Tally } from "./tally.ts";

const ROUNDS = 3;

/** Lets a writer write, kills it, and records which of its writes were acknowledged. */
async function killInStorm(address: string, log: string, round: number): Promise<void> {
  const writer = runScript("tests/faults/writer.ts", [address, log, `round${round}`]);
  const acknowledged = async (): Promise<number> =>
    (await readFile(log, "utf8").catch(() => "")).split("\n! round" + round).length;
  try {
    await until(async () => await acknowledged() > 300);
  } finally {
    writer.process.kill("SIGKILL");
    await writer.ended;
  }
}

function tallyOf(log: string): Tally {
  const tally = new Tally();
  for (const line of log.split("\n").filter((line) => /^[?!] \S+ \S+$/.test(line))) {
    const [mark, token, state] = line.split(" ") as [string, string, string];
    const next = state === "gone" ? undefined : state;
    // A write without an acknowledgement may be there or not.
    if (mark === "?") tally.fail(token, next);
    else tally.acknowledge(token, next);
  }
  return tally;
}

async function testKilledWriter(database: Database): Promise<void> {
  await withFolder(async (folder) => {
    await database.connect(async (_, address) => {
      const log = join(folder, "log");
      for (let round = 0; round < ROUNDS; round++) await killInStorm(address, log, round);
      // A new connection: one that was open all along could see more than what is on the disk.
      const sequelize = open(address);
      try {
        const store = await SequelizeStore.open(sequelize, { ...DRIVER, cleanupInterval: 0 });
        await settle(store, tallyOf(await readFile(log, "utf8")));
        await store.model.drop();
      } finally {
        await sequelize.close();
      }
    });
  });
}

testOn(shared, "a process killed under a storm loses no acknowledged write", testKilledWriter);
