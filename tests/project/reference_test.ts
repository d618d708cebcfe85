// The API reference, as editors and `deno task docs` show it: what every public symbol has to say.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { readImports, SRC } from "../support/house.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const isDeno = "deno" in process.versions;
const ignored = isDeno ? "" : " (ignored: deno doc is Deno's)";

/** Called by Sequelize alone: a door of `node_sqlite` names them because their types are needed. */
const INTERNAL = /^(?:Database|Statement)\b/;

interface Tag {
  readonly kind: string;
  readonly name?: string;
  readonly doc?: string;
}

interface JsDoc {
  readonly doc?: string;
  readonly tags?: readonly Tag[];
}

interface Parameter {
  readonly kind: string;
  readonly name?: string;
  readonly optional?: boolean;
}

/** As much as is read of what `deno doc --json` prints about a symbol or a part of it. */
interface Declared {
  readonly name: string;
  readonly kind: string;
  readonly declarationKind?: string;
  readonly jsDoc?: JsDoc;
  readonly optional?: boolean;
  readonly accessibility?: string;
  readonly params?: readonly Parameter[];
  readonly returnType?: object;
  readonly functionDef?: Declared;
  readonly def?: {
    readonly params?: readonly Parameter[];
    readonly returnType?: object;
    readonly properties?: readonly Declared[];
    readonly methods?: readonly Declared[];
    readonly constructors?: readonly Declared[];
  };
}

interface Reference {
  readonly nodes: Readonly<
    Record<string, {
      readonly module_doc?: JsDoc;
      readonly symbols: readonly {
        readonly name: string;
        readonly declarations: readonly Declared[];
      }[];
    }>
  >;
}

async function readConfig(): Promise<
  { exports: Record<string, string>; tasks: Record<string, { command: string }> }
> {
  return JSON.parse(await readFile(`${ROOT}/deno.json`, "utf8"));
}

