// How the application reaches the primary.

import type { Options, Sequelize } from "sequelize";
import { listeningPg } from "../../tests/faults/listening_pg.ts";
import { open } from "../../tests/support/databases.ts";
import type { Cluster } from "./cluster.ts";
import { type ProxySettings, startProxy } from "./proxy.ts";

/** A way to the primary that is open. */
export interface Access {
  readonly sequelize: Sequelize;
  /** The ports of which one leads to the primary. */
  readonly ports: readonly number[];
  close(): Promise<void>;
}

/** What docs/operations.md advises. */
const OPTIONS: Options = {
  dialectModule: listeningPg,
  dialectOptions: { query_timeout: 5000, connectionTimeoutMillis: 5000 },
};

const FAST = { inter: 1, fall: 2 };
const SLOW = { inter: 3, fall: 3 };

function through(settings: ProxySettings): (cluster: Cluster) => Promise<Access> {
  return async ({ members }) => {
    const proxy = await startProxy(settings, members);
    const sequelize = open(`postgres://postgres@127.0.0.1:${proxy.port}/test`, OPTIONS);
    const close = async (): Promise<void> => {
      await sequelize.close();
      await proxy.close();
    };
    return { sequelize, ports: [proxy.port], close };
  };
}

export const ACCESSES: Readonly<Record<string, (cluster: Cluster) => Promise<Access>>> = {
  "haproxy-fast": through({ endsSessions: true, checks: FAST }),
  "haproxy-slow": through({ endsSessions: true, checks: SLOW }),
  "haproxy-fast-open": through({ endsSessions: false, checks: FAST }),
  "haproxy-slow-open": through({ endsSessions: false, checks: SLOW }),
};
