import { readdir, readFile } from "node:fs/promises";
import { dirname, join, normalize, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the sources. */
export const SRC: string = fileURLToPath(new URL("../../src", import.meta.url));

/** Returns the room that a file below src/ is in. */
export function roomOf(file: string): string {
  return file.split(sep)[0]!;
}

/** Returns the files below src/ that each file below src/ imports. */
export async function readImports(): Promise<Map<string, string[]>> {
  const entries = await readdir(SRC, { recursive: true });
  const imports = new Map<string, string[]>();
  for (const file of entries.filter((entry) => entry.endsWith(".ts")).sort()) {
    const code = (await readFile(join(SRC, file), "utf8")).replace(/^ *(\*|\/\/).*$/gm, "");
    const paths = [...code.matchAll(/\b(?:from|import) "(\.[^"]+)"/g)].map(([, path]) => path!);
    imports.set(file, paths.map((path) => normalize(join(dirname(file), path))));
  }
  return imports;
}
