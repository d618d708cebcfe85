// The sessions that each of these programs uses.

import { SequelizeStore } from "@scs/sequelize-store";
import { SessionManager } from "@scs/sequelize-store/manager";
import { nodeSqlite } from "@scs/sequelize-store/node-sqlite";
import process from "node:process";
import { Sequelize } from "sequelize";

export interface Values {
  views: number;
  userId: number;
}

const sequelize = new Sequelize({
  dialect: "sqlite",
  storage: "sessions.sqlite",
  dialectModule: nodeSqlite,
  logging: false,
});

export const sessions = new SessionManager<Values>({ store: SequelizeStore.open(sequelize) });

export const port = Number(process.env.PORT ?? 4000);
