// Runs all drills, or only the named ones. It exits with status 1 if a guarantee was violated:
//
//   deno task drill [--minutes 1] [name...]
//   deno task drill failover [--mode asynchronous] [--fault killed] [--access haproxy-fast] [--all]

import process from "node:process";
import { parseArgs } from "node:util";
import { type Drill, printTable } from "./drill.ts";
import { diskDrill } from "./disk.ts";
import { failoverDrill } from "./failover/failover.ts";
import { galeraDrill } from "./galera.ts";
import { hostileDrill } from "./hostile.ts";
import { pgbouncerDrill } from "./pgbouncer.ts";
import { ownersDrill } from "./owners.ts";
import { processesDrill } from "./processes.ts";
import { replicaDrill } from "./replica.ts";
import { serversDrill } from "./servers.ts";
import { soakDrill } from "./soak.ts";
import { versionsDrill } from "./versions.ts";

const DRILLS: readonly Drill[] = [
  serversDrill,
  ownersDrill,
  processesDrill,
  diskDrill,
  hostileDrill,
  replicaDrill,
  pgbouncerDrill,
  galeraDrill,
  failoverDrill,
  versionsDrill,
  soakDrill,
];

const { values, positionals } = parseArgs({
  options: {
    minutes: { type: "string" },
    mode: { type: "string", multiple: true },
    fault: { type: "string", multiple: true },
    access: { type: "string", multiple: true },
    all: { type: "boolean" },
  },
  allowPositionals: true,
});
const unknown = positionals.filter((name) => !DRILLS.some((drill) => drill.name === name));
if (unknown.length > 0) {
  const names = DRILLS.map(({ name }) => name).join(", ");
  console.error(`Cannot run the drill: it must be one of ${names}: received ${unknown[0]}`);
  process.exit(2);
}

const minutes = values.minutes === undefined ? undefined : Number(values.minutes);
if (minutes !== undefined && !(minutes > 0)) {
  console.error(
    `Cannot run the drills: --minutes must be more than 0: received ${values.minutes}`,
  );
  process.exit(2);
}
let violations = 0;
for (const drill of DRILLS) {
  if (positionals.length > 0 && !positionals.includes(drill.name)) continue;
  console.log(`\n## ${drill.name}: ${drill.about}\n`);
  if (drill.ignored !== undefined) {
    console.log(`(ignored: ${drill.ignored})`);
    continue;
  }
  try {
    printTable(await drill.run(minutes, values));
  } catch (error) {
    violations++;
    console.log(error);
  }
}
console.log(violations === 0 ? "\nAll guarantees held" : `\nDrills that failed: ${violations}`);
process.exit(violations === 0 ? 0 : 1);
