// Builds npm/, the package for Node, with ES modules, CommonJS and type declarations. It type-checks the
// package, and tests it on the installed Node. The package's metadata comes from deno.json.
//
//   deno task setup && deno run -A --node-modules-dir=none scripts/build_npm.ts

// deno-lint-ignore no-import-prefix -- only a release needs it
import { build, emptyDir } from "jsr:@deno/dnt@^0.43.2";
import { readdir } from "node:fs/promises";
import process from "node:process";
import { fileURLToPath } from "node:url";
import config from "../deno.json" with { type: "json" };

const root = fileURLToPath(new URL("..", import.meta.url));
const npm = `${root}npm`;

/** Returns the version range of a package that is imported in deno.json. */
function versionOf(name: keyof typeof config.imports): string {
  return config.imports[name].slice(`npm:${name}@`.length);
}

/** Returns the path of a sub path's declarations for TypeScript's "node10" resolution, which ignores "exports". */
function typesOf(path: string): string {
  return path.replace("./", "./script/").replace(/\.ts$/, ".d.ts");
}

/** npm's provenance check compares it with the repository of the workflow. */
const repository = process.env.GITHUB_REPOSITORY;

const entryPoints = Object.entries(config.exports).map(([name, path]) => ({ name, path }));
const subPaths = entryPoints.filter(({ name }) => name !== ".");

process.chdir(root);
await emptyDir(npm);
await build({
  entryPoints,
  outDir: npm,
  package: {
    name: config.name,
    version: config.version,
    description: config.description,
    license: config.license,
    ...(repository &&
      { repository: { type: "git", url: `git+https://github.com/${repository}.git` } }),
    type: "commonjs",
    sideEffects: false,
    // The versions whose require() supports ES modules: devalue is one.
    engines: { node: "^20.19 || >=22.12" },
    typesVersions: {
      "*": Object.fromEntries(subPaths.map(({ name, path }) => [name.slice(2), [typesOf(path)]])),
    },
    peerDependenciesMeta: { hono: { optional: true } },
    devDependencies: {
      "@types/node": versionOf("@types/node"),
      "@types/pg": versionOf("@types/pg"),
    },
  },
  mappings: {
    // The store uses the application's copy of Sequelize. dnt finds all other dependencies itself.
    [config.imports.sequelize]: {
      name: "sequelize",
      version: versionOf("sequelize"),
      peerDependency: true,
    },
    // Only its types are imported.
    [config.imports.hono]: { name: "hono", version: versionOf("hono"), peerDependency: true },
  },
  declaration: "inline",
  skipSourceOutput: true,
  typeCheck: "both",
  compilerOptions: {
    target: "ES2023",
    lib: ["ES2023", "ESNext.Disposable"],
    noImplicitReturns: true,
    noUncheckedIndexedAccess: true,
    useUnknownInCatchVariables: true,
  },
  shims: { deno: { test: "dev" } },
  rootTestDir: `${root}tests`,
  // Excludes tests that need Deno, and tests that use other packages or other files of this repository.
  testPattern: "{batching,manager,sequelize,store,util}/!(migration|model|sql)_test.ts",
  testIsolation: "process",
  async postBuild(): Promise<void> {
    await Deno.mkdir(`${npm}/docs`);
    const guides = (await readdir(`${root}docs`)).filter((name) => name !== "releasing.md")
      .map((name) => `docs/${name}`);
    for (const file of ["README.md", "CHANGELOG.md", "LICENSE", "SECURITY.md", ...guides]) {
      await Deno.copyFile(`${root}${file}`, `${npm}/${file}`);
    }
  },
});
