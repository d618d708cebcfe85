import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { Sequelize } from "sequelize";
import { SequelizeStore } from "../../mod.ts";
import { nodeSqlite } from "../../src/node_sqlite/mod.ts";

/** The documents that show an example, and the example. */
const SHOWN = [
  ["README.md", "hello.ts"],
  ["docs/getting-started.md", "hello.ts"],
  ["docs/getting-started.md", "hello_node.mts"],
  ["docs/express.md", "express.ts"],
  ["docs/express.md", "fastify.ts"],
  ["docs/from-connect.md", "carry_over.ts"],
  ["docs/monitoring.md", "prometheus.ts"],
  ["docs/monitoring.md", "opentelemetry.ts"],
] as const;

for (const [document, example] of SHOWN) {
  Deno.test(`${document} shows examples/${example} unchanged`, async () => {
    const read = (path: string): Promise<string> =>
      readFile(new URL(`../../${path}`, import.meta.url), "utf8");
    const [text, code] = await Promise.all([read(document), read(`examples/${example}`)]);
    assert.ok(text.includes(`\`\`\`ts ignore\n${code}\`\`\``));
  });
}

Deno.test("the README's line about the cleanup opens a store", async () => {
  const readme = await readFile(new URL("../../README.md", import.meta.url), "utf8");
  const [, code] = /## Expired session cleanup[^]*?```ts ignore\n(.+?)```/s.exec(readme)!;
  const AsyncFunction = (async () => {}).constructor as FunctionConstructor;
  const open = new AsyncFunction("SequelizeStore", "sequelize", `${code}\nreturn store;`);

  const sequelize = new Sequelize({
    dialect: "sqlite",
    storage: ":memory:",
    dialectModule: nodeSqlite,
    logging: false,
  });
  const store = await open(SequelizeStore, sequelize);
  assert.ok(store instanceof SequelizeStore);
  await store.stopCleanup();
  await sequelize.close();
});
