// How the application reaches the primary.

import type { Options, Sequelize } from "sequelize";
import { listeningPg } from "../../tests/faults/listening_pg.ts";
import { open } from "../../tests/support/databases.ts";
import { primaryOf } from "../../src/sequelize/failover/mod.ts";
import type { Cluster } from "./cluster.ts";
import { type ProxySettings, startProxy } from "./proxy.ts";

/** A way to the primary. */
export interface Access {
  /** Whether connections to a server end as soon as it is no longer the primary, whatever it does itself. */
  readonly endsSessions: boolean;
  open(cluster: Cluster): Promise<OpenAccess>;
}

/** A way to the primary that is open. */
export interface OpenAccess {
  readonly sequelize: Sequelize;
  /** The ports of which one leads to the primary. */
  readonly ports: readonly number[];
  close(): Promise<void>;
}

/** How long a statement may take, in milliseconds. */
export const QUERY_TIMEOUT_MS = 5000;

/** What docs/failover.md advises. */
const OPTIONS: Options = {
  dialectModule: listeningPg,
  dialectOptions: { query_timeout: QUERY_TIMEOUT_MS, connectionTimeoutMillis: 5000 },
};

const FAST = { inter: 1, fall: 2 };
const SLOW = { inter: 3, fall: 3 };

function through(settings: ProxySettings): Access {
  return {
    endsSessions: settings.endsSessions,
    open: async ({ members }) => {
      const proxy = await startProxy(settings, members);
      const sequelize = open(`postgres://postgres@127.0.0.1:${proxy.port}/test`, OPTIONS);
      const close = async (): Promise<void> => {
        await sequelize.close();
        await proxy.close();
      };
      return { sequelize, ports: [proxy.port], close };
    },
  };
}

const hosts: Access = {
  endsSessions: false,
  open: ({ members }) => {
    const ports = members.map(({ place }) => place.port);
    const sequelize = open("postgres://postgres@127.0.0.1/test", OPTIONS);
    sequelize.addHook("beforeConnect", primaryOf(ports.map((port) => `127.0.0.1:${port}`)));
    return Promise.resolve({ sequelize, ports, close: () => sequelize.close() });
  },
};

export const ACCESSES: Readonly<Record<string, Access>> = {
  "haproxy-fast": through({ endsSessions: true, checks: FAST }),
  "haproxy-slow": through({ endsSessions: true, checks: SLOW }),
  "haproxy-fast-open": through({ endsSessions: false, checks: FAST }),
  "haproxy-slow-open": through({ endsSessions: false, checks: SLOW }),
  hosts,
};
