// The tests of PostgreSQL on versions that `.ci/run` does not have.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import process from "node:process";
import { stripVTControlCharacters } from "node:util";
import type { Drill, Row } from "./drill.ts";

const SCRIPT = join(import.meta.dirname!, "..", "scripts", "test_postgres.ts");

/** Runs the tests on a version, and counts them. */
async function testOn(major: string): Promise<Row & { readonly failed: number }> {
  const child = spawn(process.execPath, ["run", "-A", SCRIPT, major], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => output += text);
  }
  await once(child, "close");
  const plain = stripVTControlCharacters(output);
  const [, passed, failed] = /^(?:ok|FAILED) \| (\d+) passed.* \| (\d+) failed/m.exec(plain) ?? [];
  if (passed === undefined || Number(passed) === 0) throw new Error(`no test has run:\n${plain}`);
  if (failed !== "0") console.log(plain);
  const [server = ""] = /PostgreSQL [\d.]+/.exec(plain) ?? [];
  return { server, passed, failed: Number(failed) };
}

export const versionsDrill: Drill = {
  name: "versions",
  about: "the tests on PostgreSQL 17 and 16",
  ignored: process.platform === "linux" && process.arch === "x64"
    ? undefined
    : "the programs are for Linux on x64",
  run: async () => {
    const rows = [await testOn("17"), await testOn("16")];
    if (rows.some(({ failed }) => failed > 0)) throw new Error("tests have failed: see above");
    return rows;
  },
};
