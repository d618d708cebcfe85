import { Buffer } from "node:buffer";
import type { Sequelize } from "sequelize";
import {
  checkCommit,
  checkDeleteOwned,
  checkEntriesOf,
  checkLimit,
  checkPageSize,
  checkReplace,
  checkTouch,
} from "../store/arguments.ts";
import type {
  CommitOptions,
  OwnedSessionStore,
  ReplaceOptions,
  SessionRecord,
} from "../store/store.ts";
import { isWellFormed } from "../store/token.ts";
import { abortable } from "../util/abortable.ts";
import { CleanupLoop } from "./cleanup_loop.ts";
import { Counters, type StoreStats } from "./counters.ts";
import { deleteExpired } from "./delete_expired.ts";
import { dialectOf, type InTransaction, type Statements } from "./dialects/mod.ts";
import { driverFor } from "./drivers/mod.ts";
import { defineSessionModel } from "./define_model.ts";
import { hasOwners, type SessionModel } from "./model.ts";
import {
  checkOptions,
  type SequelizeCallOptions,
  type SequelizeStoreOptions,
  type Settings,
} from "./options.ts";
import { PendingOwners } from "./pending_owners.ts";
import { type Queue, queueReads, queueWrites, type Write } from "./queues.ts";
import { createSessionTable } from "./schema.ts";
import { SessionTable } from "./session_table.ts";
import type { StatementVerb } from "./statement_channel.ts";

/** Proves that `open` calls the constructor: TypeScript's `private` does not exist at run time. */
const OPENED = Symbol("opened");

/**
 * Keeps sessions in a table of a database that Sequelize supports: PostgreSQL, MySQL, MariaDB, SQLite, SQL Server.
 *
 * Calls that arrive while statements are under way are sent together as one statement, so the store needs less time
 * per call as the load grows. The writes of one token keep the order in which they were called, even if they are not
 * awaited. While the database does not respond, up to `queueLimit` calls wait; each further call rejects with a
 * {@linkcode QueueFullError}.
 *
 * A session is _active_ while its expiry is later than now. A token is well-formed if it is 1 to 255 printable ASCII
 * characters other than the space, `"` and `'`. An error always means that the database failed; a failure is never
 * reported as "not found".
 *
 * The Sequelize instance belongs to the caller: the store neither closes nor changes it.
 *
 * @example Open a store, and write and read a session
 * ```ts
 * import { SequelizeStore } from "@scs/sequelize-store";
 * import { nodeSqlite } from "@scs/sequelize-store/node-sqlite";
 * import { Sequelize } from "sequelize";
 *
 * const sequelize = new Sequelize({
 *   dialect: "sqlite",
 *   storage: ":memory:",
 *   dialectModule: nodeSqlite,
 *   logging: false,
 * });
 * await using store = await SequelizeStore.open(sequelize);
 *
 * const inAnHour = new Date(Date.now() + 3_600_000);
 * await store.commit("a-token", new TextEncoder().encode("Hello from a session!"), inAnHour);
 * const session = await store.find("a-token");
 * console.log(new TextDecoder().decode(session?.data)); // Hello from a session!
 * ```
 */
export class SequelizeStore implements OwnedSessionStore, AsyncDisposable {
  /**
   * The model behind the store, for the application's own queries and associations. It is not in `sequelize.models`,
   * so `sequelize.sync({ force: true })` does not drop the sessions.
   */
  readonly model: SessionModel;
  /** Whether the store was opened with `owners`. */
  readonly owners: boolean;
  readonly #counters: Counters;
  readonly #table: SessionTable;
  readonly #reads: Queue<string, SessionRecord | undefined>;
  readonly #writes: Queue<Write, boolean>;
  /** `undefined` if the table has no owners. */
  readonly #pendingOwners: PendingOwners | undefined;
  readonly #cleanupBatchSize: number;
  readonly #cleanupLoop: CleanupLoop;

