import type { Transaction } from "sequelize";
import { retry } from "../util/retry.ts";
import type { Statements } from "./dialects/mod.ts";
import { classify, driverError, type ErrorClass, type ErrorTable, isTransient } from "./errors.ts";
import { addToMessage, redact } from "./redact.ts";
import { UntilPrimary } from "./until_primary.ts";

const NO_TABLE =
  "create the sessions table with `sync: true` of SequelizeStore.open, or by the migration of" +
  " @scs/sequelize-store/migration";

const NO_OWNER =
  "add the column 'owner' with `sync: true` of SequelizeStore.open, or by the migration of" +
  " @scs/sequelize-store/migration with `owners: true`";

const READ_ONLY = "the server is a standby, was demoted to one, or is set to take no writes";

/** Carries out a dialect's statements: sends them again if that may help, and redacts their errors. */
export class SessionTable {
  readonly statements: Statements;
  readonly #errors: ErrorTable;
  readonly #untilPrimary: UntilPrimary;

  constructor(statements: Statements, errors: ErrorTable) {
    this.statements = statements;
    this.#errors = errors;
    this.#untilPrimary = new UntilPrimary((error) => this.classify(error) === "read-only");
  }

  /**
   * Carries out a statement.
   *
   * @param transaction The caller's. Nothing is sent again in it: the database may have rolled back what came
   *   before.
   */
  async run<T>(
    transaction: Transaction | null | undefined,
    statement: (statements: Statements, transaction: Transaction | null) => Promise<T>,
  ): Promise<T> {
    try {
      if (transaction) return await statement(this.statements, transaction);
      // null, not undefined: or Sequelize would look for an ambient (CLS) transaction.
      return await this.#untilPrimary.send(() =>
        retry(
          () => statement(this.statements, null),
          (error) => isTransient(this.classify(error)),
        )
      );
    } catch (error) {
      const redacted = redact(error);
      const errorClass = this.classify(error);
      if (errorClass === "read-only") addToMessage(redacted, READ_ONLY);
      if (errorClass === "no-table") addToMessage(redacted, NO_TABLE);
      // In whatever language the message is, it names the column.
      const { message = "" } = driverError(error);
      if (errorClass === "no-column" && /\bowner\b/.test(message)) addToMessage(redacted, NO_OWNER);
      throw redacted;
    }
  }

  /** Tells what an error of a statement means. */
  classify(error: unknown): ErrorClass {
    return classify(error, this.#errors);
  }
}
