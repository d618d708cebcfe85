// The store that the comment of src/store/store.ts teaches to write keeps the contract.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { FullSessionStore } from "../../mod.ts";
import { withFolder } from "../support/folder.ts";
import { testStoreContract } from "../support/store_contract.ts";

const source = await readFile(new URL("../../src/store/store.ts", import.meta.url), "utf8");
const example = /@example Write a store\n \* ```ts\n([^]*?)\n \* ```/.exec(source)?.[1];
assert.ok(example, "src/store/store.ts has no example");

const manager = new URL("../../src/manager/mod.ts", import.meta.url).href;
const code = example.replace(/^ \* ?/gm, "").replaceAll("@scs/sequelize-store/manager", manager);

let mapStore!: () => FullSessionStore;
await withFolder(async (folder) => {
  const path = join(folder, "map_store.ts");
  await writeFile(path, `${code}\nexport { mapStore };\n`);
  ({ mapStore } = await import(pathToFileURL(path).href));
});

testStoreContract("The example of a store", (test) => test(mapStore()));
