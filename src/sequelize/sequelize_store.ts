import { Buffer } from "node:buffer";
import { setImmediate } from "node:timers/promises";
import type { Sequelize } from "sequelize";
import { abortable } from "../util/abortable.ts";
import type { Batcher } from "../batching/batcher.ts";
import { check, DATA, EXPIRY, ROW_COUNT, TOKEN } from "../util/check.ts";
import { repeatCleanup } from "./cleanup_loop.ts";
import {
  checkOptions,
  type SequelizeCallOptions,
  type SequelizeStoreOptions,
  type Settings,
} from "./options.ts";
import { batchReads, batchWrites, sendReads, sendWrites, type Write } from "./queues.ts";
import { defineSessionModel, type SessionAttributes, type SessionModel } from "./model.ts";
import { createSessionTable } from "./schema.ts";
import { type SessionRow, SessionTable } from "./session_table.ts";
import type { FullSessionStore, SessionRecord } from "../store/store.ts";
import { isWellFormed } from "../store/token.ts";

/** Shows that `open` calls the constructor: TypeScript's `private` does not exist at run time. */
const OPENED = Symbol("opened");

/**
 * Keeps sessions in a table of any SQL database that Sequelize speaks: PostgreSQL, MySQL, MariaDB,
 * SQLite, SQL Server.
 *
 * Calls that come in while statements are under way leave together as one statement, so that the store
 * gets faster per call as the load grows. The writes of one token keep the order in which they were
 * called, awaited or not. While the database is at a halt calls wait, up to `queueLimit` of them; each one
 * more rejects with a {@linkcode QueueFullError}.
 *
 * The Sequelize instance is the caller's: the store never closes it, and changes nothing of it.
 *
 * @example Open a store, and put a session through it
 * ```ts
 * import { SequelizeStore } from "@scs/sequelize-store";
 * import { Sequelize } from "sequelize";
 *
 * const sequelize = new Sequelize({ dialect: "sqlite", storage: ":memory:", logging: false });
 * await using store = await SequelizeStore.open(sequelize);
 *
 * const inAnHour = new Date(Date.now() + 3_600_000);
 * await store.commit("a-token", new TextEncoder().encode("Hello from a session!"), inAnHour);
 * const session = await store.find("a-token");
 * console.log(new TextDecoder().decode(session?.data)); // Hello from a session!
 * ```
 */
export class SequelizeStore implements FullSessionStore, AsyncDisposable {
  /**
   * The model behind the store, for queries and associations of the application's own. It is not
   * among `sequelize.models`, so that `sequelize.sync({ force: true })` does not drop the sessions.
   */
  readonly model: SessionModel;
  readonly #table: SessionTable;
  readonly #reads: Batcher<string, SessionRow | undefined>;
  readonly #writes: Batcher<Write, boolean>;
  readonly #cleanupBatchSize: number;
  readonly #stop = new AbortController();
  readonly #cleanup: Promise<void>;

  private constructor(caller: typeof OPENED, model: SessionModel, settings: Settings) {
    if (caller !== OPENED) {
      throw new TypeError(
        "Cannot create the session store: use `await SequelizeStore.open(sequelize)`",
      );
    }
    this.model = model;
    this.#table = new SessionTable(model);
    this.#reads = batchReads(this.#table, settings.queueLimit);
    this.#writes = batchWrites(this.#table, settings.queueLimit);
    this.#cleanupBatchSize = settings.cleanupBatchSize;
    this.#cleanup = this.#startCleanup(settings);
  }

  /**
   * Opens a store: creates its table and index where they are missing, and starts the cleanup loop.
   *
   * @param sequelize The application's Sequelize instance, version 6.
   * @returns The store, once its table is there.
   * @throws {TypeError} Where an argument has the wrong type.
   * @throws {RangeError} Where an option is out of range or the dialect is not supported.
   * @throws What the database says where the table cannot be created.
   */
  static async open(
    sequelize: Sequelize,
    options: SequelizeStoreOptions = {},
  ): Promise<SequelizeStore> {
    const settings = checkOptions(sequelize, options);
    const model = defineSessionModel(sequelize, settings);
    if (settings.sync) await createSessionTable(model);
    return new SequelizeStore(OPENED, model, settings);
  }

