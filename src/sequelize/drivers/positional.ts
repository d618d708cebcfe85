import type { Parameter } from "./driver.ts";

/** A statement as the drivers of MySQL and MariaDB take it. */
interface Positional {
  /** With `?` for each parameter. */
  readonly sql: string;
  /** The number of the parameter that each `?` stands for, from 0 on. */
  readonly order: readonly number[];
}

const cache = new Map<string, Positional>();

/**
 * Replaces `$1`, `$2`, ... with `?`, and puts the parameters in that order. It keeps every text: pass only fixed
 * ones.
 */
export function toPositional(
  text: string,
  parameters: readonly Parameter[],
): { readonly sql: string; readonly values: Parameter[] } {
  let positional = cache.get(text);
  if (positional === undefined) {
    const order: number[] = [];
    // A quoted name is left as it is, because it may contain a `$`.
    const sql = text.replace(/`[^`]*`|\$(\d+)/g, (match, number?: string) => {
      if (number === undefined) return match;
      order.push(Number(number) - 1);
      return "?";
    });
    cache.set(text, positional = { sql, order });
  }
  return { sql: positional.sql, values: positional.order.map((i) => parameters[i]!) };
}
