// Publishes each statement to the subscribers of node:diagnostics_channel. It is a plain channel, not a
// TracingChannel, which would pass them the statement's result and error, and so tokens and data.

import { channel } from "node:diagnostics_channel";
import { errorName } from "../util/error_name.ts";

/** The method of a store that sent a statement. */
export type StatementVerb =
  | "find"
  | "commit"
  | "replace"
  | "touch"
  | "delete"
  | "all"
  | "entries"
  | "entriesOf"
  | "deleteOwned"
  | "deleteExpired";

/**
 * The message that subscribers of the channel `scs:sequelize-store:statement` of `node:diagnostics_channel` get once
 * a statement has ended. It contains no token, no data, no owner and no SQL.
 *
 * @example Print each statement
 * ```ts
 * import { subscribe } from "node:diagnostics_channel";
 * import type { StatementMessage } from "@scs/sequelize-store";
 *
 * subscribe("scs:sequelize-store:statement", (message) => {
 *   const { verb, calls, duration, error = "ok" } = message as StatementMessage;
 *   console.log(`${verb} of ${calls} calls: ${error} after ${duration} ms`);
 * });
 * ```
 */
export interface StatementMessage {
  /** The method of the store that sent it. */
  readonly verb: StatementVerb;
  /** How many calls it was sent for. */
  readonly calls: number;
  /** How long it took in milliseconds, including the wait for a connection of the pool. */
  readonly duration: number;
  /** The name of the error's class if it failed, such as `"SequelizeConnectionError"`. */
  readonly error: string | undefined;
  /** Sequelize's name of the dialect, such as `"postgres"`. */
  readonly dialect: string;
  /** The table's name, as it was passed to `SequelizeStore.open`. */
  readonly tableName: string;
}

/** What the messages of one store have in common. */
export type StatementSource = Pick<StatementMessage, "dialect" | "tableName">;

/** What the messages of one statement have in common, if it is sent several times. */
export type StatementSubject = Pick<StatementMessage, "verb" | "calls">;

const statements = channel("scs:sequelize-store:statement");

/** Sends a statement, and publishes its outcome if the channel has subscribers. */
export function published<T>(
  source: StatementSource,
  subject: StatementSubject,
  send: () => Promise<T>,
): Promise<T> {
  return statements.hasSubscribers ? publishing(source, subject, send) : send();
}

async function publishing<T>(
  { dialect, tableName }: StatementSource,
  { verb, calls }: StatementSubject,
  send: () => Promise<T>,
): Promise<T> {
  const start = performance.now();
  let error: string | undefined;
  try {
    return await send();
  } catch (reason) {
    error = errorName(reason);
    throw reason;
  } finally {
    const duration = performance.now() - start;
    statements.publish({ verb, calls, duration, error, dialect, tableName });
  }
}
