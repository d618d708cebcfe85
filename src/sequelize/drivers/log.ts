import type { Sequelize } from "sequelize";
import type { Parameter } from "./driver.ts";

/**
 * Sends a statement, and passes its text and time to the `logging` function, if there is one. Statements that fail
 * are also logged; Sequelize logs them without a time or, on PostgreSQL, not at all.
 */
export async function logged<T>(
  sequelize: Sequelize,
  text: string,
  parameters: readonly Parameter[],
  send: () => Promise<T>,
): Promise<T> {
  const { logging, logQueryParameters } = (sequelize as unknown as {
    options: {
      readonly logging: false | ((sql: string, timing?: number) => void);
      readonly logQueryParameters?: boolean;
    };
  }).options;
  if (!logging) return await send();
  const start = performance.now();
  try {
    return await send();
  } finally {
    const isWanted = logQueryParameters && parameters.length > 0;
    const values = isWanted ? `; ${parameters.map((each) => JSON.stringify(each)).join(", ")}` : "";
    logging(`Executed (default): ${text}${values}`, performance.now() - start);
  }
}
