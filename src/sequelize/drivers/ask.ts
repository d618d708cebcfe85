import type { Sequelize, Transaction } from "sequelize";
import { libraryOf } from "../library.ts";
import type { Row, Statement } from "./driver.ts";

/** Sends one of the store's own checks by `sequelize.query`, over one connection, without logging it. */
export function ask(
  sequelize: Sequelize,
  connection: object,
  { text }: Statement,
): Promise<readonly Row[]> {
  const type = libraryOf(sequelize).QueryTypes.SELECT;
  // Sequelize must not put a search path before the statement.
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

/** Makes Sequelize use a connection, as it does itself to ask for the server's version. */
export function on(connection: object): Transaction {
  return { connection } as unknown as Transaction;
}
