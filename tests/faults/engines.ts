// The kinds of servers that tests can start: how to make their files and how to run them.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { run, unableToRun } from "./process.ts";

/** A kind of server. */
export interface Engine {
  readonly name: string;
  readonly dialect: "postgres" | "mariadb";
  /** Why none can be started here; `undefined` if one can. */
  readonly ignored: string | undefined;
  /** Makes a server's files, and returns how to run it. */
  prepare(folder: string, port: number, settings: readonly string[]): Recipe;
}

/** How to run a server. */
export interface Recipe {
  readonly user: string;
  readonly command: readonly string[];
  readonly stopSignal: NodeJS.Signals;
  readonly adminUrl: string;
  readonly url: string;
}

const versions = "/usr/lib/postgresql";

/** Returns the path of a program of the newest PostgreSQL. */
export function postgresBinary(name: string): string {
  let found: string[] = [];
  try {
    found = readdirSync(versions).sort((a, b) => Number(a) - Number(b));
  } catch {
    // None is installed.
  }
  return `${versions}/${found.at(-1) ?? "15"}/bin/${name}`;
}

/**
 * The PostgreSQL of some programs.
 *
 * @param binary Returns the path of a program.
 */
export function postgresOf(binary: (name: string) => string): Engine {
  return {
    name: "PostgreSQL",
    dialect: "postgres",
    ignored: unableToRun("postgres", binary("initdb")),
    prepare: (folder, port, settings) => {
      const data = join(folder, "data");
      const initdb = [binary("initdb"), "--no-sync", "--auth=trust", "--username=postgres"];
      run("postgres", [...initdb, "-D", data]);
      const options = [`port=${port}`, "listen_addresses=127.0.0.1", `unix_socket_directories=`];
      options.push("logging_collector=on", `log_directory=${folder}`, "log_filename=log");
      const command = [binary("postgres"), "-D", data];
      for (const option of [...options, ...settings]) command.push("-c", option);
      const url = (name: string): string => `postgres://postgres@127.0.0.1:${port}/${name}`;
      // The "fast" shutdown ends the connections.
      const stopSignal = "SIGINT";
      return { user: "postgres", command, stopSignal, adminUrl: url("postgres"), url: url("test") };
    },
  };
}

export const ownPostgres: Engine = postgresOf(postgresBinary);

export const ownMariadb: Engine = {
  name: "MariaDB",
  dialect: "mariadb",
  ignored: unableToRun("mysql", "/usr/sbin/mariadbd"),
  prepare: (folder, port, settings) => {
    const data = join(folder, "data");
    const install = ["mariadb-install-db", "--no-defaults", "--skip-test-db"];
    run("mysql", [...install, "--auth-root-authentication-method=normal", `--datadir=${data}`]);
    const command = ["/usr/sbin/mariadbd", "--no-defaults", `--datadir=${data}`, `--port=${port}`];
    command.push("--bind-address=127.0.0.1", `--socket=${join(folder, "socket")}`);
    command.push(`--log-error=${join(folder, "log")}`);
    command.push(...settings.map((setting) => `--${setting}`));
    const url = (name: string): string => `mariadb://root@127.0.0.1:${port}/${name}`;
    return {
      user: "mysql",
      command,
      stopSignal: "SIGTERM",
      adminUrl: url("mysql"),
      url: url("test"),
    };
  },
};

export const engines: readonly Engine[] = [ownPostgres, ownMariadb];
