import type { Parameter } from "./driver.ts";

/** A statement as the drivers of MySQL and MariaDB take it. */
interface Positional {
  /** With `?` in the place of each parameter. */
  readonly sql: string;
  /** The number of the parameter that each `?` stands for, from 0 on. */
  readonly order: readonly number[];
}

const cache = new Map<string, Positional>();

/**
 * Turns `$1` and its like into `?`, and puts the parameters into their order. It keeps every text, so that
 * only fixed ones may be passed.
 */
export function toPositional(
  text: string,
  parameters: readonly Parameter[],
): { readonly sql: string; readonly values: Parameter[] } {
  let positional = cache.get(text);
  if (positional === undefined) {
    const order: number[] = [];
    // A quoted name is left alone: it may hold a `$`.
    const sql = text.replace(/`[^`]*`|\$(\d+)/g, (match, number?: string) => {
      if (number === undefined) return match;
      order.push(Number(number) - 1);
      return "?";
    });
    cache.set(text, positional = { sql, order });
  }
  return { sql: positional.sql, values: positional.order.map((i) => parameters[i]!) };
}
