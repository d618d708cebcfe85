// Requests of one session run side by side, in every order that a scheduler finds. In the end the store must
// hold what some order of the commits leaves behind if each happens at one moment. A commit that merges
// happens at three moments: it looks at the other session, writes its own, and ends the other one.

import assert from "node:assert/strict";
import fc from "fast-check";
import { readLink } from "../../src/manager/grace.ts";
import {
  devalueCodec,
  MemoryStore,
  RenewedSessionError,
  SessionManager,
} from "../../src/manager/mod.ts";
import type { TrackedSession } from "../../src/manager/tracked_session.ts";
import type { SessionRecord } from "../../src/store/store.ts";
import { ALL_CALLS, type Call, MINIMAL, withCalls } from "../support/stores.ts";

type Values = Record<string, unknown>;

type Operation =
  | { readonly do: "put" | "remove"; readonly key: string; readonly value?: number }
  | { readonly do: "clear" | "destroy" | "renewToken" }
  /** `renewToken` with a grace. */
  | { readonly do: "rotate" }
  /** Ends all sessions of the owner; the only operation of its request. */
  | { readonly do: "destroyOwned" }
  /** Takes over the other one of the first two sessions. */
  | { readonly do: "merge" };

/** `merge`: only requests of the first session merge the other one. */
type Kind = "destroy" | "renewToken" | "rotate" | "merge" | "merge each other" | "destroyOwned";

/**
 * How often a merge takes over again what others change meanwhile, before it ends the other session; and how
 * often `destroyOwned` deletes again.
 */
const MAX_AGAIN = 2;

/** About as many steps as a renewal takes that has lost its race. */
const MAX_IDLE = 20;

/** The sessions with a value of this key belong to the owner. */
const OWNED = "b";
const OWNER = "owner";

/** The two sessions that exist at first. */
const FIRST = { record: { a: 0, b: 0 }, other: { b: -1, c: -2 } };

type First = keyof typeof FIRST;

/** What a request does: some operations, a commit, and perhaps the same once more. */
interface Plan {
  readonly manager: number;
  /** The session that the request has. */
  readonly on: First;
  readonly parts: readonly (readonly Operation[])[];
  /** How many steps the request waits at first. */
  readonly idle?: number;
}

/** When something began and ended. */
interface Span {
  readonly begin: number;
  end: number;
}

/** The operations that one commit carried out. */
interface Commit extends Span {
  readonly request: number;
  readonly manager: number;
  /** The session that a merge takes over. */
  readonly target: First;
  readonly operations: Operation[];
  /** Whether it was refused, because the session has got another token with a grace. */
  refused?: true;
  /** What `merge` did, if it was called: whether it found the session. */
  look?: Span & { readonly found: boolean };
}

/** What happens at one moment: the whole of a commit, or a step of one that merges. */
interface Step extends Span {
  readonly commit: Commit;
  readonly do: "look" | "destroy" | "write" | "again" | "end" | "destroyOwned";
}

function anyPlans({ kinds = [], managers = 2 }: Options): fc.Arbitrary<Plan[]> {
  const key = fc.constantFrom("a", "b", "c");
  const merges = kinds.some((kind) => kind.startsWith("merge"));
  const others = (["destroy", "renewToken", "rotate"] as const).filter((kind) =>
    kinds.includes(kind)
  );
  const operation = fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant("put" as const), key }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("remove" as const), key }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("clear" as const, ...others) }) },
    { weight: merges ? 4 : 0, arbitrary: fc.record({ do: fc.constant("merge" as const) }) },
  );
  const part = fc.array(operation, { minLength: 1, maxLength: 3 });
  // With merges, the orders to try would become too many.
  const parts = fc.array(part, { minLength: 1, maxLength: merges ? 1 : 2 });
  const on: fc.Arbitrary<First> = merges
    ? fc.constantFrom("record", "other")
    : fc.constant("record");
  const plan = fc.record({ manager: fc.nat(managers - 1), on, parts });
  const plans = fc.array(plan, { minLength: 2, maxLength: 3 });
  if (!kinds.includes("destroyOwned")) return plans;
  const destroyOwned: Plan["parts"] = [[{ do: "destroyOwned" }]];
  const last = fc.record({
    manager: fc.nat(managers - 1),
    on,
    parts: fc.constant(destroyOwned),
    idle: fc.nat(MAX_IDLE),
  });
  return fc.tuple(plans, last).map(([some, one]) => [...some.slice(-2), one]);
}

