import { checkCommit, checkReplace } from "../store/arguments.ts";
import { OWNED_STORE } from "../store/owner.ts";
import type {
  CallOptions,
  CommitOptions,
  FullSessionStore,
  OwnedSessionStore,
  ReplaceOptions,
  SessionRecord,
} from "../store/store.ts";
import { isWellFormed } from "../store/token.ts";
import { unreadableRecord } from "../store/unreadable.ts";
import { check } from "../util/check.ts";
import { checkEncryptionOptions, type EncryptionOptions } from "./encryption_options.ts";
import { KeyRing } from "./key_ring.ts";

/** A store whose calls may take more options than the contract names, such as a transaction. */
export interface UnderlyingStore<Options extends CallOptions>
  extends FullSessionStore, Partial<Omit<OwnedSessionStore, keyof FullSessionStore>> {
  /** Finds the active session of a token: see {@linkcode SessionStore SessionStore.find}. */
  find(token: string, options?: Options): Promise<SessionRecord | undefined>;
}

/**
 * Encrypts the data of the sessions in any other store with AES-256-GCM. Anyone who reads the database, or a backup
 * of it, cannot read what the sessions hold. Data that was altered, or copied from another session, is refused.
 *
 * It is itself a store, for a `SessionManager`, for an `ExpressStore`, or for your own code. Tokens, expiries and the
 * options of each call are passed to the other store as they are.
 *
 * The same data of the same session is always encrypted to the same bytes, because `replace` compares them. So anyone
 * who reads the database can see when a session has the same data as before, and how many bytes it has, but not
 * whether two sessions have the same data.
 *
 * @example Under a SessionManager
 * ```ts
 * import { randomBytes } from "node:crypto";
 * import { EncryptedStore } from "@scs/sequelize-store/encryption";
 * import { MemoryStore, SessionManager } from "@scs/sequelize-store/manager";
 *
 * const key = randomBytes(32); // from your configuration
 * const store = new EncryptedStore(new MemoryStore(), { keys: [key] });
 *
 * const sessions = new SessionManager<{ userId: number }>({ store });
 * const session = await sessions.load(undefined);
 * session.put("userId", 7);
 * await sessions.commit(session);
 * ```
 *
 * @example With a new key, and the one before
 * ```ts
 * import { randomBytes } from "node:crypto";
 * import { EncryptedStore } from "@scs/sequelize-store/encryption";
 * import { MemoryStore } from "@scs/sequelize-store/manager";
 *
 * const [older, newer] = [randomBytes(32), randomBytes(32)]; // from your configuration
 * const sessions = new MemoryStore();
 * const expiry = new Date(Date.now() + 3_600_000);
 * const data = new TextEncoder().encode("data");
 * await new EncryptedStore(sessions, { keys: [older] }).commit("a-token", data, expiry);
 *
 * const store = new EncryptedStore(sessions, { keys: [newer, older] });
 * const record = await store.find("a-token");
 * console.log(new TextDecoder().decode(record?.data)); // data
 * ```
 *
 * @template Options What each call takes: what the other store's calls take.
 */
