// Stores that record their calls, lack some or fail; and changes of all sessions of a store.

import type { FullSessionStore, SessionStore } from "../../src/store/store.ts";

/** A call that a session manager makes of its store. */
export type Call = "find" | "commit" | "delete" | "replace" | "touch";

/** The calls that a session manager needs. */
export const MINIMAL: readonly Call[] = ["find", "commit", "delete"];
export const ALL_CALLS: readonly Call[] = [...MINIMAL, "replace", "touch"];

/** A store, and the names of its calls so far, in order. */
export function recording<T extends Partial<FullSessionStore>>(
  store: T,
): { readonly store: T; readonly calls: string[] } {
  const calls: string[] = [];
  const get = (target: T, name: string | symbol): unknown => {
    const method = target[name as keyof T];
    if (typeof method !== "function") return method;
    return (...args: unknown[]): unknown => {
      calls.push(String(name));
      return method.apply(target, args);
    };
  };
  return { store: new Proxy(store, { get }), calls };
}

/** A store with only these calls; `around` is called with each one, and makes it. */
export function withCalls(
  store: FullSessionStore,
  names: readonly Call[],
  around: <T>(name: Call, make: () => Promise<T>) => Promise<T> = (_, make) => make(),
): SessionStore & Partial<FullSessionStore> {
  const calls = names.map((name) => {
    const call = store[name].bind(store) as (...args: unknown[]) => Promise<unknown>;
    return [name, (...args: unknown[]) => around(name, () => call(...args))];
  });
  return Object.fromEntries(calls);
}

/** Moves the expiry of all sessions. */
export async function touchAll(store: FullSessionStore, expiry: Date): Promise<void> {
  for (const token of (await store.all()).keys()) await store.touch(token, expiry);
}

/** Deletes all sessions. */
export async function deleteAll(store: FullSessionStore): Promise<void> {
  for (const token of (await store.all()).keys()) await store.delete(token);
}
