// Requests of one session that run side by side, in every order that a scheduler finds: what the store
// holds in the end must be what the requests leave behind if each commit happens at one moment.

import assert from "node:assert/strict";
import fc from "fast-check";
import { devalueCodec, MemoryStore, SessionManager } from "../../src/manager/mod.ts";
import type { SessionState } from "../../src/manager/session_state.ts";
import { ALL_CALLS, type Call, MINIMAL, withCalls } from "../support/stores.ts";

type Values = Record<string, unknown>;

type Operation =
  | { readonly do: "put" | "remove"; readonly key: string; readonly value?: number }
  | { readonly do: "clear" | "destroy" | "renewToken" };

/** What a request does: some operations, a commit, and perhaps the same once more. */
interface Plan {
  readonly manager: number;
  readonly parts: readonly (readonly Operation[])[];
}

/** The operations that one commit carried out, and when it began and ended. */
interface Commit {
  readonly request: number;
  readonly manager: number;
  readonly operations: readonly Operation[];
  readonly begin: number;
  end: number;
}

const FIRST = { a: 0, b: 0 };

function anyPlans(
  kinds: readonly ("destroy" | "renewToken")[],
  managers: number,
): fc.Arbitrary<Plan[]> {
  const key = fc.constantFrom("a", "b", "c");
  const operation = fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant("put" as const), key }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("remove" as const), key }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("clear" as const, ...kinds) }) },
  );
  const part = fc.array(operation, { minLength: 1, maxLength: 3 });
  const parts = fc.array(part, { minLength: 1, maxLength: 2 });
  return fc.array(fc.record({ manager: fc.nat(managers - 1), parts }), {
    minLength: 2,
    maxLength: 3,
  });
}

function carryOut(values: Values, operations: readonly Operation[]): Values {
  for (const operation of operations) {
    if (operation.do === "put") values[operation.key] = operation.value;
    if (operation.do === "remove") delete values[operation.key];
    if (operation.do === "clear") { for (const key of Object.keys(values)) delete values[key]; }
  }
  return values;
}

/** What two managers do, where each commit happens at one moment. */
class Model {
  readonly #rows = new Map<string, Values>([["row", { ...FIRST }]]);
  readonly #rowOf = new Map<number, string | undefined>();
  readonly #cookies = new Map<number, string>();
  readonly #vanished = new Set<number>();
  #made = 0;
  /** By the manager that knows of it and the row: where the session has moved to, if it has. */
  readonly #successors = new Map<string, string | undefined>();
  /** What a row that was renewed held before. */
  readonly #before = new Map<string, Values>();

  commit({ request, manager, operations }: Commit): void {
    const last = operations.findLastIndex((operation) => operation.do === "destroy");
    const rest = operations.slice(last + 1);
    const before = this.#rowOf.has(request) ? this.#rowOf.get(request) : "row";
    if (last >= 0) {
      const successor = `${manager} ${before}`;
      if (rest.length > 0 && !this.#successors.has(successor)) {
        this.#successors.set(successor, undefined);
      }
      this.#destroy(request, manager, before);
    }
    if (last >= 0 || before === undefined) this.#insert(request, rest);
    else if (rest.length > 0) this.#update(request, manager, before, rest);
  }

