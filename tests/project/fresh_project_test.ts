// The README, followed in an empty folder: see also scripts/test_readme.ts, which does it on each runtime.

import process from "node:process";
import {
  checkProgram,
  inEmptyFolder,
  installOnDeno,
  type Runtime,
  saveProgram,
} from "../../scripts/fresh_project.ts";
import { freePort } from "../support/run_script.ts";

const isDeno = "deno" in process.versions;
const DENO: Runtime = {
  command: "deno",
  actual: [process.execPath],
  version: /^deno /,
};

Deno.test({
  name: `the README's program runs in an empty folder, with the permissions it names${
    isDeno ? "" : " (ignored: the command is Deno's)"
  }`,
  ignore: !isDeno,
  fn: () =>
    inEmptyFolder(async (folder) => {
      const port = await freePort();
      installOnDeno(folder);
      saveProgram(folder, DENO, { port });
      await checkProgram(folder, DENO, { port });
    }),
});
