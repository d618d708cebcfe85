// Uses, renews and merges the sessions of one owner with many requests at once until another process has ended
// them all, and then signs in as the next owner. Prints when each round runs, and what it was like.
//
//   signed_in.ts ADDRESS TABLE ROUNDS

import process from "node:process";
import { SequelizeStore } from "../../mod.ts";
import { SessionManager } from "../../src/manager/mod.ts";
import { open } from "../support/databases.ts";
import type { Login, Round } from "./owner_in_two_processes.ts";

const BROWSERS = 12;
const TABS = 3;
/** After so long, a session that is still active has survived. */
const LIMIT_MS = 20_000;

const [address, tableName, rounds] = process.argv.slice(2);
const sequelize = open(address!);
const store = await SequelizeStore.open(sequelize, {
  tableName: tableName!,
  owners: true,
  cleanupInterval: 0,
});
const sessions = new SessionManager<Login>({ store, owner: (values) => values.userId });

/** Begins a session, and returns its token. */
async function begin(values: Partial<Login>): Promise<string> {
  const session = await sessions.load(undefined);
  for (const [key, value] of Object.entries(values)) session.put(key as "count", value);
  await sessions.commit(session);
  return session.token!;
}

/** Makes requests in some tabs of one browser until its session has ended. */
async function browse(
  first: string,
  round: { -readonly [Key in keyof Round]: Round[Key] },
): Promise<void> {
  // Responses overtake each other, so the last cookie may be that of a session that has just been merged.
  const jar = new Set([first]);
  const limit = Date.now() + LIMIT_MS;
  const request = async (): Promise<boolean> => {
    const token = [...jar].at(-1);
    if (token === undefined || Date.now() > limit) return false;
    const start = Date.now();
    let session = await sessions.load(token);
    if (session.token === undefined) return jar.delete(token) || jar.size > 0;
    round.lastFound = Math.max(round.lastFound, start);
    const dice = Math.random();
    if (dice < 0.1) {
      // An anonymous visitor takes over the session.
      session = await sessions.load(await begin({ count: 0 }));
      if (!await session.merge(token)) return true;
    } else if (dice < 0.5) session.renewToken();
    else if (dice < 0.7) await session.merge(await begin({ count: -1 }));
    session.put("count", Date.now());
    await sessions.commit(session);
    if (session.token !== undefined) jar.add(session.token);
    round.requests++;
    return true;
  };
  await Promise.all(Array.from({ length: TABS }, async () => {
    while (await request());
  }));
  round.firstEnded = Math.min(round.firstEnded, Date.now());
}

for (let userId = 1; userId <= Number(rounds); userId++) {
  const round = { requests: 0, lastFound: 0, firstEnded: Infinity };
  // All have signed in before the other process may end their sessions: a later sign-in would begin a new one.
  const tokens = await Promise.all(Array.from({ length: BROWSERS }, () => begin({ userId })));
  console.log(`running ${userId};`);
  await Promise.all(tokens.map((token) => browse(token, round)));
  console.log(`round ${userId} ${JSON.stringify(round)} end`);
}
await sequelize.close();
