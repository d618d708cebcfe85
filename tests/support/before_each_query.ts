// Has the statements of a store wait or fail before they reach the database.

import { DatabaseError } from "sequelize";
import type { SequelizeStore } from "../../mod.ts";
import type { Database } from "./databases.ts";

type Query = (...args: unknown[]) => Promise<unknown>;

/** Calls `act` before each statement of a store, and sends the statement once that has resolved. */
export function beforeEachQuery(store: SequelizeStore, act: () => Promise<void>): void {
  const view = store.model.sequelize! as unknown as { query: Query };
  const query = view.query.bind(view);
  Object.assign(view, {
    query: async (...args: unknown[]) => {
      await act();
      return await query(...args);
    },
  });
}

/** An error after which the store sends a statement again. */
export function passingError({ dialect }: Database): DatabaseError {
  const codes: Partial<Record<Database["dialect"], object>> = {
    postgres: { code: "40P01" },
    sqlite: { code: "SQLITE_BUSY" },
  };
  const code = codes[dialect] ?? { errno: 1213 };
  return new DatabaseError(Object.assign(new Error("busy"), { sql: "" }, code));
}
