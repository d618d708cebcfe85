import type { Sequelize } from "sequelize";
import { hasMethods } from "../../util/check.ts";
import { classify, type ErrorTable, STANDBY_ERROR } from "../errors.ts";
import type { Row, Statement } from "./driver.ts";

/** How a dialect asks whether a server is a standby: one that takes no writes, and whose rows may be old. */
export interface StandbyCheck {
  readonly statement: Statement;
  /** Whether the row says that the server is a standby. */
  isStandby(row: Row): boolean;
  /**
   * Whether the connection leads to the same server until it ends, and ends when the server is demoted. Without this
   * function, a connection may lead to a standby at any time.
   */
  isFixed?(row: Row, connection: object): boolean;
  /** Returns the driver's options that make it give up a server that does not answer for `ms` milliseconds. */
  giveUpAfter(ms: number): object;
}

/** Sends the check over a connection. */
export type Ask = (connection: object, statement: Statement) => Promise<readonly Row[]>;

/** The part of Sequelize's connection manager that is used here. */
interface ConnectionManager {
  /** With Sequelize's `replication`, a pool for the primary and another one for the replicas. */
  readonly pool?: Pool | { readonly write: Pool };
  getConnection(options: { readonly useMaster: true }): Promise<object>;
  releaseConnection(connection: object): void;
}

interface Pool {
  destroy(connection: object): Promise<void>;
}

/** For how many milliseconds a connection is trusted if its server may be demoted without ending it. */
const TRUSTED_MS = 1000;

/**
 * Lends the connections of the application's pool, and takes those that lead to a standby out of it.
 *
 * The pool keeps a connection as long as it is in use, even one that was made while a proxy still pointed at the old
 * primary. On such a connection, writes are refused, but reads would return old rows without an error. So connections
 * are checked before the first read.
 */
export class Primary {
  readonly #manager: ConnectionManager;
  readonly #errors: ErrorTable;
  readonly #onEvicted: () => void;
  #check: StandbyCheck | undefined;
  /** When each connection was last seen to lead to the primary; `Infinity` if it cannot lead elsewhere. */
  readonly #trusted = new WeakMap<object, number>();
  /** When the primary may have changed. Earlier checks no longer count. */
  #changed = 0;

  /**
   * @param check Left out if sessions may be read from standbys.
   * @param onEvicted Called after each connection that was taken out of its pool.
   * @returns `undefined` if Sequelize's connection manager was replaced by one that is not known.
   */
  static of(
    sequelize: Sequelize,
    errors: ErrorTable,
    check: StandbyCheck | undefined,
    onEvicted: () => void,
  ): Primary | undefined {
    const { connectionManager } = sequelize as unknown as { connectionManager: ConnectionManager };
    return hasMethods(connectionManager, ["getConnection", "releaseConnection"])
      ? new Primary(connectionManager, errors, check, onEvicted)
      : undefined;
  }

  private constructor(
    manager: ConnectionManager,
    errors: ErrorTable,
    check: StandbyCheck | undefined,
    onEvicted: () => void,
  ) {
    this.#onEvicted = onEvicted;
    this.#manager = manager;
    this.#errors = errors;
    this.#check = check;
  }

  /**
   * Lends a connection for one statement.
   *
   * @param reads Whether the statement returns rows, which must not be old ones.
   */
  async lend<T>(
    reads: boolean,
    ask: Ask,
    send: (connection: object) => Promise<T>,
  ): Promise<T> {
    const connection = await this.#manager.getConnection({ useMaster: true });
    try {
      await this.check(connection, reads, ask);
      return await send(connection);
    } catch (error) {
      this.evictAfter(error, connection);
      throw error;
    } finally {
      // The pool ignores a connection that it no longer holds.
      this.#manager.releaseConnection(connection);
    }
  }

  /**
   * Checks a connection unless it was checked shortly before.
   *
   * @throws {Error} If it leads to a standby.
   */
  async check(connection: object, reads: boolean, ask: Ask): Promise<void> {
    const check = this.#check;
    if (!check || !this.#isDue(connection, reads)) return;
    const start = performance.now();
    let row: Row | undefined;
    try {
      [row] = await ask(connection, check.statement);
    } catch (error) {
      if (classify(error, this.#errors) !== "operation") throw error;
      // An unknown server that does not support the check, so its standbys cannot be recognized.
      this.#check = undefined;
    }
    if (!row) return;
    if (check.isStandby(row)) throw standbyError();
    this.#trusted.set(connection, check.isFixed?.(row, connection) ? Infinity : start);
  }

  /**
   * Takes a connection out of its pool and ends it, if an error says that it leads to a standby.
   *
   * @returns Whether it leads to a standby.
   */
  evictAfter(error: unknown, connection: object): boolean {
    if (classify(error, this.#errors) !== "read-only") return false;
    this.#changed = performance.now();
    this.#trusted.delete(connection);
    const { pool } = this.#manager;
    const own = pool && "write" in pool ? pool.write : pool;
    // Not awaited, because a server that is frozen would never answer.
    own?.destroy(connection).catch(() => {});
    this.#onEvicted();
    return true;
  }

  #isDue(connection: object, reads: boolean): boolean {
    const trusted = this.#trusted.get(connection);
    if (trusted === Infinity) return false;
    const now = performance.now();
    if (trusted === undefined) {
      // A new connection may lead to a new primary. The other connections then lead to the old one.
      this.#changed = now;
      this.#trusted.set(connection, -Infinity);
    }
    return reads &&
      !(trusted !== undefined && trusted > this.#changed && now - trusted < TRUSTED_MS);
  }
}

function standbyError(): Error {
  const error = new Error("Cannot read the sessions");
  error.name = STANDBY_ERROR;
  return error;
}
