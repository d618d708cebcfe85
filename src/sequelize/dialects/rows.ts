// What the statements that are written by hand share.

import type { Transaction } from "sequelize";
import type { SessionModel } from "../model.ts";

/** How a statement is sent. */
export interface SendOptions {
  readonly transaction: Transaction | null;
}

/** The table's name as it stands in a statement, with its schema. */
export function quotedTable(model: SessionModel): string {
  const { queryGenerator } = model.sequelize!.getQueryInterface();
  const { quoteTable } = queryGenerator as { quoteTable(table: unknown): string };
  return quoteTable.call(queryGenerator, model.getTableName());
}
