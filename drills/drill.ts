// What a drill is, and how its figures are printed.

/** One row of a table: the figure of each column. */
export type Row = Readonly<Record<string, string | number>>;

/** The parts of a drill that the command line names. */
export interface Choices {
  readonly mode?: readonly string[] | undefined;
  readonly fault?: readonly string[] | undefined;
  readonly access?: readonly string[] | undefined;
  /** Whether all run that are not named otherwise. */
  readonly all?: boolean | undefined;
}

/** An experiment that takes longer than a test may, and reports figures. */
export interface Drill {
  readonly name: string;
  /** What it examines. */
  readonly about: string;
  /** Why it cannot run here; `undefined` if it can. */
  readonly ignored?: string | undefined;
  /**
   * Runs it.
   *
   * @param minutes How long its longest part takes; each drill has its own default.
   * @param choices Which parts of a drill with many run; each such drill has its own default.
   * @throws If a guarantee is violated.
   */
  run(minutes: number | undefined, choices: Choices): Promise<readonly Row[]>;
}

/** Prints rows as a Markdown table. */
export function printTable(rows: readonly Row[]): void {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const line = (cells: readonly unknown[]): string => `| ${cells.join(" | ")} |`;
  console.log(line(columns));
  console.log(line(columns.map(() => "---")));
  for (const row of rows) console.log(line(columns.map((column) => row[column] ?? "")));
}

/** Returns a percentile of some values; `percent` is from 0 to 100. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * percent / 100))] ?? NaN;
}

/** Formats a number of bytes in megabytes. */
export function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

/** Formats milliseconds with one decimal place. */
export function milliseconds(ms: number): string {
  return ms.toFixed(1);
}
