import type { CallOptions, SessionRecord, SessionStore } from "./store.ts";

/**
 * Whether an error means that a session exists but cannot be read: by its `code`, because a store may be of any kind.
 */
export function isUnreadable(error: unknown): boolean {
  return (error as { code?: unknown } | undefined)?.code === "DECRYPTION_FAILED";
}

/** Returns a record whose `data` cannot be read: reading it throws the error. */
export function unreadableRecord(
  record: Omit<SessionRecord, "data">,
  error: unknown,
): SessionRecord {
  return {
    ...record,
    get data(): Uint8Array {
      throw error;
    },
  };
}

/** Whether the data of a record can be read: see {@linkcode unreadableRecord}. */
export function hasData(record: SessionRecord): boolean {
  try {
    return record.data !== undefined;
  } catch {
    return false;
  }
}

/**
 * A store does not return the expiry of a record that it cannot read. The record is active, so any future time works.
 */
const LATER = Date.UTC(9999, 0, 1);

/** Makes a `find` that also finds the sessions whose data cannot be read: see {@linkcode unreadableRecord}. */
export function findAny(store: Pick<SessionStore, "find">): SessionStore["find"] {
  return async (token: string, options?: CallOptions) => {
    try {
      return await store.find(token, options);
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      return unreadableRecord({ token, expiry: new Date(LATER) }, error);
    }
  };
}