  private constructor(
    caller: typeof OPENED,
    model: SessionModel,
    table: SessionTable,
    counters: Counters,
    settings: Settings,
  ) {
    if (caller !== OPENED) {
      throw new TypeError(
        "Cannot create the session store: use `await SequelizeStore.open(sequelize)`",
      );
    }
    const sequelize = model.sequelize!;
    this.model = model;
    this.owners = settings.owners;
    this.#counters = counters;
    this.#table = table;
    this.#reads = queueReads(table, settings.queueLimit, counters);
    this.#writes = queueWrites(table, settings.queueLimit, poolSizeOf(sequelize), counters);
    this.#pendingOwners = hasOwners(model) ? new PendingOwners() : undefined;
    this.#cleanupBatchSize = settings.cleanupBatchSize;
    this.#cleanupLoop = new CleanupLoop((options) => this.deleteExpired(options), {
      interval: settings.cleanupInterval,
      signal: settings.signal,
      onError: settings.onError,
    });
  }

  /**
   * Opens a store: creates its table and indexes if they are missing, and starts the cleanup loop.
   *
   * @param sequelize The application's Sequelize instance, version 6.
   * @param options How the store is set up.
   * @returns The store, once its table exists.
   * @throws {TypeError} If an argument has the wrong type, or an option is unknown.
   * @throws {RangeError} If an option is out of range, or the dialect is not supported.
   * @throws The database's error if the table cannot be created.
   */
  static async open(
    sequelize: Sequelize,
    options: SequelizeStoreOptions = {},
  ): Promise<SequelizeStore> {
    const settings = checkOptions(sequelize, options);
    const model = defineSessionModel(sequelize, settings);
    const dialect = dialectOf(sequelize);
    const counters = new Counters();
    const driver = driverFor(model.sequelize!, dialect, settings, () => counters.evicted++);
    const source = { dialect: sequelize.getDialect(), tableName: settings.tableName };
    const statements = dialect.statements(model, driver);
    const table = new SessionTable(statements, dialect.errors, counters, source);
    if (settings.sync) {
      await table.reachPrimary(driver);
      await createSessionTable(model);
    }
    return new SequelizeStore(OPENED, model, table, counters, settings);
  }

  /**
   * Finds the active session of a token.
   *
   * @param token The session's token. A malformed one is never found, and no query is made.
   * @returns The session, or `undefined` if the token is missing, expired or malformed.
   * @throws The database's error if it fails.
   */
  async find(
    token: string,
    options: SequelizeCallOptions = {},
  ): Promise<SessionRecord | undefined> {
    if (!isWellFormed(token)) return undefined;
    const record = await this.#reads.carryOut(token, options);
    return record && copyOf(record);
  }

  /**
   * Inserts a session, or overwrites data, expiry and owner of the one that has this token.
   *
   * @param token The session's token.
   * @param data The encoded values. They are copied, so the caller may reuse the array at once.
   * @param expiry An absolute time; one in the past makes a session that is never found.
   * @param options `owner`: whom the session belongs to; by default, it has no owner.
   * @throws {TypeError} If an argument has the wrong type, or an owner is given and the store was opened without
   *   `owners`.
   * @throws {RangeError} If the token is malformed, the expiry is not a valid `Date` between the years 1000 and 9999,
   *   or the owner does not have 1 to 255 characters.
   * @throws {QueueFullError} If `queueLimit` calls are already waiting.
   * @throws The database's error if it fails.
   */
  async commit(
    token: string,
    data: Uint8Array,
    expiry: Date,
    options: SequelizeCallOptions & CommitOptions = {},
  ): Promise<void> {
    const { owner } = options;
    checkCommit(token, data, expiry, owner);
    const row = { token, data: Buffer.from(data), expiry: new Date(expiry), owner };
    await this.#write("commit the session", { verb: "commit", row }, owner, options);
  }

  /**
   * Compare-and-swap: writes `next` and `expiry` only if the active session of this token still holds `current`. So
   * if two requests change one session, neither undoes the other's change.
   *
   * @param token The session's token.
   * @param current The data that the caller has seen, compared byte for byte.
   * @param next The data to write; copied, as with `commit`.
   * @param expiry An absolute time.
   * @param options `owner`: the new owner; `null` removes it; by default, it stays.
   * @returns Whether it was written: `false` if the data has changed, or the session is missing or expired. It never
   *   inserts, so a destroyed session stays destroyed.
   * @throws {TypeError} If an argument has the wrong type, or an owner is given and the store was opened without
   *   `owners`.
   * @throws {RangeError} If the expiry is not a valid `Date` between the years 1000 and 9999, or the owner does not
   *   have 1 to 255 characters.
   * @throws {QueueFullError} If `queueLimit` calls are already waiting.
   * @throws The database's error if it fails.
   */
  async replace(
    token: string,
    current: Uint8Array,
    next: Uint8Array,
    expiry: Date,
    options: SequelizeCallOptions & ReplaceOptions = {},
  ): Promise<boolean> {
    const { owner } = options;
    checkReplace(current, next, expiry, owner);
    if (!isWellFormed(token)) return false;
    const row = {
      token,
      data: Buffer.from(next),
      expiry: new Date(expiry),
      current: Buffer.from(current),
      owner,
    };
    return await this.#write("replace the session", { verb: "replace", row }, owner, options);
  }

  /**
   * Changes the expiry of an active session, and leaves its data as it is.
   *
   * @param token The session's token.
   * @param expiry An absolute time; one in the past ends the session.
   * @returns Whether there was an active session: `false` if it is missing or expired. It never inserts.
   * @throws {TypeError} If the expiry is not a `Date`.
   * @throws {RangeError} If the expiry is not a valid `Date` between the years 1000 and 9999.
   * @throws {QueueFullError} If `queueLimit` calls are already waiting.
   * @throws The database's error if it fails.
   */
  async touch(token: string, expiry: Date, options: SequelizeCallOptions = {}): Promise<boolean> {
    checkTouch(expiry);
    if (!isWellFormed(token)) return false;
    const row = { token, expiry: new Date(expiry) };
    return await this.#writes.carryOut({ verb: "touch", row }, options);
  }

  /**
   * Removes a session; does nothing if there is none.
   *
   * @param token The session's token. A malformed one has no session, and no query is made.
   * @throws {QueueFullError} If `queueLimit` calls are already waiting.
   * @throws The database's error if it fails.
   */
  async delete(token: string, options: SequelizeCallOptions = {}): Promise<void> {
    if (!isWellFormed(token)) return;
    await this.#writes.carryOut({ verb: "delete", row: { token } }, options);
  }

  /**
   * Reads the data of all active sessions by their tokens, all at once into memory. For a large table, use `entries`.
   *
   * @returns A map, which is empty if no session is active.
   * @throws The database's error if it fails.
   */
  async all(
    { signal, transaction }: SequelizeCallOptions = {},
  ): Promise<Map<string, Uint8Array>> {
    signal?.throwIfAborted();
    const reading = this.#run("all", transaction, (statements, transaction) => {
      return statements.findAll(transaction);
    });
    const records = await abortable(reading, signal);
    return new Map(records.map(({ token, data }) => [token, new Uint8Array(data)]));
  }

  /**
   * Walks the active sessions page by page in the order of their tokens. The memory that it needs does not grow with
   * the table. A session that exists during the whole walk is returned once. One that is added or deleted during the
   * walk is returned at most once.
   *
   * @param options `pageSize`: the sessions read at a time, 1 to 10 000, by default 1000.
   * @returns The sessions; none if no session is active.
   * @throws {RangeError} On the first step, if `pageSize` is out of range.
   * @throws The database's error if it fails.
   */
  async *entries(
    { signal, transaction, pageSize = 1000 }: SequelizeCallOptions & {
      readonly pageSize?: number | undefined;
    } = {},
  ): AsyncIterableIterator<SessionRecord> {
    checkPageSize(pageSize);
    yield* this.#walk(undefined, { signal, transaction, pageSize });
  }

  /**
   * Walks the active sessions of one owner page by page, in the order of their tokens. It uses the index, regardless
   * of the size of the table.
   *
   * @param owner Whom they belong to, compared byte for byte.
   * @param options `pageSize`: the sessions read at a time, 1 to 10 000, by default 1000.
   * @returns The sessions; none if the owner has no active session.
   * @throws {TypeError} On the first step, if the owner is not a string, or the store was opened without `owners`.
   * @throws {RangeError} On the first step, if the owner does not have 1 to 255 characters, or `pageSize` is out of
   *   range.
   * @throws The database's error if it fails.
   */
  async *entriesOf(
    owner: string,
    { signal, transaction, pageSize = 1000 }: SequelizeCallOptions & {
      readonly pageSize?: number | undefined;
    } = {},
  ): AsyncIterableIterator<SessionRecord> {
    checkEntriesOf(owner, pageSize);
    this.#assertOwners("walk the sessions");
    yield* this.#walk(owner, { signal, transaction, pageSize });
  }

  /**
   * Deletes the sessions of one owner.
   *
   * Earlier calls without a transaction that give a session to this owner are carried out first, so a commit that
   * still waits does not survive. A session that is replaced or touched at the same moment, even in another process,
   * does not come back. One that is committed at the same moment may be deleted or not. With a transaction, the call
   * is sent at once: it could wait forever for a write that waits for this transaction's locks.
   *
   * @param owner Whom they belong to, compared byte for byte.
   * @param options `except`: the tokens of sessions to keep.
   * @returns How many active sessions were deleted.
   * @throws {TypeError} If an argument has the wrong type, or the store was opened without `owners`.
   * @throws {RangeError} If the owner does not have 1 to 255 characters.
   * @throws The database's error if it fails.
   */
  async deleteOwned(
    owner: string,
    { signal, transaction, except = [] }: SequelizeCallOptions & {
      readonly except?: readonly string[] | undefined;
    } = {},
  ): Promise<number> {
    checkDeleteOwned(owner, except);
    const pendingOwners = this.#assertOwners("delete the sessions");
    signal?.throwIfAborted();
    const kept = except.filter(isWellFormed);
    if (!transaction) await abortable(pendingOwners.settled(owner), signal);
    const deleting = this.#run("deleteOwned", transaction, (statements, transaction) => {
      return statements.deleteOwned(owner, kept, transaction);
    });
    return await abortable(deleting, signal);
  }

  /**
   * Deletes the sessions that have expired, oldest first, in batches. The signal is checked between two statements:
   * once the call settles, none of its statements is under way.
   *
   * @param options `limit`: the most sessions to delete, 1 or more; by default all that have expired.
   * @returns How many sessions were deleted. If that is fewer than `limit`, no more had expired, or another process
   *   is deleting them at the same time.
   * @throws {TypeError} If `limit` is not a number.
   * @throws {RangeError} If `limit` is out of range.
   * @throws The database's error if it fails, or the signal's reason; some sessions may have been deleted by then.
   */
  async deleteExpired(
    { signal, transaction, limit = Infinity }: SequelizeCallOptions & {
      readonly limit?: number | undefined;
    } = {},
  ): Promise<number> {
    checkLimit(limit);
    const start = performance.now();
    const deleted = await deleteExpired(
      (statement) => this.#run("deleteExpired", transaction, statement),
      { batchSize: this.#cleanupBatchSize, limit, signal },
    );
    const duration = performance.now() - start;
    this.#counters.lastCleanup = Object.freeze({ at: Date.now(), duration, deleted });
    return deleted;
  }

  /**
   * Returns what the store has done since it was opened, and what it is doing, for a page of metrics or a log line.
   * It makes no query.
   *
   * @returns A frozen object of numbers.
   *
   * @example Print how many calls share a statement
   * ```ts
   * import { SequelizeStore } from "@scs/sequelize-store";
   * import { nodeSqlite } from "@scs/sequelize-store/node-sqlite";
   * import { Sequelize } from "sequelize";
   *
   * const sequelize = new Sequelize({
   *   dialect: "sqlite",
   *   storage: ":memory:",
   *   dialectModule: nodeSqlite,
   *   logging: false,
   * });
   * await using store = await SequelizeStore.open(sequelize);
   *
   * await Promise.all(Array.from({ length: 20 }, (_, i) => store.find(`token${i}`)));
   * const { calls, statements, callsPerStatement } = store.stats();
   * console.log(calls, statements, callsPerStatement); // 20 2 10
   * ```
   */
  stats(): StoreStats {
    return this.#counters.toStats(this.#reads.waiting + this.#writes.waiting);
  }

  /** Carries out a statement that is sent for one call only. */
  #run<T>(
    verb: StatementVerb,
    transaction: InTransaction | undefined,
    statement: (statements: Statements, transaction: InTransaction) => Promise<T>,
  ): Promise<T> {
    this.#counters.calls++;
    return this.#table.run({ verb, calls: 1 }, transaction, statement);
  }

  /** Carries out a write that gives a session an owner, unless `owner` is `undefined` or `null`. */
  #write(
    action: string,
    write: Write,
    owner: string | null | undefined,
    options: SequelizeCallOptions,
  ): Promise<boolean> {
    if (owner === undefined || owner === null) return this.#writes.carryOut(write, options);
    const pendingOwners = this.#assertOwners(action);
    options.signal?.throwIfAborted();
    const onSettled = options.transaction ? undefined : pendingOwners.add(owner);
    return this.#writes.carryOut(write, options, onSettled);
  }

  /** @throws {TypeError} If the table has no owners. */
  #assertOwners(action: string): PendingOwners {
    if (this.#pendingOwners) return this.#pendingOwners;
    throw new TypeError(`Cannot ${action}: the store must be opened with \`owners: true\``);
  }

  async *#walk(
    owner: string | undefined,
    { signal, transaction, pageSize }: SequelizeCallOptions & { readonly pageSize: number },
  ): AsyncIterableIterator<SessionRecord> {
    const verb = owner === undefined ? "entries" : "entriesOf";
    for (let after = "";;) {
      signal?.throwIfAborted();
      const reading = this.#run(verb, transaction, (statements, transaction) => {
        return statements.findPage(after, pageSize, owner, transaction);
      });
      const { records, last } = await abortable(reading, signal);
      yield* records.map(copyOf);
      if (last === undefined) return;
      assertAfter(last, after);
      after = last;
    }
  }

  /**
   * Stops the cleanup loop; the store itself goes on working. Stopping twice does nothing.
   *
   * @returns A promise that resolves once a delete that was under way has settled.
   */
  stopCleanup(): Promise<void> {
    return this.#cleanupLoop.stop();
  }

  /** Stops the cleanup loop at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stopCleanup();
  }
}

/**
 * Throws if a page does not come after the last one: a walk must end. A table that SCS made for MySQL ignores case.
 */
function assertAfter(last: string, after: string): void {
  if (last > after || last.toLowerCase() > after.toLowerCase()) return;
  throw new Error("Cannot walk the sessions: the database returned a page again");
}

/** Copies what several callers may share, or the driver may reuse. */
function copyOf({ token, data, expiry, owner }: SessionRecord): SessionRecord {
  const copy = { token, data: new Uint8Array(data), expiry: new Date(expiry) };
  return owner === undefined ? copy : { ...copy, owner };
}

/** Returns how many connections Sequelize opens at most. */
function poolSizeOf(sequelize: Sequelize): number {
  return sequelize.config.pool?.max ?? 5;
}
