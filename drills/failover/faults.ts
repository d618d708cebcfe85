// What happens to the primary, and how that is undone.

import { setTimeout } from "node:timers/promises";
import { until } from "../../tests/faults/process.ts";
import type { Cluster } from "./cluster.ts";
import type { Member } from "./member.ts";

/** More than the 20 s for which a leader's key lasts. */
const FAILOVER_MS = 60_000;

/** How long a fault lasts once another member is the primary: long enough to see two at once. */
const HOLD_MS = 4000;

/** Makes something happen to the primary, and returns once the cluster has all its members again. */
type Fault = (cluster: Cluster) => Promise<void>;

async function leaderOf(cluster: Cluster): Promise<Member> {
  const leader = await cluster.leader();
  if (!leader) throw new Error("there is no leader");
  return leader;
}

/** Makes a fault that lasts until another member has taken over. */
function untilTakenOver(
  inflict: (primary: Member) => void | Promise<void>,
  undo: (primary: Member) => void,
): Fault {
  return async (cluster) => {
    const primary = await leaderOf(cluster);
    await inflict(primary);
    try {
      await until(async () => {
        const leader = await cluster.leader();
        return leader !== undefined && leader !== primary;
      }, FAILOVER_MS);
      await setTimeout(HOLD_MS);
    } finally {
      undo(primary);
    }
    await cluster.untilHealthy();
  };
}

export const FAULTS: Readonly<Record<string, Fault>> = {
  switchover: async (cluster) => {
    const primary = await leaderOf(cluster);
    await cluster.switchOver(primary);
    await until(async () => (await cluster.leader() ?? primary) !== primary, FAILOVER_MS);
    await cluster.untilHealthy();
  },
  // Patroni starts it again, or lets another member take over.
  "postgres-killed": async (cluster) => {
    (await leaderOf(cluster)).signalPostgres("SIGKILL");
    await setTimeout(HOLD_MS);
    await cluster.untilHealthy();
  },
  killed: untilTakenOver(
    async (primary) => {
      await primary.killPatroni();
      primary.signalPostgres("SIGKILL");
    },
    (primary) => primary.startPatroni(),
  ),
  frozen: untilTakenOver(
    (primary) => {
      primary.signalPatroni("SIGSTOP");
      primary.signalPostgres("SIGSTOP");
    },
    (primary) => {
      primary.signalPostgres("SIGCONT");
      primary.signalPatroni("SIGCONT");
    },
  ),
  // The old primary remains one, beside the new one.
  "patroni-frozen": untilTakenOver(
    (primary) => primary.signalPatroni("SIGSTOP"),
    (primary) => primary.signalPatroni("SIGCONT"),
  ),
};
