import assert from "node:assert/strict";
import { ChangeLog, type Merged } from "../../src/manager/change_log.ts";

const deadline = new Date("2030-01-01T00:00:00Z");
const other = { token: "other", data: new Uint8Array(), expiry: deadline };
const about = { id: "id", createdAt: 1, renewedAt: 1, ownedAt: 1 };
const base = { about, deadline, values: new Map<string, unknown>([["a", 1], ["b", 2]]) };

/** The values after a log was carried out, as an object. */
function valuesAfter(changes: ChangeLog): Record<string, unknown> {
  return Object.fromEntries(changes.applyTo(base).values);
}

function log(record: (changes: ChangeLog) => void): ChangeLog {
  const changes = new ChangeLog();
  record(changes);
  return changes;
}

Deno.test("ChangeLog.applyTo() carries out the log, and leaves the base as it was", () => {
  const changes = log((changes) => {
    changes.put("a", 3);
    changes.put("c", 4);
    changes.put("d", 5);
    changes.remove("d");
    changes.remove("b");
  });
  assert.deepEqual(valuesAfter(changes), { a: 3, c: 4 });
  assert.deepEqual(changes.applyTo(base).deadline, deadline);
  assert.deepEqual(Object.fromEntries(base.values), { a: 1, b: 2 });
  changes.clear();
  assert.deepEqual(valuesAfter(changes), {});
  changes.put("e", 6);
  changes.deadline = new Date(0);
  assert.deepEqual(valuesAfter(changes), { e: 6 });
  assert.deepEqual(changes.applyTo(base).deadline, new Date(0));
});

Deno.test("the log of a destroyed session starts from nothing", () => {
  const changes = log((changes) => {
    changes.put("b", 1);
    changes.token = "token";
    changes.deadline = new Date(0);
    changes.destroy();
    changes.put("c", 1);
  });
  assert.deepEqual(valuesAfter(changes), { c: 1 });
  assert.deepEqual([changes.token, changes.deadline], [undefined, undefined]);
});

Deno.test("ChangeLog.empty is false once anything except destroy() was logged", () => {
  const idle = log((changes) => {
    changes.destroy();
    changes.obsolete.add("x");
  });
  assert.equal(idle.empty, true);
  const acts: ((changes: ChangeLog) => void)[] = [
    (changes) => changes.put("a", undefined),
    (changes) => changes.remove("a"),
    (changes) => changes.clear(),
    (changes) => changes.deadline = new Date(),
    (changes) => changes.token = "token",
    (changes) => changes.merge(other, base, base),
  ];
  for (const act of acts) assert.equal(log(act).empty, false);
  const changes = log((changes) => {
    changes.destroy();
    acts.forEach((act) => act(changes));
    changes.firstToken = "token";
    changes.uncertain = true;
    changes.obsolete.add("x");
  });
  changes.reduce();
  const { destroyed, token } = changes;
  assert.equal(changes.empty, true);
  assert.deepEqual([destroyed, token], [false, undefined]);
  // Until it is known what the store holds.
  assert.deepEqual([changes.firstToken, changes.uncertain], ["token", true]);
  changes.confirm();
  assert.deepEqual([changes.firstToken, changes.uncertain], [undefined, false]);
  assert.deepEqual(changes.deadline, undefined);
  assert.deepEqual([...changes.obsolete], ["x"]);
  assert.deepEqual(changes.merged.map(({ written }) => written), [true]);
  assert.deepEqual(valuesAfter(changes), { a: 1, b: 2 });
});

Deno.test("ChangeLog.without() leaves out what changes nothing, unless it may have been written", () => {
  const isSame = (_: string, one: unknown, other: unknown): boolean => Object.is(one, other);
  const changes = log((changes) => {
    changes.put("a", 1);
    changes.put("b", 3);
    changes.put("c", undefined);
    changes.remove("d");
    changes.deadline = new Date(deadline);
  });
  const rest = changes.without(base, isSame);
  const blank = { about, deadline: new Date(0), values: new Map() };
  assert.deepEqual(
    rest.applyTo(blank).values,
    new Map<string, unknown>([["b", 3], ["c", undefined]]),
  );
  assert.equal(rest.deadline, undefined);
  const nothing = log((changes) => changes.put("a", 1));
  assert.equal(nothing.without(base, isSame).empty, true);
  assert.equal(nothing.empty, false);
  const acts: ((changes: ChangeLog) => void)[] = [
    (changes) => changes.uncertain = true,
    (changes) => changes.clear(),
    (changes) => changes.destroy(),
    (changes) => changes.token = "token",
  ];
  for (const act of acts) {
    const kept = log((changes) => {
      act(changes);
      changes.put("a", 1);
    });
    assert.equal(kept.without(base, isSame), kept);
  }
});

Deno.test("ChangeLog.discard() goes back to the last acknowledgement of a merge, even if it was repeated", () => {
  const merge = (changes: ChangeLog): void => changes.merge({ ...other }, base, base);
  const changes = log(merge);
  changes.put("a", 2);
  assert.deepEqual(changes.discard().merged, [], "it was not written");
  changes.reduce();
  const [{ record }] = changes.merged as [Merged];
  const followed = changes.followedBy(log(merge));
  merge(changes);
  for (const repeated of [changes, followed]) {
    assert.equal(repeated.takesOver, true);
    repeated.destroy();
    for (const { merged } of [repeated.discard(), repeated.discard().discard()]) {
      const [{ written, dropped, overridden, ...rest }] = merged as [Merged];
      assert.equal(rest.record, record);
      assert.deepEqual([written, dropped], [true, false]);
      assert.deepEqual(overridden, { keys: new Set(["a"]), all: false, deadline: false });
    }
  }
});

Deno.test("ChangeLog.followedBy() is one log after the other", () => {
  const first = log((changes) => {
    changes.put("c", 1);
    changes.put("d", 1);
    changes.deadline = new Date(1);
    changes.token = "first";
    changes.firstToken = "first";
    changes.obsolete.add("x");
  });
  const put = log((changes) => {
    changes.put("d", 2);
    changes.obsolete.add("y");
  });
  const both = first.followedBy(put);
  assert.deepEqual(valuesAfter(both), { a: 1, b: 2, c: 1, d: 2 });
  assert.deepEqual([...both.obsolete], ["x", "y"]);
  assert.deepEqual([both.deadline, both.token, both.firstToken], [new Date(1), "first", "first"]);

  const later = log((changes) => {
    changes.deadline = new Date(2);
    changes.token = changes.firstToken = "later";
  });
  const renewed = first.followedBy(later);
  assert.deepEqual([renewed.deadline, renewed.token, renewed.firstToken], [
    new Date(2),
    "later",
    "later",
  ]);

  const cleared = log((changes) => changes.clear());
  assert.deepEqual(valuesAfter(first.followedBy(cleared)), {});
  assert.deepEqual(valuesAfter(cleared.followedBy(first)), { c: 1, d: 1 });

  const destroyed = log((changes) => {
    changes.destroy();
    changes.put("n", 1);
  });
  const ended = first.followedBy(destroyed);
  assert.equal(ended.destroyed, true);
  assert.deepEqual(valuesAfter(ended), { n: 1 });
  assert.deepEqual([ended.deadline, ended.token], [undefined, undefined]);
  // The next commit then overwrites what may have been written under it.
  assert.equal(ended.firstToken, "first");
  assert.deepEqual([...ended.obsolete], ["x"]);
  const begun = destroyed.followedBy(put);
  assert.equal(begun.destroyed, true);
  assert.deepEqual(valuesAfter(begun), { n: 1, d: 2 });
});
