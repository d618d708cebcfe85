// What the drivers that bypass `sequelize.query` have in common.

import type { Sequelize, Transaction } from "sequelize";
import type { Driver, Outcome, Parameter, Row, Statement } from "./driver.ts";
import { logged } from "./log.ts";
import type { GenericDriver } from "./generic.ts";
import type { Primary } from "./primary.ts";

/** The parts of Sequelize that its types lack. */
export interface SequelizeInternals {
  readonly connectionManager: {
    /** The driver's own module. */
    readonly lib?: unknown;
  };
  readonly dialect: {
    readonly Query: new (connection: unknown, sequelize: Sequelize, options: object) => {
      formatError(error: unknown, stack: string): Error;
    };
  };
  readonly options: {
    readonly native?: boolean;
    readonly dialectOptions?: { readonly prependSearchPath?: boolean };
  };
}

/**
 * Sends statements by the database driver itself, prepared if that is safe.
 *
 * Sequelize's query method costs as much as a short statement itself: it copies options several times, makes two
 * errors for their stacks, and reads rows through parsers that the application may have replaced.
 */
export abstract class DirectDriver<Connection extends object> implements Driver {
  readonly #sequelize: Sequelize;
  readonly #internals: SequelizeInternals;
  readonly #generic: GenericDriver;
  readonly #primary: Primary;
  /** The instance's `query` when this driver was made. */
  readonly #query: unknown;
  /** Whether statements are prepared. `false` once one is refused for that reason, for instance behind a pooler. */
  #prepares = true;

  /** @param generic Sends the statements of transactions. */
  constructor(sequelize: Sequelize, generic: GenericDriver, primary: Primary) {
    this.#sequelize = sequelize;
    this.#internals = sequelize as unknown as SequelizeInternals;
    this.#generic = generic;
    this.#primary = primary;
    this.#query = sequelize.query;
  }

  /**
   * Sends a statement.
   *
   * @param prepare Whether the server prepares it, once per connection.
   */
  protected abstract sendOver(
    connection: Connection,
    statement: Statement,
    parameters: readonly Parameter[],
    prepare: boolean,
  ): Promise<Outcome>;

  /** Whether a statement was refused, before anything was done, because it was prepared. */
  protected abstract isAboutPreparing(error: unknown): boolean;

  /** Called with each error, before it becomes one of Sequelize's. */
  protected onError(_connection: Connection, _error: unknown): void {}

  async send(
    statement: Statement,
    parameters: readonly Parameter[],
    transaction: Transaction | null,
  ): Promise<Outcome> {
    // The generic driver sends in a transaction, because Sequelize rolls back after some errors, and an error of
    // preparing would make the transaction unusable. It also sends if `query` was replaced since, because the
    // replacement is meant to see each statement.
    if (transaction || this.#sequelize.query !== this.#query) {
      return await this.#generic.send(statement, parameters, transaction);
    }
    return await this.#primary.lend(
      statement.returns === "rows",
      (connection, check) => this.#ask(connection as Connection, check),
      (connection) => this.#try(connection as Connection, statement, parameters),
    );
  }

  reachPrimary(): Promise<void> {
    return this.#generic.reachPrimary();
  }

  transact<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    return this.#generic.transact(work);
  }

  /** Sends one of the store's own checks, without logging it. */
  async #ask(connection: Connection, statement: Statement): Promise<readonly Row[]> {
    try {
      return (await this.sendOver(connection, statement, [], false)).rows;
    } catch (error) {
      this.onError(connection, error);
      throw this.#toSequelizeError(connection, error);
    }
  }

  async #try(
    connection: Connection,
    statement: Statement,
    parameters: readonly Parameter[],
  ): Promise<Outcome> {
    const prepare = this.#prepares && statement.isFixed;
    try {
      return await logged(this.#sequelize, statement.text, parameters, () => {
        return this.sendOver(connection, statement, parameters, prepare);
      });
    } catch (error) {
      if (prepare && this.isAboutPreparing(error)) {
        this.#prepares = false;
        return await this.#try(connection, statement, parameters);
      }
      this.onError(connection, error);
      throw this.#toSequelizeError(connection, error);
    }
  }

  /** Returns the error that `sequelize.query` would have thrown. */
  #toSequelizeError(connection: Connection, error: unknown): Error {
    const query = new this.#internals.dialect.Query(connection, this.#sequelize, {});
    return query.formatError(error, new Error().stack!);
  }
}
