// What a session's data says about the session itself. It is stored as a value under a reserved key, because every
// codec keeps values, and session managers in other languages pass them on.

import { createHash, randomUUID } from "node:crypto";
import { isNumber, isObject, isString } from "../util/check.ts";

/** The key of the value. */
export const ABOUT = "__session";

/** What is known about a session besides its values. The times are in milliseconds since 1970. */
export interface About {
  /** A public name, which the session keeps when it gets a new token. */
  readonly id: string;
  readonly createdAt: number;
  /** When the session got its token. */
  readonly renewedAt: number;
  /** When the session got its current owner, if it has one. */
  readonly ownedAt: number;
  /** Whether the session was ever renewed with a grace. */
  readonly hasGrace?: true | undefined;
}

/** Describes a session that begins now. */
export function aboutNew(): About {
  const now = Date.now();
  return { id: randomUUID(), createdAt: now, renewedAt: now, ownedAt: now };
}

/**
 * Reads the value of the key. A session that was stored without it, by another language or an earlier version, gets a
 * name that is derived from its key in the store.
 *
 * @param began An estimate of when such a session began, in milliseconds since 1970.
 */
export function readAbout(value: unknown, key: string, began: number): About {
  const { id, createdAt, renewedAt, ownedAt, hasGrace } = isObject(value)
    ? value as Partial<About>
    : {};
  if (!isString(id) || !isTime(createdAt)) return { ...aboutOnce(began), id: nameOf(key) };
  const renewed = isTime(renewedAt) ? renewedAt : createdAt;
  const owned = isTime(ownedAt) ? ownedAt : renewed;
  return {
    id,
    createdAt,
    renewedAt: renewed,
    ownedAt: owned,
    ...(hasGrace === true && { hasGrace }),
  };
}

/** Makes the value of the key. It leaves out what {@linkcode readAbout} can derive. */
export function writeAbout({ id, createdAt, renewedAt, ownedAt, hasGrace }: About): object {
  return {
    id,
    createdAt,
    ...(renewedAt !== createdAt && { renewedAt }),
    ...(ownedAt !== renewedAt && { ownedAt }),
    ...(hasGrace && { hasGrace }),
  };
}

function aboutOnce(time: number): Omit<About, "id"> {
  return { createdAt: time, renewedAt: time, ownedAt: time };
}

/** The prefix makes this differ from the hash of a token, because a store finds a session by that hash. */
function nameOf(key: string): string {
  return createHash("sha256").update(`name of ${key}`).digest("base64url").slice(0, 22);
}

function isTime(value: unknown): value is number {
  return isNumber(value) && Math.abs(value) <= 8.64e15;
}
