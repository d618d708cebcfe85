// Runs the tests, which are written for Deno, on Node 22.18 or later, which runs TypeScript without a build:
//
//   node --disable-warning=ExperimentalWarning --import ./scripts/deno_test_on_node.ts \
//     --test --test-concurrency=1 "tests/*/*_test.ts"
//
// Node 22 warns of node:sqlite, and some tests expect a process to print nothing.

import { test } from "node:test";

interface Definition {
  readonly name: string;
  readonly ignore?: boolean;
  readonly fn: () => void | Promise<void>;
}

function denoTest(definition: string | Definition, fn?: Definition["fn"]): void {
  const { name, ignore = false, fn: run } = typeof definition === "string"
    ? { name: definition, fn: fn! }
    : definition;
  test(name, { skip: ignore }, async () => await run());
}

Object.assign(globalThis, { Deno: { test: denoTest } });
