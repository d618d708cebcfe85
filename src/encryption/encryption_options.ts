import { types } from "node:util";
import type { FullSessionStore } from "../store/store.ts";
import { check, FLAG, hasMethods, isString, type Rule } from "../util/check.ts";
import { optional, readOptions, withDefault } from "../util/options.ts";
import { deriveKey, Key, KEY_BYTES } from "./key.ts";

/** How an {@linkcode EncryptedStore} is set up. */
export interface EncryptionOptions {
  /**
   * The keys. The first one encrypts, and all of them decrypt. So a new key can be put in front while sessions are
   * still encrypted with the older ones.
   *
   * A key is 32 random bytes, or a secret of 32 characters or more that nobody can guess. A secret is turned into a
   * key with HKDF-SHA256. A password is not such a secret, because the derivation is fast.
   */
  readonly keys: readonly (Uint8Array | string)[];
  /**
   * Whether sessions that are not encrypted are read as they are; the next write of each encrypts it. Set it only
   * while an existing table is being migrated: meanwhile, anyone who can write to the table can forge sessions.
   *
   * @default {false}
   */
  readonly allowPlaintext?: boolean | undefined;
}

/** The options, checked and with their defaults. */
export interface EncryptionSettings {
  readonly keys: readonly [Key, ...Key[]];
  readonly allowPlaintext: boolean;
}

const ACTION = "create the encrypted store";

const METHODS = [
  "find",
  "commit",
  "delete",
  "replace",
  "touch",
  "all",
  "entries",
  "deleteExpired",
] as const;

const FULL_STORE: Rule<FullSessionStore> = {
  text: `a store with ${METHODS.slice(0, -1).join(", ")} and ${METHODS.at(-1)}`,
  hasType: (value): value is FullSessionStore => hasMethods(value, METHODS),
};

const KEYS: Rule<EncryptionOptions["keys"]> = {
  text: "an array of 1 key or more",
  hasType: (value): value is EncryptionOptions["keys"] => Array.isArray(value),
  inRange: (value) => value.length > 0,
  describe: () => "an empty array",
};

const MIN_SECRET_LENGTH = 32;

/**
 * The fewest different bytes or characters of a key. A forgotten `new Uint8Array(32)` and a repeated word have fewer.
 * Of 30 million random secrets of 32 hexadecimal digits, about one has fewer as well.
 */
const MIN_VARIETY = 8;

const KEY: Rule<Uint8Array | string> = {
  text:
    `a Uint8Array of ${KEY_BYTES} bytes or a string of ${MIN_SECRET_LENGTH} characters or more, ` +
    `${MIN_VARIETY} of them different`,
  hasType: (value): value is Uint8Array | string => types.isUint8Array(value) || isString(value),
  inRange: (value) =>
    (isString(value) ? value.length >= MIN_SECRET_LENGTH : value.length === KEY_BYTES) &&
    new Set<unknown>(value).size >= MIN_VARIETY,
  describe: (value) => {
    const kind = isString(value) ? "a string" : "a Uint8Array";
    const unit = isString(value) ? "characters" : "bytes";
    return `${kind} of ${value.length} ${unit}, ${new Set<unknown>(value).size} of them different`;
  },
};

const DISTINCT: Rule<readonly Key[]> = {
  text: "keys that all differ",
  hasType: (_): _ is readonly Key[] => true,
  inRange: (keys) => new Set(keys.map(({ id }) => id)).size === keys.length,
  describe: () => "the same one twice",
};

const ENCRYPTION_OPTIONS = {
  keys: optional(KEYS),
  allowPlaintext: withDefault(FLAG, false),
};

/**
 * Checks the arguments of an `EncryptedStore`, and derives the keys.
 *
 * @throws {TypeError} If an argument has the wrong type.
 * @throws {RangeError} If a key is too short or too weak, or two keys are the same.
 */
export function checkEncryptionOptions(
  store: FullSessionStore,
  options: EncryptionOptions,
): EncryptionSettings {
  check(ACTION, "store", store, FULL_STORE);
  const { keys: given, allowPlaintext } = readOptions(ACTION, options, ENCRYPTION_OPTIONS);
  // Also checked if it is missing, because there is no default.
  check(ACTION, "keys", given, KEYS);
  // Array.from, because the values of a sparse array leave out its holes.
  const keys = Array.from(given, (key, i) => {
    check(ACTION, `keys[${i}]`, key, KEY);
    return new Key(typeof key === "string" ? deriveKey(key) : key);
  });
  check(ACTION, "keys", keys, DISTINCT);
  return { keys: keys as [Key, ...Key[]], allowPlaintext };
}
