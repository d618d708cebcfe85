import type { Transaction } from "sequelize";
import { retry } from "../util/retry.ts";
import type { Counters } from "./counters.ts";
import type { Statements } from "./dialects/mod.ts";
import type { Driver } from "./drivers/mod.ts";
import { classify, driverError, type ErrorClass, type ErrorTable, isTransient } from "./errors.ts";
import { addToMessage, redact } from "./redact.ts";
import { published, type StatementSource, type StatementSubject } from "./statement_channel.ts";
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
  readonly #counters: Counters;
  readonly #source: StatementSource;
  readonly #untilPrimary: UntilPrimary;

  /** @param source What the published messages of its statements have in common. */
  constructor(
    statements: Statements,
    errors: ErrorTable,
    counters: Counters,
    source: StatementSource,
  ) {
    this.statements = statements;
    this.#errors = errors;
    this.#counters = counters;
    this.#source = source;
    this.#untilPrimary = new UntilPrimary((error) => this.classify(error) === "read-only");
  }

  /**
   * Carries out a statement.
   *
   * @param subject What the published message says about the statement.
   * @param transaction The caller's. Nothing is sent again in it: the database may have rolled back what came before.
   */
  async run<T>(
    subject: StatementSubject,
    transaction: Transaction | null | undefined,
    statement: (statements: Statements, transaction: Transaction | null) => Promise<T>,
  ): Promise<T> {
    const counters = this.#counters;
    const send = (transaction: Transaction | null): Promise<T> => {
      counters.statements++;
      return published(this.#source, subject, () => statement(this.statements, transaction));
    };
    counters.inFlight++;
    try {
      if (transaction) return await send(transaction);
      // `null`, because with `undefined`, Sequelize looks for an ambient (CLS) transaction.
      return await this.#again(() => send(null), () => counters.retried++);
    } catch (error) {
      throw this.#explained(error);
    } finally {
      counters.inFlight--;
    }
  }

  /** Waits for at most some seconds until the primary is reached. Sends no statement to the table. */
  async reachPrimary(driver: Driver): Promise<void> {
    try {
      await this.#again(() => driver.reachPrimary(), () => {});
    } catch (error) {
      throw this.#explained(error);
    }
  }

  /** Makes attempts until one succeeds, as long as the error of the last attempt may be temporary. */
  #again<T>(attempt: () => Promise<T>, onRepeat: () => void): Promise<T> {
    let isFirst = true;
    const next = (): Promise<T> => {
      if (!isFirst) onRepeat();
      isFirst = false;
      return attempt();
    };
    return this.#untilPrimary.send(() => retry(next, (error) => isTransient(this.classify(error))));
  }

  #explained(error: unknown): unknown {
    const redacted = redact(error);
    const errorClass = this.classify(error);
    if (errorClass === "read-only") addToMessage(redacted, READ_ONLY);
    if (errorClass === "no-table") addToMessage(redacted, NO_TABLE);
    // The message may be in any language, but it names the column.
    const { message = "" } = driverError(error);
    if (errorClass === "no-column" && /\bowner\b/.test(message)) addToMessage(redacted, NO_OWNER);
    return redacted;
  }

  /** Returns what an error of a statement means. */
  classify(error: unknown): ErrorClass {
    return classify(error, this.#errors);
  }
}
