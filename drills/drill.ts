// What a drill is, and how its figures are printed.

/** A column's name and its figure. */
export type Row = Readonly<Record<string, string | number>>;

/** Something that takes longer than a test may, and ends in figures. */
export interface Drill {
  readonly name: string;
  /** What it shows. */
  readonly about: string;
  /** Why it cannot run here, or `undefined` where it can. */
  readonly ignored?: string | undefined;
  /**
   * Runs it.
   *
   * @param minutes How long its longest part takes, in place of its own default.
   * @throws Where a promise is broken.
   */
  run(minutes: number | undefined): Promise<readonly Row[]>;
}

/** Prints rows as a table of Markdown. */
export function printTable(rows: readonly Row[]): void {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const line = (cells: readonly unknown[]): string => `| ${cells.join(" | ")} |`;
  console.log(line(columns));
  console.log(line(columns.map(() => "---")));
  for (const row of rows) console.log(line(columns.map((column) => row[column] ?? "")));
}

/** The value that so many of a hundred are below. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * percent / 100))] ?? NaN;
}

/** Megabytes, of a number of bytes. */
export function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

/** Milliseconds to a tenth. */
export function milliseconds(ms: number): string {
  return ms.toFixed(1);
}