  /** Finds the active session of a token: see {@linkcode SessionStore.find}. */
  async find(
    token: string,
    { signal, transaction }: SequelizeCallOptions = {},
  ): Promise<SessionRecord | undefined> {
    if (!isWellFormed(token)) return undefined;
    signal?.throwIfAborted();
    const row = transaction
      ? (await abortable(sendReads(this.#table, [token], transaction), signal))[0]
      : await this.#reads.add(token, signal);
    return row && toRecord(row)[0];
  }

  /** Inserts or overwrites a session: see {@linkcode SessionStore.commit}. */
  async commit(
    token: string,
    data: Uint8Array,
    expiry: Date,
    options: SequelizeCallOptions = {},
  ): Promise<void> {
    check("commit the session", "token", token, TOKEN);
    const row = toRow("commit the session", token, data, expiry);
    await this.#write({ verb: "commit", row }, options);
  }

  /** Compare-and-swap of an active session's data: see {@linkcode FullSessionStore.replace}. */
  async replace(
    token: string,
    current: Uint8Array,
    next: Uint8Array,
    expiry: Date,
    options: SequelizeCallOptions = {},
  ): Promise<boolean> {
    check("replace the session", "current", current, DATA);
    const row = toRow("replace the session", token, next, expiry);
    if (!isWellFormed(token)) return false;
    const replacement = { ...row, current: Buffer.from(current) };
    return await this.#write({ verb: "replace", row: replacement }, options);
  }

  /** Moves the expiry of an active session: see {@linkcode FullSessionStore.touch}. */
  async touch(token: string, expiry: Date, options: SequelizeCallOptions = {}): Promise<boolean> {
    check("touch the session", "expiry", expiry, EXPIRY);
    if (!isWellFormed(token)) return false;
    return await this.#write({ verb: "touch", row: { token, expiry: new Date(expiry) } }, options);
  }

  /** Removes a session: see {@linkcode SessionStore.delete}. */
  async delete(token: string, options: SequelizeCallOptions = {}): Promise<void> {
    if (isWellFormed(token)) await this.#write({ verb: "delete", row: { token } }, options);
  }

  /** Reads the data of all active sessions: see {@linkcode FullSessionStore.all}. */
  async all(
    { signal, transaction }: SequelizeCallOptions = {},
  ): Promise<Map<string, Uint8Array>> {
    signal?.throwIfAborted();
    const rows = await abortable(this.#table.findAllActive(transaction), signal);
    return new Map(rows.flatMap(toRecord).map(({ token, data }) => [token, data]));
  }

  /** Walks the active sessions page by page: see {@linkcode FullSessionStore.entries}. */
  async *entries(
    { signal, transaction, pageSize = 1000 }: SequelizeCallOptions & {
      readonly pageSize?: number | undefined;
    } = {},
  ): AsyncIterableIterator<SessionRecord> {
    check("walk the sessions", "pageSize", pageSize, ROW_COUNT);
    for (let after = "";;) {
      signal?.throwIfAborted();
      const page = this.#table.findActiveAfter(after, pageSize, transaction);
      const rows = await abortable(page, signal);
      yield* rows.flatMap(toRecord);
      if (rows.length < pageSize) return;
      after = rows.at(-1)!.token;
    }
  }

  /** Deletes the sessions that have expired: see {@linkcode FullSessionStore.deleteExpired}. */
  async deleteExpired({ signal, transaction }: SequelizeCallOptions = {}): Promise<number> {
    for (let total = 0;; await setImmediate()) {
      signal?.throwIfAborted();
      const now = new Date();
      const tokens = await this.#table.findExpired(now, this.#cleanupBatchSize, transaction);
      if (tokens.length === 0) return total;
      signal?.throwIfAborted();
      const deleted = await this.#table.deleteExpired(tokens, now, transaction);
      total += deleted;
      // None deleted: somebody else is at it, or the rows may be seen and not deleted.
      if (tokens.length < this.#cleanupBatchSize || deleted === 0) return total;
    }
  }

  /**
   * Stops the cleanup loop; the store itself goes on working. Stopping twice does nothing.
   *
   * @returns A promise that resolves once a delete that was under way has settled.
   */
  stopCleanup(): Promise<void> {
    this.#stop.abort();
    return this.#cleanup;
  }

  /** Stops the cleanup loop at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stopCleanup();
  }

  #startCleanup({ cleanupInterval, onError, signal }: Settings): Promise<void> {
    if (cleanupInterval === 0) return Promise.resolve();
    const stop = this.#stop;
    if (signal?.aborted) stop.abort();
    signal?.addEventListener("abort", () => stop.abort(), { once: true, signal: stop.signal });
    return repeatCleanup(this, { interval: cleanupInterval, signal: stop.signal, onError });
  }

  async #write(write: Write, { signal, transaction }: SequelizeCallOptions): Promise<boolean> {
    signal?.throwIfAborted();
    if (!transaction) return await this.#writes.add(write, signal);
    const [done] = await abortable(sendWrites(this.#table, [write], transaction), signal);
    return done!;
  }
}

/** Checks and copies what a caller may go on changing while the write waits. */
function toRow(
  action: string,
  token: string,
  data: Uint8Array,
  expiry: Date,
): SessionAttributes {
  check(action, "data", data, DATA);
  check(action, "expiry", expiry, EXPIRY);
  return { token, data: Buffer.from(data), expiry: new Date(expiry) };
}

/**
 * Copies what several callers may share, and what is a view on memory that the driver uses again. SQLite
 * stores whatever it is given as an expiry: a row with one that is no date is no session.
 */
function toRecord({ token, data, expiry }: SessionRow): SessionRecord[] {
  const date = toDate(expiry);
  return Number.isNaN(date.getTime()) ? [] : [{ token, data: new Uint8Array(data), expiry: date }];
}

// As the databases write it: SQLite `2026-01-31 12:00:00.000 +00:00`, MySQL and MariaDB
// `2026-01-31 12:00:00.000`, PostgreSQL (where the application has replaced the parser) `...+00`.
const DATE = /^(\S+)[ T]([\d:.]+) ?([+-]\d\d)?:?(\d\d)?/;

/** What is without an offset is in UTC, because the store writes it so. */
function toDate(expiry: Date | string): Date {
  if (typeof expiry !== "string") return new Date(expiry);
  const [, day, time, hours = "+00", minutes = "00"] = DATE.exec(expiry) ?? [];
  return new Date(`${day}T${time}${hours}:${minutes}`);
}
