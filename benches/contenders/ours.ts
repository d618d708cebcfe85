import type { Sequelize } from "sequelize";
import { ExpressStore } from "../../src/express/mod.ts";
import { SequelizeStore } from "../../mod.ts";
import { type Contender, TABLE } from "../contender.ts";
import { expressStore } from "./express_stores.ts";

/** This package's store; `on` names what it runs on, if that is not what the others run on. */
export function ours(store: SequelizeStore, on = ""): Contender {
  return {
    name: `SequelizeStore${on}`,
    table: `${TABLE}${on}`,
    find: async ({ token }) => await store.find(token) !== undefined,
    commit: ({ token, data, expiry }) => store.commit(token, data, expiry),
    replace: ({ token, data, next, expiry }) => store.replace(token, data, next, expiry),
    touch: ({ token, expiry }) => store.touch(token, expiry),
    delete: ({ token }) => store.delete(token),
  };
}

/** This package's store, called through express-session's interface. */
export async function oursInExpress(sequelize: Sequelize): Promise<Contender> {
  const tableName = "sessions_bench_express";
  const store = await SequelizeStore.open(sequelize, { tableName, cleanupInterval: 0 });
  const drop = (): Promise<unknown> => store.model.drop();
  return expressStore("ExpressStore", tableName, new ExpressStore(store), drop);
}
