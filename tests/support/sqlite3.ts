import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

/** Where `deno task setup` installs it. Deno's own cache never has the native binding. */
const PATH = fileURLToPath(new URL("../../node_modules/sqlite3", import.meta.url));

/** Loads the package `sqlite3`, as Sequelize's `dialectModule`; `undefined` if its binding is not built. */
export function loadSqlite3(): object | undefined {
  try {
    return createRequire(import.meta.url)(PATH);
  } catch {
    return undefined;
  }
}
