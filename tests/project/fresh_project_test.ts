// The README, followed in an empty folder: see also scripts/test_readme.ts, which does it on each runtime.

import process from "node:process";
import {
  checkExample,
  inEmptyFolder,
  installOnDeno,
  type Runtime,
  saveExample,
} from "../../scripts/fresh_project.ts";
import { freePort } from "../support/run_script.ts";

const isDeno = "deno" in process.versions;
const DENO: Runtime = {
  example: "hello.ts",
  command: "deno",
  actual: [process.execPath],
  version: /^deno /,
};

Deno.test({
  name: `the README's example runs in an empty folder, with the permissions it names${
    isDeno ? "" : " (ignored: the command is Deno's)"
  }`,
  ignore: !isDeno,
  fn: () =>
    inEmptyFolder(async (folder) => {
      const port = await freePort();
      installOnDeno(folder);
      saveExample(folder, DENO, port);
      await checkExample(folder, DENO, { port });
    }),
});
