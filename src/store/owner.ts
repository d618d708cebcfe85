import { OWNER } from "./arguments.ts";
import { check, hasMethods, isNumber, isString, type Rule } from "../util/check.ts";
import type { OwnedSessionStore, SessionStore } from "./store.ts";

/** Whom a session belongs to, in the application's own type: for instance the id of a user. */
export type Owner = string | number | bigint;

const ANY_OWNER: Rule<Owner> = {
  text: `${OWNER.text}, a safe integer or a bigint`,
  hasType: (value): value is Owner =>
    isString(value) || isNumber(value) || typeof value === "bigint",
  // Two different integers beyond the safe ones may be the same number.
  inRange: (value) => isNumber(value) ? Number.isSafeInteger(value) : OWNER.inRange!(String(value)),
  describe: (value) =>
    isString(value) ? OWNER.describe!(value) : "a number that is no safe integer",
};

/**
 * Returns an owner in the form that stores keep.
 *
 * @throws {TypeError} If it has the wrong type.
 * @throws {RangeError} If it is a string or number that is out of range; the message does not hold it.
 */
export function toOwner(action: string, name: string, owner: unknown): string {
  check(action, name, owner, ANY_OWNER);
  // String(-0) is "0".
  return String(owner);
}

/** A store that keeps the owners of sessions. */
export const OWNED_STORE: Rule<
  SessionStore & Pick<OwnedSessionStore, "entriesOf" | "deleteOwned">
> = {
  text:
    "a store with entriesOf and deleteOwned if there is 'owner' (SequelizeStore: `owners: true`)",
  hasType: (value): value is SessionStore & OwnedSessionStore =>
    hasMethods(value, ["entriesOf", "deleteOwned"]) &&
    (value as OwnedSessionStore).owners !== false,
};
