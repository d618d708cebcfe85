// A PostgreSQL cluster under Patroni loses its primary in several ways, under 60 callers.

import { type Drill, printTable, type Row } from "../drill.ts";
import { runCell } from "./cell.ts";
import { chooseCells } from "./choice.ts";
import { withCluster } from "./cluster.ts";
import { installPackages, withoutPackages } from "./packages.ts";

export const failoverDrill: Drill = {
  name: "failover",
  about: "a PostgreSQL cluster under Patroni loses its primary",
  ignored: withoutPackages(),
  run: async (_, choices) => {
    const cells = [...chooseCells(choices)];
    installPackages();
    const rows: Row[] = [];
    const violations: string[] = [];
    while (cells.length > 0) {
      const { mode } = cells[0]!;
      await withCluster(mode, async (cluster) => {
        while (cells[0]?.mode === mode) {
          const cell = cells.shift()!;
          const name = `${mode}, ${cell.fault}, ${cell.access}`;
          try {
            const outcome = await runCell(cluster, cell, `sessions_${cells.length}`);
            rows.push(outcome.row);
            violations.push(...outcome.violations.map((what) => `${name}: ${what}`));
            console.log(`(${name}: ${outcome.violations.join(", ") || "as it should be"})`);
          } catch (error) {
            console.log(`(${name}:`, error, ")");
            violations.push(`${name}: ${error}`);
            // The others run on a new cluster.
            return;
          }
        }
      });
    }
    if (violations.length === 0) return rows;
    printTable(rows);
    throw new Error(violations.join("\n"));
  },
};
