// The documentation's claims about this repository: links, tests that it names, error messages.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { readMessages } from "../support/messages.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

function read(path: string): Promise<string> {
  return readFile(join(ROOT, path), "utf8");
}

async function documents(): Promise<string[]> {
  const files = async (folder: string): Promise<string[]> =>
    (await readdir(join(ROOT, folder))).filter((name) => name.endsWith(".md"))
      .map((name) => join(folder, name));
  return [...await files("."), ...await files("docs")];
}

/** The text without its code blocks. */
function proseOf(text: string): string {
  return text.replace(/^( *)```.*\n(?:.*\n)*?\1```$/gm, "");
}

/** The names by which links reach a document's headings. */
function anchorsOf(text: string): string[] {
  return Array.from(
    proseOf(text).matchAll(/^#+ (.+)$/gm),
    ([, heading]) => heading!.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-"),
  );
}

Deno.test("every link in the documentation leads to a file, and to a heading in it", async () => {
  const broken: string[] = [];
  for (const document of await documents()) {
    for (const [, link] of proseOf(await read(document)).matchAll(/\]\(([^()\s]+)\)/g)) {
      if (/^[a-z]+:/.test(link!)) continue;
      const [path, anchor] = link!.split("#");
      const target = path === "" ? document : join(dirname(document), path!);
      const isFound = existsSync(join(ROOT, target)) &&
        (anchor === undefined || anchorsOf(await read(target)).includes(anchor));
      if (!isFound) broken.push(`${document}: ${link}`);
    }
  }
  assert.deepEqual(broken, []);
});

Deno.test("docs/README.md links every page", async () => {
  const index = await read("docs/README.md");
  const pages = (await documents()).filter((path) => path.startsWith("docs"))
    .map((path) => relative("docs", path))
    .filter((path) => !["README.md", "releasing.md"].includes(path)); // the latter is not published
  assert.deepEqual(pages.filter((page) => !index.includes(`](${page})`)), []);
});

Deno.test("every guarantee names the tests that show it", async () => {
  const [promises] = (await read("docs/guarantees.md")).split("## Limits");
  const items = promises!.split(/^- /m).slice(1);
  for (const item of items) {
    const files = Array.from(item.matchAll(/`(tests\/[^`]+)`/g), ([, path]) => path!);
    assert.notDeepEqual(files, [], item);
    for (const file of files) assert.ok(existsSync(join(ROOT, file)), file);
  }
});

Deno.test("docs/troubleshooting.md has every error message of the sources", async () => {
  const plain = (text: string): string => text.replaceAll("`", "");
  const page = plain(await read("docs/troubleshooting.md"));
  const messages = await readMessages();
  // If the sources are written in another way, their messages are not found any more.
  assert.ok(messages.size >= 90, `only ${messages.size} messages were found`);
  const missing = Array.from(messages).filter(([message]) => !page.includes(plain(message)));
  assert.deepEqual(missing, []);
});

Deno.test("docs/troubleshooting.md has no message that the sources have not", async () => {
  const code = Array.from((await readMessages()).keys()).join("\n").replaceAll("`", "");
  const rows = (await read("docs/troubleshooting.md")).split("## There is no error")[1]!
    .split("\n## ").slice(1).join("\n").matchAll(/^\| (`[^|]*`) +\|/gm);
  const shown = Array.from(rows, ([, cell]) => cell!.split("`, `")).flat()
    .map((text) => text.replaceAll("`", ""));
  assert.ok(shown.length >= 80);
  assert.deepEqual(shown.filter((text) => !code.includes(text)), []);
});