export class EncryptedStore<Options extends CallOptions = CallOptions>
  implements OwnedSessionStore {
  readonly #store: FullSessionStore;
  readonly #keys: KeyRing;

  /**
   * Creates a store that encrypts. It holds no timer and no connection, and need not be closed. The code that has
   * opened the other store still has to close it.
   *
   * @param store Where the sessions are kept.
   * @param options The keys, and whether plaintext is allowed.
   * @throws {TypeError} If an argument has the wrong type, or the store lacks a method.
   * @throws {RangeError} If there is no key, a key is too short or too weak, or a key is given twice.
   */
  constructor(store: UnderlyingStore<Options>, options: EncryptionOptions) {
    this.#keys = new KeyRing(checkEncryptionOptions(store, options));
    this.#store = store;
  }

  /** Whether the other store keeps owners: see `owners` of `OwnedSessionStore`. */
  get owners(): boolean {
    return OWNED_STORE.hasType(this.#store);
  }

  /**
   * Finds the active session of a token: see {@linkcode SessionStore SessionStore.find}.
   *
   * @throws {DecryptionError} If the session exists but its data cannot be decrypted.
   */
  async find(token: string, options?: Options): Promise<SessionRecord | undefined> {
    const record = await this.#store.find(token, options);
    return record && { ...record, data: this.#keys.decrypt(token, record.data) };
  }

  /** Inserts or overwrites a session: see {@linkcode SessionStore SessionStore.commit}. */
  async commit(
    token: string,
    data: Uint8Array,
    expiry: Date,
    options?: Options & CommitOptions,
  ): Promise<void> {
    checkCommit(token, data, expiry, undefined);
    await this.#store.commit(token, this.#keys.encrypt(token, data), expiry, options);
  }

  /**
   * Compare-and-swap of an active session's data: see {@linkcode FullSessionStore FullSessionStore.replace}.
   *
   * If the session is encrypted with the newest key, it takes one call of the other store. Otherwise it takes one
   * more for each key until the session's own. `false` does not always mean that the data has changed: another
   * process may have encrypted it again, with another key, in between.
   */
  async replace(
    token: string,
    current: Uint8Array,
    next: Uint8Array,
    expiry: Date,
    options?: Options & ReplaceOptions,
  ): Promise<boolean> {
    checkReplace(current, next, expiry, undefined);
    if (!isWellFormed(token)) return false;
    // The caller may change both while the calls are under way.
    const [seen, until] = [new Uint8Array(current), new Date(expiry)];
    const candidates = this.#keys.candidates(token, seen);
    // The current data is encrypted first: it usually is what was encrypted or decrypted last, and is still cached.
    let candidate = candidates.next();
    const encrypted = this.#keys.encrypt(token, next);
    for (; !candidate.done; candidate = candidates.next()) {
      if (await this.#store.replace(token, candidate.value, encrypted, until, options)) return true;
    }
    return false;
  }

  /** Changes the expiry of an active session: see {@linkcode FullSessionStore FullSessionStore.touch}. */
  async touch(token: string, expiry: Date, options?: Options): Promise<boolean> {
    return await this.#store.touch(token, expiry, options);
  }

  /** Removes a session: see {@linkcode SessionStore SessionStore.delete}. */
  async delete(token: string, options?: Options): Promise<void> {
    await this.#store.delete(token, options);
  }

  /**
   * Reads the data of all active sessions: see {@linkcode FullSessionStore FullSessionStore.all}.
   *
   * @throws {DecryptionError} If the data of one of them cannot be decrypted; `entries` returns the others.
   */
  async all(options?: Options): Promise<Map<string, Uint8Array>> {
    const all = await this.#store.all(options);
    for (const [token, data] of all) all.set(token, this.#keys.decrypt(token, data));
    return all;
  }

  /**
   * Walks the active sessions: see {@linkcode FullSessionStore FullSessionStore.entries}.
   *
   * A session whose data cannot be decrypted is also returned, so that it can be counted and deleted. Reading its
   * `data` throws a {@linkcode DecryptionError}.
   *
   * @example Delete the sessions that cannot be decrypted
   * ```ts
   * import { randomBytes } from "node:crypto";
   * import { DecryptionError, EncryptedStore } from "@scs/sequelize-store/encryption";
   * import { MemoryStore } from "@scs/sequelize-store/manager";
   *
   * const store = new EncryptedStore(new MemoryStore(), { keys: [randomBytes(32)] });
   * for await (const record of store.entries()) {
   *   try {
   *     console.log(record.data.length);
   *   } catch (error) {
   *     if (!(error instanceof DecryptionError)) throw error;
   *     await store.delete(record.token);
   *   }
   * }
   * ```
   */
  async *entries(
    options?: Options & { readonly pageSize?: number | undefined },
  ): AsyncIterableIterator<SessionRecord> {
    for await (const record of this.#store.entries(options)) yield this.#decrypted(record);
  }

  /**
   * Walks the active sessions of one owner, as `entries` does: see `entriesOf` of `OwnedSessionStore`.
   *
   * @param owner Whom they belong to.
   * @returns The sessions; none if the owner has no active session.
   * @throws {TypeError} On the first step, if the other store does not keep owners.
   */
  async *entriesOf(
    owner: string,
    options?: Options & { readonly pageSize?: number | undefined },
  ): AsyncIterableIterator<SessionRecord> {
    const records = this.#ownedStore("find the sessions").entriesOf(owner, options);
    for await (const record of records) yield this.#decrypted(record);
  }

  /**
   * Deletes the sessions of one owner, also those that cannot be decrypted: see `deleteOwned` of `OwnedSessionStore`.
   *
   * @param owner Whom they belong to.
   * @returns How many active sessions were deleted.
   * @throws {TypeError} If the other store does not keep owners.
   */
  async deleteOwned(
    owner: string,
    options?: Options & { readonly except?: readonly string[] | undefined },
  ): Promise<number> {
    return await this.#ownedStore("delete the sessions").deleteOwned(owner, options);
  }

  /** Deletes the sessions that have expired: see {@linkcode FullSessionStore FullSessionStore.deleteExpired}. */
  async deleteExpired(
    options?: Options & { readonly limit?: number | undefined },
  ): Promise<number> {
    return await this.#store.deleteExpired(options);
  }

  /** Returns a record with its decrypted data, or with an error in its place. */
  #decrypted(record: SessionRecord): SessionRecord {
    try {
      return { ...record, data: this.#keys.decrypt(record.token, record.data) };
    } catch (error) {
      const { data: _, ...rest } = record;
      return unreadableRecord(rest, error);
    }
  }

  #ownedStore(action: string): Pick<OwnedSessionStore, "entriesOf" | "deleteOwned"> {
    const store: FullSessionStore = this.#store;
    check(action, "store", store, OWNED_STORE);
    return store;
  }
}
