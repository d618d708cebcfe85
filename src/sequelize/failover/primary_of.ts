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

/** The options of {@linkcode primaryOf}. */
export interface PrimaryOfOptions {
  /**
   * How long a host may take to answer, in milliseconds. Write less than a second as `{ milliseconds: 500 }`.
   *
   * @default {2000}
   */
  readonly timeout?: Duration | undefined;
}

/** The part of Sequelize's connection options that the hook uses. */
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

/** For how many milliseconds only the last primary is asked; also the wait before a host is asked again. */
const HEAD_START_MS = 250;

const INSTANCE: Rule<Sequelize> = {
  text: "a Sequelize 6 instance for postgres, mysql or mariadb, by `sequelize.addHook`",
  hasType: SEQUELIZE.hasType,
  inRange: (value) => dialectOf(value)?.standbyCheck !== undefined,
  describe: (value) => `one for ${value.getDialect()}`,
};

/**
 * Makes a `beforeConnect` hook for Sequelize that leads each new connection to the primary among several hosts, for
 * PostgreSQL, MySQL and MariaDB.
 *
 * The hook asks the hosts over connections of the Sequelize instance's own kind, with its user and options. It asks
 * the last primary first. If that host does not confirm at once that it is still the primary, the hook asks all of
 * them, and takes the first host that is not a standby. Standbys are asked again while another host has not answered.
 * A host is a standby if PostgreSQL is in recovery there, or if `read_only` or `innodb_read_only` is set in MySQL and
 * MariaDB.
 *
 * The hook cannot distinguish two primaries: if an old one continues to run, cut off from the others, the hook may
 * take it. With Sequelize's `replication`, the hook affects only the connections of `write`.
 *
 * @param hosts Names or addresses, with a port if it is not the instance's own: `"db1:5432"`, `"[::1]:5432"`.
 * @param options `timeout`: how long a host may take to answer.
 * @returns The hook. If no host is the primary, it rejects with Sequelize's `ConnectionError`, which says what each
 *   host answered.
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
    // Sequelize calls a hook with the instance as `this`.
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
    // A host that does not answer must not delay the search: meanwhile, another host may become the primary.
    const untilAllAnswered = async (host: Host, answer: Promise<Host>): Promise<Host> => {
      for (;; answer = ask(host)) {
        try {
          const found = await answer;
          // The search is then also over for the other hosts.
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
