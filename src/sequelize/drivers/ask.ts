import type { Sequelize, Transaction } from "sequelize";
import { libraryOf } from "../library.ts";
import type { Row, Statement } from "./driver.ts";

/** Sends a statement of the store's own by `sequelize.query`, over one connection, without logging it. */
export function ask(
  sequelize: Sequelize,
  connection: object,
  { text }: Statement,
): Promise<readonly Row[]> {
  const type = libraryOf(sequelize).QueryTypes.SELECT;
  // One statement, without a search path before it.
  const alone = { supportsSearchPath: false };
  const options = {
    ...alone,
    logging: false,
    raw: true,
    transaction: on(connection),
    type,
  } as const;
  return sequelize.query<Row>(text, options);
}

/** Has Sequelize use a connection, as it does itself to ask for the server's version. */
export function on(connection: object): Transaction {
  return { connection } as unknown as Transaction;
}
