// Which contenders take part on which database.

import type { Sequelize } from "sequelize";
import type { SequelizeStore } from "../mod.ts";
import type { Contender } from "./contender.ts";
import { bareMariadb, bareMysql2, barePostgres, bareSqlite } from "./contenders/bare_drivers.ts";
import { pgPeer, sequelizePeer } from "./contenders/express_stores.ts";
import { ours, oursInExpress } from "./contenders/ours.ts";
import { handWrittenSql, modelCalls } from "./contenders/plain_sequelize.ts";

/** Creates all contenders of one database. The others are compared with the first. */
export async function lineup(
  { store, sequelize, url }: { store: SequelizeStore; sequelize: Sequelize; url: string },
): Promise<Contender[]> {
  const isPostgres = sequelize.getDialect() === "postgres";
  return [
    ours(store),
    await bareDriver(sequelize, url),
    handWrittenSql(sequelize),
    modelCalls(store),
    await oursInExpress(sequelize),
    await sequelizePeer(sequelize),
    ...isPostgres ? [pgPeer(url)] : [],
  ];
}

function bareDriver(sequelize: Sequelize, url: string): Contender | Promise<Contender> {
  switch (sequelize.getDialect()) {
    case "postgres":
      return barePostgres(url);
    case "mariadb":
      return bareMariadb(url);
    case "mysql":
      return bareMysql2(url);
    default:
      return bareSqlite(sequelize);
  }
}
