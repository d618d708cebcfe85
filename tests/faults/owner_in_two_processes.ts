// Two processes use the sessions of one owner, while a third one ends them all.

import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { SequelizeStore } from "../../mod.ts";
import { SessionManager } from "../../src/manager/mod.ts";
import { freshTableName, open } from "../support/databases.ts";
import { runScript } from "../support/run_script.ts";

/** The values of a session. */
export interface Login {
  readonly userId: number;
  readonly count: number;
}

/** What a process has met with one owner. */
export interface Round {
  readonly requests: number;
  /** When the last request began whose session was active. */
  readonly lastFound: number;
  /** When the first browser had no session any more. */
  readonly firstEnded: number;
}

/**
 * Ends the sessions of owner after owner, and asserts that none was active afterwards, and none had ended before.
 *
 * @returns How many sessions there were.
 */
export async function destroyOwnedInTwoProcesses(address: string, rounds: number): Promise<number> {
  const tableName = freshTableName();
  const sequelize = open(address);
  try {
    if (sequelize.getDialect() === "sqlite") await sequelize.query("PRAGMA journal_mode = WAL");
    const options = { tableName, owners: true, cleanupInterval: 0 };
    const store = await SequelizeStore.open(sequelize, options);
    const sessions = new SessionManager<Login>({ store, owner: (values) => values.userId });
    const args = [address, tableName, String(rounds)];
    const scripts = [1, 2].map(() => runScript("tests/faults/signed_in.ts", args));
    let total = 0;
    for (let userId = 1; userId <= rounds; userId++) {
      await Promise.all(scripts.map(({ printed }) => printed(new RegExp(`running ${userId};`))));
      await setTimeout(100 + Math.random() * 200);
      const begin = Date.now();
      const ended = await sessions.destroyOwned(userId);
      const end = Date.now();
      total += ended;
      assert.ok(ended > 0);
      for (const { printed } of scripts) {
        const printedRound = await printed(new RegExp(`round ${userId} (.*) end`));
        const { requests, lastFound, firstEnded }: Round = JSON.parse(printedRound);
        assert.ok(requests > 0);
        assert.ok(lastFound <= end, `a session was active ${lastFound - end} ms afterwards`);
        assert.ok(firstEnded >= begin, `a session ended ${begin - firstEnded} ms before`);
      }
      for await (const session of sessions.ofOwner(userId)) assert.fail(`${session.id} is left`);
      for await (const session of sessions.iterate()) {
        assert.notEqual(session.get("userId"), userId);
      }
    }
    await Promise.all(scripts.map(({ ended }) => ended));
    await store.model.drop();
    return total;
  } finally {
    await sequelize.close();
  }
}
