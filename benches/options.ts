// Reads the arguments of a benchmark.

import process from "node:process";

/** The variable that holds the URL of each dialect's server. SQLite needs none: it is in memory. */
const VARIABLES = {
  postgres: "TEST_POSTGRES_URL",
  mariadb: "TEST_MARIADB_URL",
  mysql: "TEST_MYSQL_URL",
  sqlite: undefined,
} as const;

/** A dialect that `--database` can name. */
export type Dialect = keyof typeof VARIABLES;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Finds the databases to run on.
 *
 * @param names The values of `--database`: URLs, or names of dialects. A name stands for the URL in the
 * dialect's variable; `sqlite` stands for itself.
 * @param dialects The dialects that the benchmark supports. If there are no `names`, it runs on each of
 * them whose variable is set.
 * @throws {RangeError} If a name is not understood, or no variable is set.
 */
export function readDatabases(
  names: readonly string[] | undefined,
  dialects: readonly Dialect[],
  environment: Environment = process.env,
): string[] {
  if (names) return names.map((name) => readDatabase(name, dialects, environment));
  const found = dialects.flatMap((dialect) => addressOf(dialect, environment) || []);
  if (found.length > 0) return found;
  const variables = dialects.map((dialect) => VARIABLES[dialect]).join(", ");
  throw new RangeError(`--database must be given if none of ${variables} is set`);
}

/** Finds the database that one `--database` means: see {@linkcode readDatabases}. */
export function readDatabase(
  name: string,
  dialects: readonly Dialect[],
  environment: Environment = process.env,
): string {
  const dialect = dialects.find((dialect) => dialect === name);
  if (dialect) {
    const address = addressOf(dialect, environment);
    if (address) return address;
    throw new RangeError(`--database ${name} needs ${VARIABLES[dialect]}, which is not set`);
  }
  const scheme = /^(\w+):\/\/./.exec(name)?.[1]?.replace("postgresql", "postgres");
  if (dialects.some((dialect) => VARIABLES[dialect] && dialect === scheme)) return name;
  throw new RangeError(
    `--database must be one of ${dialects.join(", ")}, or the URL of a server, ` +
      `such as postgres://user:password@host/name: received '${name.replace(/\/\/.*@/, "//")}'`,
  );
}

function addressOf(dialect: Dialect, environment: Environment): string | undefined {
  const variable = VARIABLES[dialect];
  return variable ? environment[variable] : dialect;
}

/** Returns what `read` returns. If it throws, prints the message and ends the program. */
export function readOrExit<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    console.error(`Cannot run the benchmark: ${(error as Error).message}`);
    process.exit(2);
  }
}
