import { isDeepStrictEqual } from "node:util";
import type { Serializer } from "./options.ts";
import { parseSession } from "./session_data.ts";

/** The data of one session at several times. */
export interface Versions {
  /** The data that the request has loaded or last written, or may have written. */
  readonly bases: readonly Uint8Array[];
  /** The data that the request writes now. */
  readonly mine: Uint8Array;
  /** The data that the store holds by now. */
  readonly current: Uint8Array;
}

/** The data to write if other requests have changed the session in the meantime. */
export interface Merged {
  readonly data: Uint8Array;
  /** Whether the cookie is one that another request has written. */
  readonly hasOthersCookie: boolean;
}

/** Applies the changes from `bases` to `mine` to `current`: each top-level value is one change. */
export function merge({ bases, mine, current }: Versions, serializer: Serializer): Merged {
  const read = (data: Uint8Array): Map<string, unknown> =>
    new Map(Object.entries(parseSession(data, serializer)));
  const before = bases.map(read);
  const [after, merged] = [read(mine), read(current)];
  for (const key of new Set([after, ...before].flatMap((values) => [...values.keys()]))) {
    if (before.every((values) => isDeepStrictEqual(values.get(key), after.get(key)))) continue;
    if (after.has(key)) merged.set(key, after.get(key));
    else merged.delete(key);
  }
  const data = new TextEncoder().encode(serializer.stringify(Object.fromEntries(merged)));
  return { data, hasOthersCookie: !isDeepStrictEqual(merged.get("cookie"), after.get("cookie")) };
}
