import { DecryptionError } from "./decryption_error.ts";
import { hasKnownVersion, isEnvelope, keyIdIn } from "./envelope.ts";
import type { EncryptionSettings } from "./encryption_options.ts";
import type { Key } from "./key.ts";

/** Encrypts with the newest of several keys, and decrypts with all of them. */
export class KeyRing {
  readonly #newest: Key;
  readonly #keys: ReadonlyMap<number, Key>;
  readonly #allowPlaintext: boolean;

  constructor({ keys, allowPlaintext }: EncryptionSettings) {
    this.#newest = keys[0];
    this.#keys = new Map(keys.map((key) => [key.id, key]));
    this.#allowPlaintext = allowPlaintext;
  }

  /** Encrypts a session's data with the newest key. */
  encrypt(token: string, data: Uint8Array): Uint8Array {
    return this.#newest.encrypt(token, data);
  }

  /**
   * Yields everything that a session with this data may hold in the store, beginning with the newest key's envelope.
   */
  *candidates(token: string, data: Uint8Array): Generator<Uint8Array, void> {
    for (const key of this.#keys.values()) yield key.encrypt(token, data);
    // A row that looks like an envelope is never read as plaintext, so it must not be overwritten as such either.
    if (this.#allowPlaintext && !isEnvelope(data)) yield data;
  }

  /** @throws {DecryptionError} If the data was not encrypted for this token with one of the keys. */
  decrypt(token: string, data: Uint8Array): Uint8Array {
    if (!isEnvelope(data)) {
      if (this.#allowPlaintext) return data;
      throw new DecryptionError("plaintext");
    }
    if (!hasKnownVersion(data)) throw new DecryptionError("version");
    const id = keyIdIn(data);
    if (id === undefined) throw new DecryptionError("altered");
    const key = this.#keys.get(id);
    if (key === undefined) throw new DecryptionError("key");
    const decrypted = key.decrypt(token, data);
    if (decrypted === undefined) throw new DecryptionError("altered");
    return decrypted;
  }
}
