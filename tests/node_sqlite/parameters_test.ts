import assert from "node:assert/strict";
import { bind, parametersOf } from "../../src/node_sqlite/parameters.ts";

const NAMES: Readonly<Record<string, readonly string[]>> = {
  "SELECT 1": [],
  "SELECT ?, ?": ["", ""],
  "SELECT $2, $1, $2": ["$2", "$1"],
  "SELECT ?2, ?": ["", "?2", ""],
  "SELECT :a, ?, @a, $a, :a": [":a", "", "@a", "$a"],
  "SELECT '?', ':a''$b', \"$c\", `$d`, [$e], $f": ["$f"],
  "SELECT 1 -- $a ?\n, $b /* $c\n? */, $d /* ?": ["$b", "$d"],
  "SELECT a$b, ä$c, $d$e, $ü, $f::g(h)": ["$d$e", "$ü", "$f::g(h)"],
  "SELECT data->>'$.a', x'00', 1e5, $1": ["$1"],
};

for (const [sql, names] of Object.entries(NAMES)) {
  Deno.test(`parameters of ${JSON.stringify(sql)}`, () => {
    assert.deepEqual(parametersOf(sql).names.slice(1), names);
  });
}

Deno.test("values are bound by position and by name", () => {
  const parameters = parametersOf("SELECT $1, ?, :a, ?4");
  assert.deepEqual(bind(parameters, ["x", null, 1, 1.5]), [
    { $1: "x", ":a": 1n, "?4": 1.5 },
    null,
  ]);
  assert.deepEqual(bind(parameters, [1]), [{ $1: 1n, ":a": null, "?4": null }, null]);
  assert.deepEqual(bind(parameters, { ":a": true, 2: "y", unknown: undefined }), [
    { $1: null, ":a": 1n, "?4": null },
    "y",
  ]);
});

Deno.test("values that a statement has no parameter for are refused", () => {
  const parameters = parametersOf("SELECT $a, $b");
  const attempts = [["x", "y", "z"], { $c: 1 }, { a: 1 }, { 0: 1 }, { 3: 1 }, { "": 1 }, {
    1.5: 1,
  }];
  for (const attempt of attempts) {
    assert.throws(() => bind(parameters, attempt), {
      code: "SQLITE_RANGE",
      message: "SQLITE_RANGE: column index out of range",
    });
  }
});
