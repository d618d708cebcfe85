// deno-lint-ignore-file require-await -- so that what is thrown rejects

import { Buffer } from "node:buffer";
import { checkCommit, checkPageSize, checkReplace, checkTouch } from "./arguments.ts";
import type { CallOptions, FullSessionStore, SessionRecord } from "./store.ts";

/** Expired sessions are looked for at most this often, and only while sessions are committed. */
const SWEEP_INTERVAL_MS = 60_000;

/** A session as it is kept; never changed in place, so that a record that was given out stays as it is. */
type Entry = Pick<SessionRecord, "data" | "expiry">;

/**
 * Keeps sessions in this process's memory, for tests and first steps: they end with the process.
 *
 * It runs no timer: what has expired is removed as new sessions are committed.
 *
 * @example Sessions without a database
 * ```ts
 * import { MemoryStore, SessionManager } from "@scs/sequelize-store/manager";
 *
 * const sessions = new SessionManager<{ message: string }>({ store: new MemoryStore() });
 * const session = await sessions.load(undefined);
 * session.put("message", "Hello from a session!");
 * await sessions.commit(session);
 * ```
 */
export class MemoryStore implements FullSessionStore {
  readonly #sessions = new Map<string, Entry>();
  #lastSweep = Date.now();

  /** Finds the active session of a token: see {@linkcode SessionStore.find}. */
  async find(token: string, { signal }: CallOptions = {}): Promise<SessionRecord | undefined> {
    signal?.throwIfAborted();
    return this.#record(token);
  }

  /** Inserts or overwrites a session: see {@linkcode SessionStore.commit}. */
  async commit(
    token: string,
    data: Uint8Array,
    expiry: Date,
    { signal }: CallOptions = {},
  ): Promise<void> {
    checkCommit(token, data, expiry);
    signal?.throwIfAborted();
    if (Date.now() - this.#lastSweep >= SWEEP_INTERVAL_MS) this.#sweep();
    this.#sessions.set(token, copy({ data, expiry }));
  }

  /** Compare-and-swap of an active session's data: see {@linkcode FullSessionStore.replace}. */
  async replace(
    token: string,
    current: Uint8Array,
    next: Uint8Array,
    expiry: Date,
    { signal }: CallOptions = {},
  ): Promise<boolean> {
    checkReplace(current, next, expiry);
    signal?.throwIfAborted();
    const session = this.#active(token);
    if (session === undefined || Buffer.compare(session.data, current) !== 0) return false;
    this.#sessions.set(token, copy({ data: next, expiry }));
    return true;
  }

  /** Moves the expiry of an active session: see {@linkcode FullSessionStore.touch}. */
  async touch(token: string, expiry: Date, { signal }: CallOptions = {}): Promise<boolean> {
    checkTouch(expiry);
    signal?.throwIfAborted();
    const session = this.#active(token);
    if (session === undefined) return false;
    this.#sessions.set(token, { data: session.data, expiry: new Date(expiry) });
    return true;
  }

  /** Removes a session: see {@linkcode SessionStore.delete}. */
  async delete(token: string, { signal }: CallOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    this.#sessions.delete(token);
  }

  /** Reads the data of all active sessions: see {@linkcode FullSessionStore.all}. */
  async all(options?: CallOptions): Promise<Map<string, Uint8Array>> {
    const all = new Map<string, Uint8Array>();
    for await (const { token, data } of this.entries(options)) all.set(token, data);
    return all;
  }

  /** Walks the active sessions: see {@linkcode FullSessionStore.entries}. */
  async *entries(
    { signal, pageSize = 1000 }: CallOptions & { readonly pageSize?: number | undefined } = {},
  ): AsyncIterableIterator<SessionRecord> {
    checkPageSize(pageSize);
    signal?.throwIfAborted();
    for (const token of [...this.#sessions.keys()].sort()) {
      signal?.throwIfAborted();
      const record = this.#record(token);
      if (record !== undefined) yield record;
    }
  }

  /** Deletes the sessions that have expired: see {@linkcode FullSessionStore.deleteExpired}. */
  async deleteExpired({ signal }: CallOptions = {}): Promise<number> {
    signal?.throwIfAborted();
    return this.#sweep();
  }

  #active(token: string): Entry | undefined {
    const session = this.#sessions.get(token);
    return session && session.expiry.getTime() > Date.now() ? session : undefined;
  }

  #record(token: string): SessionRecord | undefined {
    const session = this.#active(token);
    return session && { token, ...copy(session) };
  }

  #sweep(): number {
    const before = this.#sessions.size;
    this.#lastSweep = Date.now();
    for (const [token, { expiry }] of this.#sessions) {
      if (expiry.getTime() <= this.#lastSweep) this.#sessions.delete(token);
    }
    return before - this.#sessions.size;
  }
}

/** What the caller may go on changing, and what it may change once it has it. */
function copy({ data, expiry }: Entry): Entry {
  return { data: new Uint8Array(data), expiry: new Date(expiry) };
}
