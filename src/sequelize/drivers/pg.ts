import { createHash } from "node:crypto";
import { hasMethods } from "../../util/check.ts";
import { DirectDriver } from "./direct.ts";
import type { Outcome, Parameter, Row, Statement } from "./driver.ts";

/** The part of a client of node-postgres that is used here. */
interface Client {
  query(config: {
    readonly name?: string;
    readonly text: string;
    readonly values: readonly Parameter[];
    readonly types: typeof AS_TEXT;
  }): Promise<{ readonly rows: readonly Row[]; readonly rowCount: number | null }>;
  /** Set for Sequelize: its pool then replaces the connection. */
  _invalid?: boolean;
}

/** As text, regardless of the parsers that the application has set; as bytes of the text if it has set `binary`. */
const AS_TEXT = { getTypeParser: () => String };

// Errors that occur before the statement is carried out.
const PREPARING = new Set<unknown>([
  "26000", // there is no such prepared statement: a pooler gave another connection, or DEALLOCATE ALL
  "42P05", // there is one already: a pooler gave a connection on which another client prepared it
  "0A000", // cached plan must not change result type: ALTER TABLE
]);

// Errors after which the connection is lost, before the socket reports it: the server or the network has ended it.
const LOST_CODE = /^(ECONNRESET|57P0[1-3]|08...)$/;
const LOST_MESSAGE = /^Query read timeout$|^Connection terminated|SSL SYSCALL error: EOF detected/;

/** Sends named statements over clients of node-postgres, and unnamed ones behind an older pooler. */
export class PgDriver extends DirectDriver<Client> {
  readonly #names = new Map<string, string>();

  /** Whether a module is node-postgres. */
  static fits(module: unknown): boolean {
    const { Client } = (module ?? {}) as { Client?: { prototype?: unknown } };
    return hasMethods(Client?.prototype, ["query", "connect"]);
  }

  protected override async sendOver(
    connection: Client,
    { text }: Statement,
    values: readonly Parameter[],
    prepare: boolean,
  ): Promise<Outcome> {
    const name = prepare ? { name: this.#nameOf(text) } : {};
    const { rows, rowCount } = await connection.query({ ...name, text, values, types: AS_TEXT });
    return { rows, count: rowCount ?? 0 };
  }

  protected override isAboutPreparing(error: unknown): boolean {
    return PREPARING.has((error as { code?: unknown }).code);
  }

  protected override onError(connection: Client, error: unknown): void {
    const { code = "", message } = error as { code?: string; message: string };
    if (LOST_CODE.test(code) || LOST_MESSAGE.test(message)) connection._invalid = true;
  }

  /**
   * Returns a hash of the text, because behind a pooler, one name for two texts would return the other text's rows.
   */
  #nameOf(text: string): string {
    let name = this.#names.get(text);
    if (name === undefined) {
      name = `sessions_${createHash("sha256").update(text).digest("base64url")}`;
      this.#names.set(text, name);
    }
    return name;
  }
}