  #destroy(request: number, manager: number, row: string | undefined): void {
    for (let key = row; key !== undefined; key = this.#successors.get(`${manager} ${key}`)) {
      this.#rows.delete(key);
    }
    this.#rowOf.set(request, undefined);
    this.#vanished.delete(request);
    this.#cookies.set(request, "clear");
  }

  #insert(request: number, operations: readonly Operation[]): void {
    const values = carryOut({}, operations);
    if (this.#vanished.has(request) || Object.keys(values).length === 0) return;
    const key = `new row ${this.#made++}`;
    this.#rows.set(key, values);
    this.#rowOf.set(request, key);
    this.#cookies.set(request, "set");
  }

  #update(request: number, manager: number, row: string, operations: readonly Operation[]): void {
    const renew = operations.some((operation) => operation.do === "renewToken");
    const isTwin = renew && this.#rows.has(this.#successors.get(`${manager} ${row}`) ?? "");
    const values = this.#rows.get(row) ?? (isTwin ? { ...this.#before.get(row) } : undefined);
    if (values === undefined) return this.#vanish(request, manager, row);
    if (renew && !isTwin) this.#before.set(row, { ...values });
    carryOut(values, operations);
    this.#cookies.set(request, "set");
    if (!renew) return;
    const key = `new row ${this.#made++}`;
    if (this.#rows.delete(row)) this.#successors.set(`${manager} ${row}`, key);
    this.#rows.set(key, values);
    this.#rowOf.set(request, key);
  }

  #vanish(request: number, manager: number, row: string): void {
    this.#vanished.add(request);
    this.#rowOf.set(request, undefined);
    if (this.#successors.has(`${manager} ${row}`)) this.#cookies.delete(request);
    else this.#cookies.set(request, "clear, perhaps");
  }

  /** What the store and the clients' cookies may be like in the end. */
  results(requests: number): string[] {
    const cookies = Array.from({ length: requests }, (_, request) => this.#cookies.get(request));
    // While another request tries to renew a session that is gone, nobody knows that it will fail.
    const choices = cookies.map((cookie) =>
      cookie === "clear, perhaps" ? ["clear", undefined] : [cookie]
    );
    const all = choices.reduce<(string | undefined)[][]>(
      (before, choice) => before.flatMap((some) => choice.map((one) => [...some, one])),
      [[]],
    );
    return all.map((cookies) => toText(this.#rows.values(), cookies));
  }
}

/** All orders of the commits in which none comes before one that had ended when it began. */
function* ordersOf(commits: readonly Commit[]): Generator<Commit[]> {
  if (commits.length === 0) yield [];
  for (const first of commits) {
    const others = commits.filter((commit) => commit !== first);
    if (others.some(({ end }) => end < first.begin)) continue;
    for (const rest of ordersOf(others)) yield [first, ...rest];
  }
}

function toText(rows: Iterable<Values>, cookies: readonly (string | undefined)[]): string {
  const sorted = [...rows].map((values) => JSON.stringify(Object.entries(values).sort()));
  return `rows ${sorted.sort().join()}, cookies ${cookies.map(String).join()}`;
}

/** Does an operation to a session, unless it is of no effect there. */
function attempt(session: SessionState<Values>, operation: Operation): boolean {
  switch (operation.do) {
    case "put":
      session.put(operation.key, operation.value);
      return true;
    case "remove":
      if (!session.has(operation.key)) return false;
      session.remove(operation.key);
      return true;
    case "clear":
      if (session.keys().length === 0) return false;
      session.clear();
      return true;
    default:
      session[operation.do]();
      return true;
  }
}

/** Carries the plans out side by side; gives what came of it, and the commits. */
async function run(
  scheduler: fc.Scheduler,
  plans: readonly Plan[],
  calls: readonly Call[],
): Promise<{ readonly result: string; readonly commits: readonly Commit[] }> {
  const store = new MemoryStore();
  const setUp = new SessionManager<Values>({ store });
  const first = await setUp.load(undefined);
  for (const [key, value] of Object.entries(FIRST)) first.put(key, value);
  await setUp.commit(first);
  // The calls, and their replies, arrive when the scheduler says so.
  const scheduled = withCalls(store, calls, async (name, make) => {
    await scheduler.schedule(Promise.resolve(), name);
    const reply = await make();
    await scheduler.schedule(Promise.resolve(), `reply to ${name}`);
    return reply;
  });
  const managers = [0, 1].map(() => new SessionManager({ store: scheduled }));
  const sessions = await Promise.all(plans.map(async ({ manager }) => {
    return await managers[manager]!.load(first.token) as SessionState<Values>;
  }));
  const commits: Commit[] = [];
  let clock = 0;
  await Promise.all(plans.map(async ({ manager, parts }, request) => {
    const session = sessions[request]!;
    await scheduler.schedule(Promise.resolve(), `request ${request}`);
    for (const part of parts) {
      const operations = part.map((operation) => ({ ...operation, value: ++clock }))
        .filter((operation) => attempt(session, operation));
      const commit = { request, manager, operations, begin: ++clock, end: Infinity };
      commits.push(commit);
      await managers[manager]!.commit(session);
      commit.end = ++clock;
    }
  }));
  const rows = [...(await store.all()).values()].map((data) =>
    Object.fromEntries(devalueCodec.decode(data).values)
  );
  return { result: toText(rows, sessions.map(({ cookie }) => cookie?.kind)), commits };
}

interface Options {
  readonly kinds?: readonly ("destroy" | "renewToken")[];
  /** The managers that the requests are spread over, 1 or 2. */
  readonly managers?: number;
  readonly calls?: readonly Call[];
}

/** Tests that whatever is planned and in whichever order it happens, some order of the commits explains it. */
function testInterleavings(
  name: string,
  { kinds = [], managers = 2, calls = ALL_CALLS }: Options,
): void {
  Deno.test(`parallel requests ${name} leave what they would one after another`, async () => {
    const { random } = Math;
    Math.random = () => 0; // no waiting between two attempts
    const check = async (scheduler: fc.Scheduler, plans: Plan[]): Promise<void> => {
      const { result, commits } = await scheduler.waitFor(run(scheduler, plans, calls));
      const possible = new Set<string>();
      for (const order of ordersOf(commits)) {
        const model = new Model();
        for (const commit of order) model.commit(commit);
        for (const result of model.results(plans.length)) possible.add(result);
      }
      assert.ok(possible.has(result), `${result}\nis none of\n${[...possible].join("\n")}`);
    };
    try {
      const property = fc.asyncProperty(fc.scheduler(), anyPlans(kinds, managers), check);
      await fc.assert(property, { numRuns: 200 });
    } finally {
      Math.random = random;
    }
  });
}

testInterleavings("that put, remove and clear", {});
testInterleavings("that destroy the session", { kinds: ["destroy"] });
testInterleavings("that renew the token", { kinds: ["renewToken"] });
testInterleavings("that do all of it", { kinds: ["destroy", "renewToken"] });
testInterleavings("that do all of it in one process, on a store without replace(),", {
  kinds: ["destroy", "renewToken"],
  managers: 1,
  calls: MINIMAL,
});
