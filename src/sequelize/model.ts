// The table: the columns `token`, `data` and `expiry` of SCS, and an index that finds expired rows. With `owners`,
// also the column `owner` and an index that finds the rows of one owner.

import type { Buffer } from "node:buffer";
import type { Model, ModelStatic } from "sequelize";

/** The columns of the sessions table. */
export interface SessionAttributes {
  /** The primary key. */
  token: string;
  /** The encoded values; a `Buffer`, because Sequelize would write any other array as text. */
  data: Buffer;
  /** When the session stops being active. */
  expiry: Date;
  /**
   * Whom the session belongs to, if it has an owner; only with `owners`. Text in PostgreSQL and SQLite, UTF-8 in
   * bytes in the other dialects.
   */
  owner?: string | Buffer | null;
}

/** @ignore so that the documentation does not take Sequelize's own types for undocumented ones */
type SessionModelStatic = ModelStatic<Model<SessionAttributes, SessionAttributes>>;

/** The Sequelize model behind a store. */
export type SessionModel = SessionModelStatic;

/** Whether the table has a column for the owner. */
export function hasOwners(model: SessionModel): boolean {
  return "owner" in model.getAttributes();
}

/** Where the table is, whether it has owners, and whether its statements are logged. */
export interface SessionModelOptions {
  readonly tableName: string;
  readonly schema: string | undefined;
  readonly owners: boolean;
  readonly logging: false | ((sql: string, timing?: number) => void);
}
