// Two processes change the same few sessions of one database, which may be a SQLite file.

import assert from "node:assert/strict";
import { SequelizeStore } from "../../mod.ts";
import { bytes, DRIVER, freshTableName, inMs, open, text } from "../support/databases.ts";
import { runScript } from "../support/run_script.ts";

const HOT = ["hot0", "hot1", "hot2", "hot3"];

/** The result of a process. */
export interface Report {
  readonly added: number;
  readonly failed: number;
  readonly conflicts: number;
}

/** Lets two processes add to the same sessions, and asserts that each addition was made exactly once. */
export async function addInTwoProcesses(
  address: string,
  ms: number,
): Promise<readonly Report[]> {
  const tableName = freshTableName();
  const sequelize = open(address);
  try {
    if (sequelize.getDialect() === "sqlite") await sequelize.query("PRAGMA journal_mode = WAL");
    const store = await SequelizeStore.open(sequelize, {
      ...DRIVER,
      tableName,
      cleanupInterval: 0,
    });
    for (const token of HOT) await store.commit(token, bytes("0"), inMs(3_600_000));
    const args = [address, tableName, String(ms)];
    const scripts = [1, 2].map(() => runScript("tests/faults/incrementer.ts", args));
    const reports = await Promise.all(scripts.map(async ({ ended }): Promise<Report> => {
      const { output } = await ended;
      return JSON.parse(/counts (.*) end/.exec(output)?.[1] ?? assert.fail(output));
    }));
    const values = [...(await store.all()).values()].map((data) => Number(text(data)));
    const sum = values.reduce((a, b) => a + b);
    assert.equal(sum, reports[0]!.added + reports[1]!.added);
    assert.deepEqual(reports.map(({ failed }) => failed), [0, 0]);
    await store.model.drop();
    return reports;
  } finally {
    await sequelize.close();
  }
}
