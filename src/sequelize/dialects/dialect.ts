// The interface of a dialect, which is chosen once, when a store is opened.

import type { Buffer } from "node:buffer";
import type { DataType, DataTypes, Sequelize, Transaction } from "sequelize";
import type { SessionRecord } from "../../store/store.ts";
import type { SessionModel } from "../model.ts";
import type { Driver, Parameter } from "../drivers/driver.ts";
import type { StandbyCheck } from "../drivers/primary.ts";
import type { ErrorTable } from "../errors.ts";

/** A row to insert or overwrite. */
export interface Commit {
  readonly token: string;
  readonly data: Buffer;
  readonly expiry: Date;
  /** Whom the session belongs to, if it has an owner; only if the table has owners. */
  readonly owner: string | undefined;
}

/** A row whose expiry changes. */
export type Touch = Omit<Commit, "data" | "owner">;

/** A row that gets other data and another expiry if it holds `current`. */
export interface Replacement extends Omit<Commit, "owner"> {
  readonly current: Buffer;
  /** The new owner; `null`: none; `undefined`: as before. */
  readonly owner: string | null | undefined;
}

/** The caller's transaction, if any. */
export type InTransaction = Transaction | null;

/**
 * How rows are written: one at a time, or several by one statement. The result says which sessions were written,
 * because `touch` and `replace` write only active ones.
 */
export type Verb<Write> =
  | {
    readonly takes: "one";
    send(row: Write, transaction: InTransaction): Promise<boolean>;
  }
  | {
    readonly takes: "many";
    /** @param rows One or more, each with a token of its own. */
    send(rows: readonly Write[], transaction: InTransaction): Promise<ReadonlySet<string>>;
  };

/** A page of a table's sessions. */
export interface Page {
  readonly records: readonly SessionRecord[];
  /** The last row's token, after which the next page begins; `undefined` if this is the last page. */
  readonly last: string | undefined;
}

/** The statements on one sessions table. */
export interface Statements {
  readonly commit: Verb<Commit>;
  readonly touch: Verb<Touch>;
  readonly replace: Verb<Replacement>;

  delete(tokens: readonly string[], transaction: InTransaction): Promise<void>;

  /** Reads the active sessions among these tokens. */
  find(tokens: readonly string[], transaction: InTransaction): Promise<SessionRecord[]>;

  findAll(transaction: InTransaction): Promise<SessionRecord[]>;

  /**
   * Reads the first `limit` active sessions whose tokens come after one, in the order of the tokens.
   *
   * @param owner If given, only the sessions of this owner.
   */
  findPage(
    after: string,
    limit: number,
    owner: string | undefined,
    transaction: InTransaction,
  ): Promise<Page>;

  /**
   * Deletes the rows of an owner, except those of some tokens. Expired rows are also deleted, because a late touch by
   * a process with a slow clock would still find them.
   *
   * @returns How many of them were active.
   */
  deleteOwned(
    owner: string,
    except: readonly string[],
    transaction: InTransaction,
  ): Promise<number>;

  /** Reads the tokens of the sessions that expired first, up to `now`. */
  findExpired(now: Date, limit: number, transaction: InTransaction): Promise<string[]>;

  /** Deletes the rows of these tokens that are still expired: one may have been extended meanwhile. */
  deleteExpired(
    tokens: readonly string[],
    now: Date,
    transaction: InTransaction,
  ): Promise<number>;
}

export interface ColumnTypes {
  readonly token: DataType | string;
  readonly data: DataType;
  /** Any text of 255 characters, compared byte for byte. */
  readonly owner: DataType | string;
}

/** How a statement about the table itself is sent. */
export interface QueryOptions {
  readonly transaction: Transaction | null;
  /** Never to a replica. */
  readonly useMaster: true;
}

export interface Dialect {
  /** The column types, made of the caller's own copy of Sequelize. */
  columnTypes(types: typeof DataTypes): ColumnTypes;

  /**
   * Asks the server which column types it needs other than the dialect's own, because it only resembles the dialect's
   * database. Called before the table or a column is created.
   */
  readonly otherTypes?: (
    sequelize: Sequelize,
    options: QueryOptions,
  ) => Promise<Partial<Pick<ColumnTypes, "token" | "owner">>>;

  /**
   * How Sequelize treats a schema: as a real one; as the beginning of the table's name, with a dot after it; or, with
   * `refused`, as part of one quoted name with a dot in it, which no statement of ours would find.
   */
  readonly schemas: "real" | "prefix" | "refused";

  /** Options of the driver that may change the shape of all results. Each function returns whether a value does. */
  readonly reshapingOptions?: Readonly<Record<string, (value: unknown) => boolean>>;

  /**
   * Looks at the table's indexes: "token" is in the result if a unique index is on it alone, and "expiry" and "owner"
   * if an index begins with them.
   *
   * @returns `undefined` if the user may not look, or if the table is a synonym: the table is then used as it is.
   */
  indexedColumns(
    model: SessionModel,
    options: QueryOptions,
  ): Promise<ReadonlySet<string> | undefined>;

  /**
   * Makes the statement that adds the owner's column unless it exists. It is needed because a transaction accepts no
   * statement after a look-up that has failed, and Sequelize's own statement looks in one schema only.
   */
  readonly addOwnerIfMissing?: (model: SessionModel, type: DataType | string) => string;

  /** What the errors of its drivers mean. */
  readonly errors: ErrorTable;

  /** How to find out whether a server is a standby; left out if the database has none. */
  readonly standbyCheck?: StandbyCheck;

  readonly statements: (model: SessionModel, driver: Driver) => Statements;

  /** Returns a function that writes values as literals of SQL, if they cannot be Sequelize's bind parameters. */
  readonly literalFor?: (sequelize: Sequelize) => ((value: Parameter) => string) | undefined;
}
