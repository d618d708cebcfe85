import type { Sequelize } from "sequelize";
import { dialectOf } from "../dialects/mod.ts";
import { ask } from "../drivers/ask.ts";
import { isolate } from "../isolation.ts";
import { within } from "./within.ts";

/** The part of Sequelize's connection manager that is used here. */
interface ConnectionManager {
  readonly config: { readonly replication?: { readonly read: readonly unknown[] } | false };
  connect(config: object): Promise<object>;
  disconnect(connection: object): Promise<void>;
}

function managerOf(sequelize: Sequelize): ConnectionManager {
  return sequelize.connectionManager as unknown as ConnectionManager;
}

/** Whether a connection is made for the replicas of Sequelize's `replication`. */
export function isReplica(sequelize: Sequelize, target: object): boolean {
  const { replication } = managerOf(sequelize).config;
  return replication ? replication.read.includes(target) : false;
}

/**
 * Asks a server whether it is a standby, over a connection of its own.
 *
 * @param target What Sequelize would connect to.
 * @param timeout The time in milliseconds after which it rejects.
 */
export async function isStandby(
  sequelize: Sequelize,
  target: { readonly dialectOptions?: object },
  timeout: number,
): Promise<boolean> {
  const { statement, isStandby, giveUpAfter } = dialectOf(sequelize).standbyCheck!;
  const manager = managerOf(sequelize);
  const dialectOptions = { ...target.dialectOptions, ...giveUpAfter(timeout) };
  const connecting = manager.connect({ ...target, dialectOptions });
  const asking = connecting.then(async (connection) => {
    // Without this type, the pool could not handle a connection that breaks.
    Object.assign(connection, { queryType: "write" });
    const rows = await ask(isolate(sequelize, false), connection, statement);
    return rows.some(isStandby);
  });
  try {
    return await within(timeout, asking);
  } finally {
    // Not awaited: the connection may come after the timeout, or never.
    connecting.then((connection) => manager.disconnect(connection)).catch(() => {});
  }
}
