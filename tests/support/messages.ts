// Reads the error messages out of the sources, without running them.

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const SRC = fileURLToPath(new URL("../../src", import.meta.url));

/** A string or a template, or several that are joined by `+`. */
const LITERALS =
  /(?:"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`)(?:\s*\+\s*(?:"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`))*/y;

/** What is followed by a message or by a part of one, and how that part begins in the message. */
const BEFORE: readonly (readonly [RegExp, string])[] = [
  [/\bnew (?!DecryptionError)\w*Error\(\s*/g, ""],
  [/\bsuper\(\s*/g, ""], // of a class of errors
  [/\b(?:refuse|sqliteError|emitWarning)\((?:[A-Z]+, )?\s*/g, ""], // functions that make errors
  [/\bprinter\(\s*/g, "Cannot "],
  [/\btext:\s*/g, "must be "], // of a rule
  [/\b(?:NO|READ)_[A-Z]+ =\s*/g, ""], // advice that is added to a database's message
  [/(?:\breturn|[:?=])\s+(?=["`](?:its? |a Promise|The |the cookie ends))/g, ""], // ends of messages
];

/** Writes `${...}` as `...`. */
function withoutValues(literals: string): string {
  const parts = literals.match(/"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g) ?? [];
  return parts.map((part) => part.slice(1, -1).replace(/\$\{[^}]*\}/g, "..."))
    .join("").replace(/(\.\.\.)+/g, "...").replace(/\\(.)/g, "$1");
}

/** Returns the messages of all files below src/ with `...` for each value, and the file of each. */
export async function readMessages(): Promise<Map<string, string>> {
  const messages = new Map<string, string>();
  for (const file of await readdir(SRC, { recursive: true })) {
    if (!file.endsWith(".ts")) continue;
    const code = (await readFile(join(SRC, file), "utf8")).replace(/^ *(\*|\/\/).*$/gm, "");
    for (const [pattern, start] of BEFORE) {
      for (const { index, 0: before } of code.matchAll(pattern)) {
        LITERALS.lastIndex = index + before.length;
        const [literals] = LITERALS.exec(code) ?? [];
        const message = literals === undefined ? "" : withoutValues(literals);
        if (/\p{L}/u.test(message)) messages.set(start + message, file);
      }
    }
  }
  return messages;
}