async function readReference(): Promise<Reference> {
  const { exports } = await readConfig();
  const args = ["doc", "--json", ...Object.values(exports)];
  const { stdout } = spawnSync(process.execPath, args, {
    cwd: ROOT,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  return JSON.parse(stdout);
}

/** Lists the public symbols, each once for each declaration. */
function declared({ nodes }: Reference): Declared[] {
  return Object.values(nodes).flatMap(({ symbols }) =>
    symbols.flatMap(({ name, declarations }) =>
      declarations.filter(({ declarationKind, kind }) =>
        declarationKind === "export" && kind !== "reference"
      ).map((declaration) => ({ ...declaration, name }))
    )
  );
}

/** Lists what can be called: functions, methods and constructors. */
function callables({ name, kind, jsDoc, def }: Declared): Declared[] {
  if (kind === "function") return [{ name, kind, jsDoc: jsDoc!, ...def }];
  const methods = def?.methods?.map((method) => ({ ...method, ...method.functionDef })) ?? [];
  const constructors = def?.constructors?.map((each) => ({ ...each, kind: "constructor" })) ?? [];
  return [...methods, ...constructors]
    .filter(({ accessibility }) => accessibility !== "private")
    .map((each) => ({ ...each, name: `${name}.${each.name ?? "constructor"}` }));
}

function hasTag({ tags = [] }: JsDoc, kind: string, name?: string): boolean {
  return tags.some((tag) => tag.kind === kind && tag.name === name && tag.doc);
}

function returnsNothing({ kind, returnType }: Declared): boolean {
  return kind === "constructor" || /"void"|"this"/.test(JSON.stringify(returnType ?? "void"));
}

Deno.test("the tasks check and docs read every entry point", async () => {
  const { exports, tasks } = await readConfig();
  for (const name of ["check", "docs"]) {
    const [, files = ""] = /deno doc (?:--\S+ )+([^&]*)$/.exec(tasks[name]!.command) ?? [];
    const expected = Object.values(exports).map((path) => path.slice(2)).sort();
    assert.deepEqual(files.trim().split(" ").sort(), expected, name);
  }
});

Deno.test({
  name: "the documentation of every function has its parameters, its result and an example" +
    ignored,
  ignore: !isDeno,
  fn: async () => {
    const reference = await readReference();
    const missing: string[] = [];
    for (const [file, { module_doc = {} }] of Object.entries(reference.nodes)) {
      const hasExample = module_doc.tags?.some(({ kind }) => kind === "example");
      if (!module_doc.doc || !hasExample) missing.push(`${file}: description or example`);
    }
    const symbols = declared(reference);
    assert.ok(symbols.length > 50);
    const examples = new Set(
      symbols.filter(({ jsDoc }) => jsDoc?.tags?.some(({ kind }) => kind === "example"))
        .map(({ name }) => name),
    );
    for (const symbol of symbols) {
      if (INTERNAL.test(symbol.name)) continue;
      const isUsed = ["class", "function", "variable"].includes(symbol.kind);
      if (isUsed && !examples.has(symbol.name)) missing.push(`${symbol.name}: example`);
      for (const callable of callables(symbol)) {
        const { name, jsDoc = {}, params = [] } = callable;
        // What implements a contract says what is different, and an overload has no text if it is the code itself.
        if (!jsDoc.doc || /\bsee\s+(?:above|\{@linkcode)/.test(jsDoc.doc)) continue;
        for (const { kind, name: param, optional } of params) {
          if (kind !== "identifier" || optional) continue;
          if (!hasTag(jsDoc, "param", param)) missing.push(`${name}: ${param}`);
        }
        if (returnsNothing(callable) || hasTag(jsDoc, "return")) continue;
        if (!/^(?:Returns|Whether) /.test(jsDoc.doc)) missing.push(`${name}: result`);
      }
    }
    assert.deepEqual([...new Set(missing)], []);
  },
});

Deno.test({
  name: "the documentation of every option has its default" + ignored,
  ignore: !isDeno,
  fn: async () => {
    const missing: string[] = [];
    let count = 0;
    for (const { name, def } of declared(await readReference())) {
      if (!name.endsWith("Options")) continue;
      // What a framework gets, and what stands for the manager's own attributes.
      if (name === "CookieToSetOptions" || name === "RouterCookieOptions") continue;
      for (const { name: option, optional, jsDoc = {} } of def?.properties ?? []) {
        if (!optional) continue;
        count++;
        if (
          jsDoc.tags?.some(({ kind }) => kind === "default") ||
          /\bby default\b/i.test(jsDoc.doc ?? "")
        ) continue;
        missing.push(`${name}.${option}`);
      }
    }
    assert.ok(count > 40);
    assert.deepEqual([...new Set(missing)], []);
  },
});

/** The options of a file by their names, as `withDefault` makes them. */
function defaultsIn(code: string): [string, string][] {
  const options = code.matchAll(/(\w+): withDefault(?:<[^>]*>)?\(\w+, ([^\n]*?)\)(?:,$| \})/gm);
  return [...options].map(([, name, value]) => [name!, value!]);
}

Deno.test("every documented default is the one in the code", async () => {
  const files = [...(await readImports()).keys()];
  const sources = await Promise.all(files.map((file) => readFile(join(SRC, file), "utf8")));
  /** For options that are shared by two files. */
  const shared = new Map(sources.flatMap(defaultsIn));
  let count = 0;
  for (const [i, code] of sources.entries()) {
    const own = new Map(defaultsIn(code));
    const documented = /@default \{(.*)\}\n[^/]*\*\/\n *readonly (\w+)\?/g;
    for (const [, value, name] of code.matchAll(documented)) {
      count++;
      // What it is by default depends on the request.
      if (name === "secure") continue;
      const expected = own.get(name!) ?? shared.get(name!) ?? "none";
      assert.equal(toNumber(value!), toNumber(expected), `${name} in ${files[i]}`);
    }
  }
  assert.equal(count, sources.join("").match(/@default/g)!.length);
});

/** Computes a product of numbers, and returns any other text as it is. */
function toNumber(text: string): string | number {
  if (!/^[\d_]+(?: \* [\d_]+)*$/.test(text)) return text;
  return text.split(" * ").map((factor) => Number(factor.replaceAll("_", "")))
    .reduce((product, factor) => product * factor);
}
