import type { SequelizeStore } from "../../mod.ts";
import { type Contender, TABLE } from "../contender.ts";

/** The store of this package. */
export function ours(store: SequelizeStore): Contender {
  return {
    name: "SequelizeStore",
    table: TABLE,
    find: async ({ token }) => await store.find(token) !== undefined,
    commit: ({ token, data, expiry }) => store.commit(token, data, expiry),
    replace: ({ token, data, next, expiry }) => store.replace(token, data, next, expiry),
    touch: ({ token, expiry }) => store.touch(token, expiry),
    delete: ({ token }) => store.delete(token),
  };
}
