import { abortable } from "../util/abortable.ts";
import { check, FUNCTION, isPromise, type Rule } from "../util/check.ts";
import { STORE } from "./arguments.ts";
import { type ConditionalStore, toConditional } from "./conditional_store.ts";
import { OWNED_STORE } from "./owner.ts";
import type { CallOptions, OwnedSessionStore, SessionRecord, SessionStore } from "./store.ts";

type Store = SessionStore & Partial<OwnedSessionStore>;

/** A store, or a promise of one, such as `SequelizeStore.open(sequelize)` without its `await`. */
export type StoreSource =
  | (SessionStore & Partial<OwnedSessionStore>)
  | PromiseLike<SessionStore & Partial<OwnedSessionStore>>;

/** A store, or any promise: its value is checked once it resolves. */
export const STORE_SOURCE: Rule<StoreSource> = {
  text: STORE.text,
  hasType: (value): value is StoreSource => STORE.hasType(value) || isPromise(value),
};

/**
 * Returns a store at once. If `source` is a promise, the calls of the returned store wait for it. If the promise
 * rejects, or does not resolve to a store, each call rejects with that error.
 *
 * @param action Completes "Cannot ...".
 * @param needsOwners Whether the store must keep the owners of sessions.
 * @throws {TypeError} If `source` is neither such a store nor a promise.
 */
export function resolveStore(action: string, source: StoreSource, needsOwners = false): Store {
  check(action, "store", source, STORE_SOURCE);
  const rule: Rule<Store> = needsOwners ? OWNED_STORE : STORE;
  if (!STORE.hasType(source)) return waitingFor(toStore(action, source, rule));
  check(action, "store", source, rule);
  return source;
}

async function toStore(
  action: string,
  source: PromiseLike<unknown>,
  rule: Rule<Store>,
): Promise<Store> {
  const store = await source;
  check(action, "store", store, STORE);
  check(action, "store", store, rule);
  return store;
}

function waitingFor(opening: Promise<Store>): ConditionalStore & Store {
  const conditional = opening.then(toConditional);
  // Each call rejects with the error. A process that has not made a call yet must not end because of it.
  conditional.catch(() => {});
  const ready = (options: CallOptions | undefined): Promise<ConditionalStore> =>
    abortable(conditional, options?.signal);
  return {
    find: async (token, options) => await (await ready(options)).find(token, options),
    commit: async (token, data, expiry, options) =>
      await (await ready(options)).commit(token, data, expiry, options),
    delete: async (token, options) => await (await ready(options)).delete(token, options),
    replace: async (token, current, next, expiry, options) =>
      await (await ready(options)).replace(token, current, next, expiry, options),
    touch: async (token, expiry, options) =>
      await (await ready(options)).touch(token, expiry, options),
    entries: async function* (options): AsyncGenerator<SessionRecord> {
      const store = await abortable(opening, options?.signal);
      check("walk the sessions", "store.entries", store.entries, FUNCTION);
      yield* store.entries!(options);
    },
    entriesOf: async function* (owner, options): AsyncGenerator<SessionRecord> {
      const store = await abortable(opening, options?.signal);
      check("walk the sessions", "store.entriesOf", store.entriesOf, FUNCTION);
      yield* store.entriesOf!(owner, options);
    },
    deleteOwned: async (owner, options) => {
      const store = await abortable(opening, options?.signal);
      check("delete the sessions", "store.deleteOwned", store.deleteOwned, FUNCTION);
      return await store.deleteOwned!(owner, options);
    },
    deleteExpired: async (options) =>
      await (await abortable(opening, options?.signal)).deleteExpired?.(options) ?? 0,
  };
}
