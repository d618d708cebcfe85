// What a dialect says: chosen once, when a store is opened.

import type { Buffer } from "node:buffer";
import type { DataType, DataTypes, Sequelize, Transaction } from "sequelize";
import type { SessionRecord } from "../../store/store.ts";
import type { SessionModel } from "../model.ts";
import type { Driver, Parameter } from "../drivers/driver.ts";
import type { StandbyCheck } from "../drivers/primary.ts";
import type { ErrorTable } from "../errors.ts";

/** A row to be inserted or overwritten. */
export interface Commit {
  readonly token: string;
  readonly data: Buffer;
  readonly expiry: Date;
  /** Whom the session belongs to, if anybody; only if the table has owners. */
  readonly owner: string | undefined;
}

/** A row whose expiry is to move. */
export type Touch = Omit<Commit, "data" | "owner">;

/** A row that is to hold other data and another expiry, if it holds `current`. */
export interface Replacement extends Omit<Commit, "owner"> {
  readonly current: Buffer;
  /** Whom the session belongs to from now on; `null`: nobody; `undefined`: whom it does. */
  readonly owner: string | null | undefined;
}

/** The caller's transaction, if any. */
export type InTransaction = Transaction | null;

/**
 * How rows are written: one at a time, or several by one statement. What it returns says which sessions
 * were written: `touch` and `replace` write active ones only.
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

/** Some of a table's sessions. */
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

  /** Deletes the rows of these tokens. */
  delete(tokens: readonly string[], transaction: InTransaction): Promise<void>;

  /** Reads the active sessions among these tokens. */
  find(tokens: readonly string[], transaction: InTransaction): Promise<SessionRecord[]>;

  /** Reads all active sessions. */
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
   * Deletes the rows of an owner, except those of some tokens; also expired ones, which a late touch of a process
   * with a slow clock would still find.
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

/** The types of the table's columns. */
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

/** A kind of database. */
export interface Dialect {
  /** The column types, made of the caller's own copy of Sequelize. */
  columnTypes(types: typeof DataTypes): ColumnTypes;

  /**
   * Asks the server which column types it needs that are not the dialect's own, because it only resembles the
   * dialect's. Called when the table or a column is to be made.
   */
  readonly otherTypes?: (
    sequelize: Sequelize,
    options: QueryOptions,
  ) => Promise<Partial<Pick<ColumnTypes, "token" | "owner">>>;

  /**
   * What Sequelize makes of a schema: a real one; the beginning of the table's name, with a dot after it; or,
   * with `refused`, one quoted name with a dot in it, which no statement of ours would find.
   */
  readonly schemas: "real" | "prefix" | "refused";

  /** Options of the driver that change the shape of all results, and whether a value of theirs does. */
  readonly reshapingOptions?: Readonly<Record<string, (value: unknown) => boolean>>;

  /**
   * Looks at the table's indexes: "token" is in the result if a unique index is on it alone, and "expiry" and
   * "owner" if an index begins with them.
   *
   * @returns `undefined` if the user may not look, or a synonym is in between: the table must then be taken
   *   as it stands.
   */
  indexedColumns(
    model: SessionModel,
    options: QueryOptions,
  ): Promise<ReadonlySet<string> | undefined>;

  /**
   * Makes the statement that adds the owner's column unless it is there: because a transaction takes none after a
   * look that has failed, and Sequelize's own goes to one schema only.
   */
  readonly addOwnerIfMissing?: (model: SessionModel, type: DataType | string) => string;

  /** What the errors mean that its drivers report. */
  readonly errors: ErrorTable;

  /** How to tell whether a server is a standby; left out if there are none. */
  readonly standbyCheck?: StandbyCheck;

  /** Makes the statements on a table. */
  readonly statements: (model: SessionModel, driver: Driver) => Statements;

  /** How values become literals of SQL, if they cannot be bind parameters of Sequelize's. */
  readonly literalFor?: (sequelize: Sequelize) => ((value: Parameter) => string) | undefined;
}