/** All that a commit has to do to a session's values. */
interface Change {
  readonly cleared: boolean;
  /** The values that were put, `undefined` for those that were removed. */
  readonly values: Map<string, unknown>;
  readonly renews: boolean;
  /** Whether the old token can still be read after that. */
  readonly hasGrace: boolean;
  /** What was set after the merge, if there was one: these keys, or all. */
  readonly overridden: { readonly keys: Set<string>; readonly all: boolean } | undefined;
}

/** Sums up the operations after the last `destroy`. */
function toChange(operations: readonly Operation[], merged: Values): Change {
  let cleared = false, renews = false, hasGrace = false;
  let overridden: { keys: Set<string>; all: boolean } | undefined;
  const values = new Map<string, unknown>();
  for (const operation of operations) {
    switch (operation.do) {
      case "put":
      case "remove":
        values.set(operation.key, operation.value);
        overridden?.keys.add(operation.key);
        break;
      case "merge":
        for (const [key, value] of Object.entries(merged)) values.set(key, value);
        overridden = { keys: new Set(), all: false };
        break;
      case "renewToken":
      case "rotate":
        renews = true;
        hasGrace = operation.do === "rotate";
        break;
      default:
        cleared = true;
        values.clear();
        if (overridden) overridden.all = true;
    }
  }
  return { cleared, values, renews, hasGrace, overridden };
}

function apply({ cleared, values }: Pick<Change, "cleared" | "values">, base: Values): Values {
  const result = cleared ? {} : { ...base };
  for (const [key, value] of values) {
    if (value === undefined) delete result[key];
    else result[key] = value;
  }
  return result;
}

/** The values that one request has to change so that `before` becomes `after`. */
function difference(before: Values, after: Values): Map<string, unknown> {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  const changed = [...keys].filter((key) => before[key] !== after[key]);
  return new Map(changed.map((key) => [key, after[key]]));
}

/** A record: its values, and how many merges have been written to it. */
interface HeldRecord {
  readonly values: Values;
  readonly merges: number;
}

/** What a session that only reads leads to, and what it has tried to do. */
interface ReadOnly {
  readonly to: string;
  readonly isChanged: boolean;
  /** Whether its last new token, if it was to get any, was one without a grace. */
  readonly renews: boolean;
}

