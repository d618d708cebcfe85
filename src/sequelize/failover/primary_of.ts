import { setTimeout } from "node:timers/promises";
import type { Sequelize } from "sequelize";
import { check, type Rule } from "../../util/check.ts";
import { type Duration, LIFETIME, toMilliseconds } from "../../util/duration.ts";
import { readOptions, withDefault } from "../../util/options.ts";
import { dialectOf } from "../dialects/mod.ts";
import { libraryOf } from "../library.ts";
import { SEQUELIZE } from "../options.ts";
import { type Host, HOSTS, parseHost } from "./hosts.ts";
import { isReplica, isStandby } from "./is_standby.ts";
import { within } from "./within.ts";

/** How {@linkcode primaryOf} asks. */
export interface PrimaryOfOptions {
  /**
   * How long a host may take to answer, in milliseconds. Less than a second is written as `{ milliseconds: 500 }`.
   *
   * @default {2000}
   */
  readonly timeout?: Duration | undefined;
}

/** What Sequelize connects to: as much of it as is used. */
export interface ConnectionTarget {
  /** The server's name or address. */
  host?: unknown;
  /** The server's port. */
  port?: unknown;
  /** The driver's options. */
  dialectOptions?: object;
}

const ACTION = "find the primary";

const OPTIONS = { timeout: withDefault(LIFETIME, 2000) };

/** For how many milliseconds the last primary alone is asked, and how often the others are asked again. */
const HEAD_START_MS = 250;

const INSTANCE: Rule<Sequelize> = {
  text: "a Sequelize 6 instance for postgres, mysql or mariadb, by `sequelize.addHook`",
  hasType: SEQUELIZE.hasType,
  inRange: (value) => dialectOf(value)?.standbyCheck !== undefined,
  describe: (value) => `one for ${value.getDialect()}`,
};

/**
 * Makes a `beforeConnect` hook of Sequelize that has each new connection lead to the primary among several hosts, for
 * PostgreSQL, MySQL and MariaDB.
 *
 * It asks the hosts over connections of the Sequelize instance's own kind, with its user and options: the last primary
 * first, and all of them if that does not answer at once that it still is. The first host that is no standby is taken.
 * Standbys are asked again while another host has not answered.
 * A host is a standby if PostgreSQL is in recovery there, or if `read_only` or `innodb_read_only` is set in MySQL and
 * MariaDB.
 *
 * It cannot tell two primaries apart: if an old one goes on, cut off from the others, it may be taken. With
 * Sequelize's `replication`, only the connections of `write` are concerned.
 *
 * @param hosts Names or addresses, each with a port if it is not the instance's own: `"db1:5432"`, `"[::1]:5432"`.
 * @param options `timeout`: how long a host may take to answer.
 * @returns The hook. If no host is the primary, it rejects with a `ConnectionError` of Sequelize's that says what each
 *   of them answered.
 * @throws {TypeError} If an argument has the wrong type.
 * @throws {RangeError} If the list is empty, a host is malformed, or the time is out of range.
 *
 * @example
 * ```ts
 * import { primaryOf } from "@scs/sequelize-store/failover";
 * import { Sequelize } from "sequelize";
 *
 * const sequelize = new Sequelize("mariadb://user:password@/name");
 * sequelize.addHook("beforeConnect", primaryOf(["db1", "db2:3307"], { timeout: 1000 }));
 * await sequelize.close();
 * ```
 */
export function primaryOf(
  hosts: readonly string[],
  options: PrimaryOfOptions = {},
): (this: unknown, target: ConnectionTarget) => Promise<void> {
  check(ACTION, "hosts", hosts, HOSTS);
  const { timeout } = readOptions(ACTION, options, OPTIONS);
  const all = hosts.flatMap((text) => parseHost(text) ?? []);
  const search = new Search(all, toMilliseconds(timeout));
  return async function (target): Promise<void> {
    // Sequelize calls a hook on the instance.
    check(ACTION, "this", this, INSTANCE);
    if (isReplica(this, target)) return;
    const { host, port } = await search.run(this, target);
    Object.assign(target, { host, port: port ?? this.config.port });
  };
}

/** Looks for the primary: once for all connections that are made at the same time. */
class Search {
  readonly #hosts: readonly Host[];
  readonly #timeout: number;
  #last: Host | undefined;
  #running: Promise<Host> | undefined;

  constructor(hosts: readonly Host[], timeout: number) {
    this.#hosts = hosts;
    this.#timeout = timeout;
  }

  run(sequelize: Sequelize, target: ConnectionTarget): Promise<Host> {
    return this.#running ??= this.#find(sequelize, target).then((host) => this.#last = host)
      .finally(() => this.#running = undefined);
  }

  async #find(sequelize: Sequelize, target: ConnectionTarget): Promise<Host> {
    const ask = async (each: Host): Promise<Host> => {
      const { host, port = sequelize.config.port } = each;
      const at = { ...target, host, port };
      if (await isStandby(sequelize, at, this.#timeout)) throw new Error("is a standby");
      return each;
    };
    const last = this.#last;
    const first = last && ask(last);
    if (first && await within(HEAD_START_MS, first).catch(() => undefined)) return first;
    const silent = new Set(this.#hosts);
    // One that does not answer must not hold up the search: meanwhile, another may become the primary.
    const untilAllAnswered = async (host: Host, answer: Promise<Host>): Promise<Host> => {
      for (;; answer = ask(host)) {
        try {
          const found = await answer;
          // The search is over, also for the others.
          silent.clear();
          return found;
        } catch (error) {
          silent.delete(host);
          if (silent.size > 0) await setTimeout(HEAD_START_MS);
          if (silent.size === 0) throw error;
        }
      }
    };
    const answers = this.#hosts.map((host) =>
      untilAllAnswered(host, host === last ? first! : ask(host))
    );
    try {
      return await Promise.any(answers);
    } catch (error) {
      const reasons = (error as AggregateError).errors.map((reason, i) => {
        return `${this.#hosts[i]!.text}: ${reason.message || reason.name}`;
      });
      const { ConnectionError } = libraryOf(sequelize);
      throw new ConnectionError(new Error(`Cannot ${ACTION}: ${reasons.join("; ")}`));
    }
  }
}
