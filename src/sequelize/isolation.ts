// Keeps the application's Sequelize settings and models apart from the store's.

import type { QueryOptions, Sequelize } from "sequelize";
import type { SessionModelOptions } from "./model.ts";

/** The options that the view reads and that Sequelize's types lack. */
interface SharedOptions {
  readonly query?: object;
  readonly searchPath?: string;
}

/** The store itself decides which of its statements are sent again: see SessionTable.run. */
const NO_RETRY = { max: 1 };

/**
 * Makes a view of the application's Sequelize instance for the store alone. It shares the dialect and the
 * connections, but has its own models, hooks and defaults. So nothing of the application (`define`, `query`, hooks, a
 * model of the same name) affects the store, and the application's `sequelize.sync({ force: true })` does not drop
 * the sessions.
 */
export function isolate(sequelize: Sequelize, logging: SessionModelOptions["logging"]): Sequelize {
  const { options: shared } = sequelize as unknown as { options: SharedOptions };
  const options = derive(shared, {
    attributeBehavior: "throw",
    define: {},
    hooks: {},
    logging,
    minifyAliases: false,
    omitNull: false,
    query: {},
    quoteIdentifiers: true,
    retry: NO_RETRY,
    schema: undefined,
    // Sequelize would send SHOW WARNINGS after a statement, and return that result instead of the statement's own.
    showWarnings: false,
    // DATETIME of MySQL and MariaDB has no time zone. In local time, one hour occurs twice every autumn, and
    // applications in different time zones could not share the table.
    timezone: "+00:00",
    // Sequelize reads this option only if it is an own property.
    ...("searchPath" in shared && { searchPath: shared.searchPath }),
  });
  const queryInterface = sequelize.getQueryInterface();
  const view = derive(sequelize, { ...methodsOf(sequelize, logging), options, models: {} });
  const queryGenerator = derive(queryInterface.queryGenerator as object, {
    OperatorsAliasMap: {},
    options,
    sequelize: view,
  });
  const ModelManager = sequelize.modelManager.constructor as new (of: Sequelize) => unknown;
  return Object.assign(view, {
    queryInterface: derive(queryInterface, { queryGenerator, sequelize: view }),
    modelManager: new ModelManager(view),
  });
}

/**
 * Returns Sequelize's own methods for those that a subclass overrides. The private fields of the subclass exist only
 * on the instance itself, so its methods cannot run on the view. An overridden `query` still gets every statement: it
 * runs on the instance, with the view's options.
 */
function methodsOf(sequelize: Sequelize, logging: SessionModelOptions["logging"]): object {
  const methods: Record<string, unknown> = {};
  const base = sequelize.Sequelize.prototype as unknown as Record<string, unknown>;
  let level = Object.getPrototypeOf(sequelize);
  for (; level !== null && level !== base; level = Object.getPrototypeOf(level)) {
    for (const name of Object.getOwnPropertyNames(level)) {
      // The constructor is the class, not a method that it overrides.
      if (name in base && name !== "constructor") methods[name] = base[name];
    }
  }
  if ("query" in methods) methods.query = queryOn(sequelize, logging);
  return methods;
}

/** Returns `sequelize.query`, except that the instance's options do not apply to the statement. */
function queryOn(
  sequelize: Sequelize,
  logging: SessionModelOptions["logging"],
): (sql: string, options?: QueryOptions) => Promise<unknown> {
  const { options: { query = {} } } = sequelize as unknown as { options: SharedOptions };
  const noDefaults = Object.fromEntries(Object.keys(query).map((name) => [name, undefined]));
  return (sql, options = {}) =>
    sequelize.query(sql, {
      ...noDefaults,
      ...options,
      logging: options.logging ?? logging,
      retry: NO_RETRY,
    });
}

/** Makes an object that is like another one except for some properties. */
function derive<T extends object>(from: T, properties: object): T {
  // Defined, not assigned: an assignment would call a setter that `from` has.
  return Object.create(from, Object.getOwnPropertyDescriptors(properties));
}