/** What two managers do, if each step happens at one moment. */
class Model {
  readonly #records = new Map<string, HeldRecord>(
    Object.entries(FIRST).map(([key, values]) => [key, { values, merges: 0 }]),
  );
  readonly #rowOf = new Map<number, string | undefined>();
  /** What a request believes that its session holds in the store. */
  readonly #bases = new Map<number, Values>();
  readonly #cookies = new Map<number, string>();
  /** By requests, the records that were gone when they wrote. */
  readonly #vanished = new Map<number, string>();
  #made = 0;
  /** By the manager that knows of it and the record: where the session has moved to, if it has. */
  readonly #successors = new Map<string, string | undefined>();
  /** What a record that was renewed held before. */
  readonly #before = new Map<string, HeldRecord>();
  /** What is in the place of records that were renewed with a grace. */
  readonly #links = new Map<string, { readonly to: string; readonly values: Values }>();
  /** The successors that are known to have left a link. */
  readonly #linked = new Set<string>();
  /** By requests whose sessions only read: the successors, and what is refused. */
  readonly #readOnly = new Map<number, ReadOnly>();
  readonly #refused = new Set<Commit>();
  /** The commits whose `destroy` has happened. */
  readonly #destroyed = new Set<Commit>();
  /** What the merge of a commit has seen, while it is still to be ended. */
  readonly #seen = new Map<Commit, { key: string; record: HeldRecord; own: Values }>();

  readonly #hasOwners: boolean;

  constructor(plans: readonly Plan[], { kinds = [] }: Options) {
    this.#hasOwners = kinds.includes("destroyOwned");
    for (const [request, { on }] of plans.entries()) {
      this.#rowOf.set(request, on);
      this.#bases.set(request, FIRST[on]);
    }
  }

  /** Takes a step; returns `false` if it cannot have happened. */
  step({ do: what, commit }: Step): boolean {
    if (what === "look") return this.#look(commit);
    if (what === "destroyOwned") return this.#destroyOwned();
    if (what === "destroy") this.#destroyFirst(commit);
    else if (what === "write") this.#write(commit);
    else this.#mergeAgain(commit, what === "end");
    return true;
  }

  #destroyOwned(): true {
    for (const [key, { values }] of this.#records) {
      if (OWNED in values) this.#records.delete(key);
    }
    return true;
  }

  #look(commit: Commit): boolean {
    const record = this.#records.get(commit.target);
    if (record !== undefined) {
      const { request, operations } = commit;
      const before = operations.slice(0, operations.findIndex(({ do: what }) => what === "merge"));
      const last = before.findLastIndex((operation) => operation.do === "destroy");
      const base = last < 0 ? this.#bases.get(request)! : {};
      const own = apply(toChange(before.slice(last + 1), {}), base);
      this.#seen.set(commit, { key: commit.target, record, own });
    }
    return commit.look!.found === (record !== undefined);
  }

  /** The part of a commit up to its last `destroy`. */
  #destroyFirst(commit: Commit): void {
    const { request, manager } = commit;
    // A session that has vanished may live on under another token.
    const key = this.#rowOf.get(request) ?? this.#vanished.get(request);
    let linked = this.#readOnly.get(request)?.to;
    this.#readOnly.delete(request);
    const successor = `${manager} ${key}`;
    // A link that another manager has put there meanwhile leads to the session.
    if (key !== undefined) this.#learn(manager, key);
    if (afterDestroy(commit).length > 0 && !this.#successors.has(successor)) {
      this.#successors.set(successor, undefined);
    }
    this.#destroy(request, manager, key);
    while (linked !== undefined) {
      const next: string | undefined = this.#links.get(linked)?.to;
      this.#destroy(request, manager, linked);
      linked = next;
    }
    this.#destroyed.add(commit);
  }

  #write(commit: Commit): void {
    const { request, manager, operations } = commit;
    const rest = afterDestroy(commit);
    const destroys = rest.length < operations.length;
    const before = this.#rowOf.get(request);
    if (destroys && !this.#destroyed.has(commit)) this.#destroyFirst(commit);
    const change = toChange(rest, this.#seen.get(commit)?.record.values ?? {});
    if (destroys || before === undefined) {
      if (this.#vanished.has(request)) this.#seen.delete(commit);
      else this.#insert(request, apply(change, {}));
    } else if (!this.#update(request, manager, before, change, commit)) this.#seen.delete(commit);
  }

  /** Takes over what others have made of a merged session meanwhile, and perhaps ends it. */
  #mergeAgain(commit: Commit, isEnd: boolean): void {
    const seen = this.#seen.get(commit);
    if (seen === undefined) return;
    const { request, manager } = commit;
    let key: string | undefined = seen.key;
    while (key !== undefined && !this.#records.has(key)) {
      this.#learn(manager, key);
      key = this.#successors.get(`${manager} ${key}`);
    }
    if (key === undefined || key === this.#rowOf.get(request)) return;
    const { values, merges } = this.#records.get(key)!;
    const { overridden } = toChange(afterDestroy(commit), {});
    const changed = difference(seen.record.values, values);
    const isSame = key === seen.key && changed.size === 0 && merges === seen.record.merges;
    if (!isSame && overridden) {
      if (overridden.all) changed.clear();
      for (const key of overridden.keys) changed.delete(key);
      // What the other session no longer has, this one holds as before the merge.
      for (const [key, value] of changed) {
        if (value === undefined) changed.set(key, seen.own[key]);
      }
      const again = {
        cleared: false,
        values: changed,
        renews: false,
        hasGrace: false,
        overridden,
      };
      const own = this.#rowOf.get(request);
      if (own === undefined) this.#insert(request, apply(again, {}));
      else if (!this.#update(request, manager, own, again, commit)) {
        return void this.#seen.delete(commit);
      }
    }
    this.#seen.set(commit, { ...seen, key, record: this.#records.get(key)! });
    if (!isEnd) return;
    this.#records.delete(key);
    const successor = `${manager} ${key}`;
    if (!this.#successors.has(successor)) this.#successors.set(successor, undefined);
  }

  #destroy(request: number, manager: number, record: string | undefined): void {
    for (let key = record; key !== undefined; key = this.#successors.get(`${manager} ${key}`)) {
      this.#learn(manager, key);
      this.#records.delete(key);
      this.#links.delete(key);
    }
    this.#rowOf.set(request, undefined);
    this.#bases.set(request, {});
    this.#vanished.delete(request);
    this.#cookies.set(request, "clear");
  }

  #insert(request: number, values: Values): void {
    if (Object.keys(values).length > 0) {
      this.#set(request, `new record ${this.#made++}`, { values, merges: 0 });
    }
  }

  #set(request: number, key: string, record: HeldRecord): void {
    this.#records.set(key, record);
    this.#rowOf.set(request, key);
    this.#bases.set(request, record.values);
    this.#cookies.set(request, "set");
  }

  /** A manager that looks for a record finds the link in its place. */
  #learn(manager: number, record: string): void {
    const link = this.#links.get(record);
    const successor = `${manager} ${record}`;
    if (link === undefined || this.#successors.has(successor)) return;
    this.#successors.set(successor, link.to);
    this.#linked.add(successor);
  }

  /** A session that only reads: returns `false` if the commit was refused. */
  #refuse(
    request: number,
    to: string,
    isChange: boolean,
    { renews, hasGrace }: Change,
    commit: Commit,
  ): boolean {
    const before = this.#readOnly.get(request);
    const next = {
      to,
      isChanged: isChange || before?.isChanged === true,
      renews: renews ? !hasGrace : before?.renews === true,
    };
    this.#readOnly.set(request, next);
    const isRefused = next.isChanged || next.renews;
    if (isRefused) this.#refused.add(commit);
    return !isRefused;
  }

  /** Returns `false` if the record is gone, or nothing was written because the session only reads. */
  #update(
    request: number,
    manager: number,
    record: string,
    change: Change,
    commit: Commit,
  ): boolean {
    const { cleared, renews, hasGrace, overridden } = change;
    const base = this.#bases.get(request)!;
    // A value that the request has loaded is no change.
    const isChange = ([key, value]: [string, unknown]): boolean =>
      cleared || renews || base[key] !== value;
    const values = new Map([...change.values].filter(isChange));
    const merges = overridden !== undefined;
    const isWritten = cleared || merges || values.size > 0;
    const readOnly = this.#readOnly.get(request);
    if (readOnly !== undefined) {
      return this.#refuse(request, readOnly.to, isWritten, change, commit);
    }
    if (!cleared && values.size === 0 && !renews && !merges) return true;
    const successor = `${manager} ${record}`;
    const twin = renews && !this.#linked.has(successor)
      ? this.#records.get(this.#successors.get(successor) ?? "")
      : undefined;
    const before = this.#records.get(record) ?? (twin && this.#before.get(record));
    if (before === undefined) {
      this.#learn(manager, record);
      const to = this.#linked.has(successor) ? this.#successors.get(successor) : undefined;
      if (to !== undefined) return this.#refuse(request, to, isWritten, change, commit);
      this.#vanish(request, manager, record);
      return false;
    }
    const next = {
      values: apply({ cleared, values }, before.values),
      merges: before.merges + Number(merges),
    };
    if (!renews) {
      this.#set(request, record, next);
      return true;
    }
    // The other request has signed the session out: this one does not go on signed in.
    const staysOwned = OWNED in before.values && OWNED in next.values;
    if (this.#hasOwners && twin && staysOwned && !(OWNED in twin.values)) {
      this.#vanish(request, manager, record);
      return false;
    }
    if (!twin) this.#before.set(record, before);
    const key = `new record ${this.#made++}`;
    if (this.#records.delete(record)) {
      this.#successors.set(successor, key);
      if (hasGrace) {
        this.#linked.add(successor);
        this.#links.set(record, { to: key, values: before.values });
      }
    }
    this.#set(request, key, next);
    return true;
  }

  #vanish(request: number, manager: number, record: string): void {
    this.#vanished.set(request, record);
    this.#rowOf.set(request, undefined);
    this.#bases.set(request, {});
    if (this.#successors.has(`${manager} ${record}`)) this.#cookies.delete(request);
    else this.#cookies.set(request, "clear, perhaps");
  }

  /** What the store and the clients' cookies may be like in the end. */
  results(requests: number): string[] {
    const cookies = Array.from({ length: requests }, (_, request) => this.#cookies.get(request));
    // Another request may still try to renew or end a session that is gone.
    const choices = cookies.map((cookie) =>
      cookie === "clear, perhaps" ? ["clear", undefined] : [cookie]
    );
    const all = choices.reduce<(string | undefined)[][]>(
      (before, choice) => before.flatMap((some) => choice.map((one) => [...some, one])),
      [[]],
    );
    const records = [...this.#records.values()].map(({ values }) => values);
    const read = this.#read("record");
    return all.map((cookies) => toText(records, cookies, read, this.#refused));
  }

  /** What is read by a token. */
  #read(record: string): Values | undefined {
    let key = record;
    for (let to; (to = this.#links.get(key)?.to) !== undefined;) key = to;
    const found = this.#records.get(key)?.values;
    return found && (this.#links.get(record)?.values ?? found);
  }
}

/** What a commit does after its last `destroy`. */
function afterDestroy({ operations }: Commit): Operation[] {
  return operations.slice(
    operations.findLastIndex((operation) => operation.do === "destroy") + 1,
  );
}

/** The steps of a commit, in their order; if it merges, it may do so again so many times. */
function stepsOf(commit: Commit, again: number, { kinds = [] }: Options): Step[] {
  const { begin, end, look, operations } = commit;
  if (operations[0]?.do === "destroyOwned") {
    return Array<Step>(1 + again).fill({ commit, do: "destroyOwned", begin, end });
  }
  const write: Step = { commit, do: "write", begin, end };
  // What begins another session happens later: all sessions of the owner may end in between.
  const destroys = operations.some((operation) => operation.do === "destroy");
  if (destroys && kinds.includes("destroyOwned")) return [{ ...write, do: "destroy" }, write];
  if (look === undefined) return [write];
  const steps: Step[] = [{ commit, do: "look", begin: look.begin, end: look.end }, write];
  if (!look.found) return steps;
  return [...steps, ...Array<Step>(again).fill({ ...write, do: "again" }), { ...write, do: "end" }];
}

/** All orders of the steps in which none comes before one that had ended when it began. */
function* ordersOf(commits: readonly (readonly Step[])[]): Generator<Step[]> {
  const open = commits.filter((steps) => steps.length > 0);
  if (open.length === 0) yield [];
  for (const steps of open) {
    const [first, ...rest] = steps as [Step, ...Step[]];
    const others = open.filter((other) => other !== steps);
    if (others.some((other) => other.some(({ end }) => end < first.begin))) continue;
    for (const order of ordersOf([rest, ...others])) yield [first, ...order];
  }
}

/** The results of all orders of the commits, the simple ones first. */
function* resultsOf(
  plans: readonly Plan[],
  commits: readonly Commit[],
  options: Options,
): Generator<string> {
  const repeats = commits.some(({ look, operations }) =>
    look?.found || operations[0]?.do === "destroyOwned"
  );
  for (let again = 0; again <= (repeats ? MAX_AGAIN : 0); again++) {
    for (const order of ordersOf(commits.map((commit) => stepsOf(commit, again, options)))) {
      const model = new Model(plans, options);
      if (order.every((step) => model.step(step))) yield* model.results(plans.length);
    }
  }
}

function toText(
  records: Iterable<Values>,
  cookies: readonly (string | undefined)[],
  read: Values | undefined,
  refused: Iterable<Commit>,
): string {
  const text = (values: Values): string => JSON.stringify(Object.entries(values).sort());
  const sorted = [...records].map(text).sort();
  const commits = Array.from(refused, ({ begin }) => begin).sort((a, b) => a - b);
  return `records ${sorted.join()}, cookies ${cookies.map(String).join()}, ` +
    `first token reads ${read && text(read)}, refused ${commits.join()}`;
}

/** The values that the application has put into a session. */
function valuesOf(data: Uint8Array): Values {
  const { __session: _, ...values } = Object.fromEntries(devalueCodec.decode(data).values);
  return values;
}

/** Does an operation to a session, unless it has no effect there. */
function attempt(
  session: TrackedSession<Values>,
  operation: Exclude<Operation, { readonly do: "merge" | "destroyOwned" }>,
): boolean {
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
    case "rotate":
      session.renewToken({ grace: 60_000 });
      return true;
    default:
      session[operation.do]();
      return true;
  }
}

/** Carries the plans out side by side; returns the result and the commits. */
async function run(
  scheduler: fc.Scheduler,
  plans: readonly Plan[],
  { kinds = [], calls = ALL_CALLS, first = FIRST, owned = OWNED }: Options,
): Promise<
  {
    readonly records: readonly Values[];
    readonly result: string;
    readonly commits: readonly Commit[];
  }
> {
  const store = new MemoryStore();
  const owner = (values: Values): string | undefined => owned in values ? OWNER : undefined;
  const setUp = new SessionManager<Values>({ store, owner });
  const deadline = new Date(Date.now() + 3_600_000);
  const tokens = { record: "", other: "" };
  for (const on of ["record", "other"] as const) {
    const session = await setUp.load(undefined);
    for (const [key, value] of Object.entries(first[on])) session.put(key, value);
    session.deadline = deadline;
    await setUp.commit(session);
    tokens[on] = session.token!;
  }
  // The scheduler decides when the calls and their replies arrive.
  const schedule = async <T>(name: string, make: () => Promise<T>): Promise<T> => {
    await scheduler.schedule(Promise.resolve(), name);
    const reply = await make();
    await scheduler.schedule(Promise.resolve(), `reply to ${name}`);
    return reply;
  };
  const scheduled = {
    ...withCalls(store, calls, schedule),
    deleteOwned: (...args: Parameters<MemoryStore["deleteOwned"]>) =>
      schedule("deleteOwned", () => store.deleteOwned(...args)),
    async *entriesOf(
      ...args: Parameters<MemoryStore["entriesOf"]>
    ): AsyncIterableIterator<SessionRecord> {
      yield* await schedule("entriesOf", async () => {
        const page: SessionRecord[] = [];
        for await (const record of store.entriesOf(...args)) page.push(record);
        return page;
      });
    },
  };
  const options = kinds.includes("destroyOwned") ? { owner } : {};
  const managers = [0, 1].map(() => {
    return new SessionManager<Values>({ store: scheduled, ...options });
  });
  const sessions = await Promise.all(plans.map(async ({ manager, on }) => {
    return await managers[manager]!.load(tokens[on]) as TrackedSession<Values>;
  }));
  const commits: Commit[] = [];
  let clock = 0;
  await Promise.all(plans.map(async ({ manager, on, parts, idle = 0 }, request) => {
    const session = sessions[request]!;
    await scheduler.schedule(Promise.resolve(), `request ${request}`);
    for (let step = 0; step < idle; step++) await scheduler.schedule(Promise.resolve(), "idle");
    for (const part of parts) {
      const target = on === "record" ? "other" : "record";
      const operations: Operation[] = [];
      let look: Commit["look"];
      for (const planned of part) {
        if (planned.do === "destroyOwned") {
          operations.push(planned);
          continue;
        }
        if (planned.do === "merge") {
          if (look !== undefined || (on === "other" && !kinds.includes("merge each other"))) {
            continue;
          }
          const begin = ++clock;
          const found = await session.merge(tokens[target]);
          look = { begin, end: ++clock, found };
          if (found) operations.push(planned);
          continue;
        }
        const operation = planned.do === "put" ? { ...planned, value: ++clock } : planned;
        if (attempt(session, operation)) operations.push(operation);
      }
      const begin = ++clock;
      const commit: Commit = { request, manager, target, operations, begin, end: Infinity };
      if (look !== undefined) commit.look = look;
      commits.push(commit);
      if (part[0]?.do === "destroyOwned") await managers[manager]!.destroyOwned(OWNER);
      else {await managers[manager]!.commit(session).catch((error) => {
          if (error instanceof RenewedSessionError) commit.refused = true;
          else throw error;
        });}
      commit.end = ++clock;
    }
  }));
  const records: Values[] = [];
  for await (const record of store.entries()) {
    if (readLink(record) === undefined) records.push(valuesOf(record.data));
  }
  const loaded = await new SessionManager<Values>({ store }).load(tokens.record) as TrackedSession<
    Values
  >;
  const read = loaded.record && valuesOf(loaded.record.data);
  const refused = commits.filter((commit) => commit.refused);
  const cookies = sessions.map(({ cookie }) => cookie?.kind);
  return { records, result: toText(records, cookies, read, refused), commits };
}

interface Options {
  readonly kinds?: readonly Kind[];
  /** The managers that the requests are spread over, 1 or 2. */
  readonly managers?: number;
  readonly calls?: readonly Call[];
  /** The plans to try; by default any. */
  readonly plans?: fc.Arbitrary<readonly Plan[]>;
  /** The values of the two sessions at first. */
  readonly first?: Record<First, Values>;
  /** The key that makes a session the owner's. */
  readonly owned?: string;
}

/** Tests the plans in any order in which they can happen. */
function testPlans(
  name: string,
  options: Options,
  check: (plans: readonly Plan[], outcome: Awaited<ReturnType<typeof run>>) => void,
): void {
  Deno.test(name, async () => {
    const { random } = Math;
    // A short wait between two attempts: enough for two that keep undoing each other's.
    Math.random = () => random() / 10;
    try {
      const property = fc.asyncProperty(
        fc.scheduler(),
        options.plans ?? anyPlans(options),
        async (scheduler, plans) => {
          check(plans, await scheduler.waitFor(run(scheduler, plans, options)));
        },
      );
      await fc.assert(property, { numRuns: 200 });
    } finally {
      Math.random = random;
    }
  });
}

/** Tests that some order of the commits explains the result. */
function testInterleavings(name: string, options: Options): void {
  const testName = `parallel requests ${name} leave what they would one after another`;
  testPlans(testName, options, (plans, { result, commits }) => {
    const possible = new Set<string>();
    for (const one of resultsOf(plans, commits, options)) {
      if (one === result) return;
      possible.add(one);
    }
    assert.fail(`${result}\nis none of\n${[...possible].join("\n")}`);
  });
}

testInterleavings("that put, remove and clear", {});
testInterleavings("that destroy the session", { kinds: ["destroy"] });
testInterleavings("that renew the token", { kinds: ["renewToken"] });
testInterleavings("that merge", { kinds: ["merge"] });
testInterleavings("that do all of it", { kinds: ["destroy", "renewToken"] });
testInterleavings("that do all of it and merge", { kinds: ["destroy", "renewToken", "merge"] });
for (const [store, calls] of [["a full", ALL_CALLS], ["a minimal", MINIMAL]] as const) {
  testInterleavings(`that do all of it and merge each other in one process, on ${store} store,`, {
    kinds: ["destroy", "renewToken", "merge each other"],
    managers: 1,
    calls,
  });
}

testInterleavings("that renew the token with a grace", { kinds: ["rotate"] });
testInterleavings("that renew the token with and without a grace", {
  kinds: ["renewToken", "rotate"],
});
testInterleavings("that do all of it, also with a grace,", {
  kinds: ["destroy", "renewToken", "rotate"],
});
testInterleavings("that do all of it, also with a grace, and merge", {
  kinds: ["destroy", "renewToken", "rotate", "merge"],
});
for (const [store, calls] of [["a full", ALL_CALLS], ["a minimal", MINIMAL]] as const) {
  testInterleavings(`that do all of it, also with a grace, in one process, on ${store} store,`, {
    kinds: ["destroy", "renewToken", "rotate"],
    managers: 1,
    calls,
  });
}

testInterleavings("that renew the token while all of the owner's sessions are destroyed", {
  kinds: ["renewToken", "destroyOwned"],
});
testInterleavings("that do all of it while all of the owner's sessions are destroyed", {
  kinds: ["destroy", "renewToken", "destroyOwned"],
});

// Renewals of one process find each other's new records, which may be deleted in between.
const renewal: Plan = { manager: 0, on: "record", parts: [[{ do: "renewToken" }]] };
const ending: Plan = { manager: 1, on: "other", parts: [[{ do: "destroyOwned" }]] };
testPlans("destroyOwned() leaves no session that is renewed twice at once", {
  kinds: ["destroyOwned"],
  plans: fc.nat(MAX_IDLE).map((idle) => [renewal, renewal, { ...ending, idle }]),
}, (_, { records }) => assert.deepEqual(records, []));

// A renewed session may be renewed again, by the same request or by one that loses the race for the first token.
const twice: Plan = {
  manager: 0,
  on: "record",
  parts: [[{ do: "renewToken" }], [{ do: "renewToken" }]],
};
for (const managers of [1, 2]) {
  testPlans(`destroyOwned() leaves no session that ${managers} managers renew again and again`, {
    kinds: ["destroyOwned"],
    plans: fc.record({
      requests: fc.integer({ min: 2, max: 4 }),
      idle: fc.nat(2 * MAX_IDLE),
    }).map(({ requests, idle }) => [
      ...Array.from({ length: requests }, (_, index) => ({ ...twice, manager: index % managers })),
      { ...ending, idle },
    ]),
  }, (_, { records }) => assert.deepEqual(records, []));
}

// Nobody signs in, so that the owner's sessions can only be those of the beginning.
for (const managers of [1, 2]) {
  for (
    const [whose, first] of Object.entries({
      both: { record: { user: 1, a: 0, b: 0 }, other: { user: 1, b: -1, c: -2 } },
      one: { record: { a: 0, b: 0 }, other: { user: 1, b: -1, c: -2 } },
    })
  ) {
    const name = `destroyOwned() leaves no session of ${whose}, whatever ${managers} managers do`;
    const kinds = ["destroy", "renewToken", "merge each other", "destroyOwned"] as const;
    testPlans(name, { kinds, managers, first, owned: "user" }, (_, { records }) => {
      for (const record of records) assert.ok(!("user" in record), JSON.stringify(record));
    });
  }
}

// Each takes over what the other one has taken over from it, until one of them has ended the other.
testPlans(
  "sessions that merge each other in two processes do not end both, and lose no key",
  { kinds: ["merge each other"] },
  (_, { records, commits }) => {
    const operations = commits.flatMap(({ operations }) => operations);
    if (operations.some((operation) => operation.do === "clear")) {
      return assert.ok(records.length > 0);
    }
    const keys = [...Object.keys(FIRST.record), ...Object.keys(FIRST.other)];
    const lost = new Set<string>();
    for (const operation of operations) {
      if (operation.do === "put") keys.push(operation.key);
      if (operation.do === "remove") lost.add(operation.key);
    }
    for (const key of keys) {
      assert.ok(lost.has(key) || records.some((record) => key in record), `${key} is lost`);
    }
  },
);
