import { Buffer } from "node:buffer";
import type { FullSessionStore, SessionStore } from "./store.ts";
import { findAny } from "./unreadable.ts";

/** The calls by which a session is loaded and committed. */
export type ConditionalStore = Pick<
  FullSessionStore,
  "find" | "commit" | "delete" | "replace" | "touch"
>;

/**
 * Returns the calls of a store. Their `find` also finds the sessions that cannot be read: reading the `data` of such
 * a record throws.
 *
 * Adds `replace` and `touch` to a store that lacks them. They then make two calls instead of one: if another process
 * writes in between, its write is lost, and if it deletes the session, the session comes back.
 */
export function toConditional(store: SessionStore & Partial<FullSessionStore>): ConditionalStore {
  const find = findAny(store);
  const replace: FullSessionStore["replace"] = async (token, current, next, expiry, options) => {
    const record = await find(token, options);
    if (record === undefined || Buffer.compare(record.data, current) !== 0) return false;
    const owner = options?.owner === undefined ? record.owner : options.owner ?? undefined;
    await store.commit(token, next, expiry, { ...options, owner });
    return true;
  };
  const touch: FullSessionStore["touch"] = async (token, expiry, options) => {
    const record = await find(token, options);
    if (record === undefined) return false;
    await store.commit(token, record.data, expiry, { ...options, owner: record.owner });
    return true;
  };
  return {
    find,
    commit: store.commit.bind(store),
    delete: store.delete.bind(store),
    replace: store.replace?.bind(store) ?? replace,
    touch: store.touch?.bind(store) ?? touch,
  };
}
