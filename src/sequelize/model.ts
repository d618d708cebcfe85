// The table: SCS's own `token`, `data` and `expiry`, and an index that finds what has expired.

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
}

/** @ignore so that the documentation does not take Sequelize's own types for undocumented ones */
type SessionModelStatic = ModelStatic<Model<SessionAttributes, SessionAttributes>>;

/** The Sequelize model behind a store. */
export type SessionModel = SessionModelStatic;

/** Where the table is, and whether its statements are logged. */
export interface SessionModelOptions {
  readonly tableName: string;
  readonly schema: string | undefined;
  readonly logging: false | ((sql: string, timing?: number) => void);
}
