// One key: what is derived from it, and what is encrypted with that.
//
// The nonce is synthetic, as in SIV (RFC 5297): a MAC of the data. So the same data under the same token and key
// gives the same bytes, which a compare-and-swap in the store needs. GCM must never use one nonce for two different
// texts under one key. Here, that happens only if 96-bit MACs under the keys of the same token collide, because every
// token has its own keys. With 2^32 different contents of one session, the chance is 2^-33, and collisions between
// sessions do no harm. What remains visible is that a session has the same content at two times.

import { Buffer } from "node:buffer";
import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hkdfSync,
  type KeyObject,
} from "node:crypto";
import {
  createHeader,
  hasNonce,
  join,
  KEY_ID_BYTES,
  NONCE_BYTES,
  split,
  TAG_BYTES,
} from "./envelope.ts";
import { Hmac } from "./hmac.ts";

const CIPHER = "aes-256-gcm";
export const KEY_BYTES = 32;

/** What distinguishes the uses of one key. A new version of the envelope needs new values. */
const INFO = {
  secret: "@scs/sequelize-store encryption v1: key from secret",
  root: "@scs/sequelize-store encryption v1: root of token keys",
  id: "@scs/sequelize-store encryption v1: key id",
};

/** How many tokens' keys are kept, so that a request derives them once for its reads and writes. */
const MAX_TOKEN_KEYS = 1000;

/** The most bytes of an envelope that are kept with a token's keys: about 4 MiB for all tokens together. */
const MAX_KEPT_BYTES = 4096;

/** What is kept for one token. */
interface TokenKeys {
  /** A key object, because `node:crypto` converts bytes again at each call. */
  readonly encryption: KeyObject;
  readonly nonce: Hmac;
  /** What is authenticated along with the data: the header and the token. */
  readonly associated: Uint8Array;
  /** The envelope that was read or made last. `replace` needs it next, as the value that it replaces. */
  latest: Uint8Array | undefined;
}

/** Derives a key from a secret: HKDF-SHA256 of its UTF-8, without a salt. */
export function deriveKey(secret: string): Uint8Array {
  return derive(new TextEncoder().encode(secret), INFO.secret, KEY_BYTES);
}

/** Encrypts and decrypts with one key. */
export class Key {
  /** Distinguishes this key from others in an envelope, and reveals nothing about it. */
  readonly id: number;
  readonly #root: Hmac;
  readonly #header: Uint8Array;
  readonly #tokenKeys = new Map<string, TokenKeys>();

  /** @param bytes The key, of 32 bytes; not kept. */
  constructor(bytes: Uint8Array) {
    const id = derive(bytes, INFO.id, KEY_ID_BYTES);
    this.id = new DataView(id.buffer).getUint32(0);
    this.#root = new Hmac("sha512", derive(bytes, INFO.root, KEY_BYTES));
    this.#header = createHeader(id);
  }

  /** Encrypts data. The same data and token always give the same envelope. */
  encrypt(token: string, data: Uint8Array): Uint8Array {
    // Memory that is shared with a worker might change between the MAC and the encryption.
    const text = data.buffer instanceof ArrayBuffer ? data : new Uint8Array(data);
    const keys = this.#keysOf(token);
    const nonce = Buffer.from(keys.nonce.hexOf(text).slice(0, NONCE_BYTES * 2), "hex");
    // The same nonce means the same data. If two contents had the same nonce, GCM would be broken anyway.
    if (keys.latest !== undefined && hasNonce(keys.latest, nonce)) return keys.latest;
    const cipher = createCipheriv(CIPHER, keys.encryption, nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(keys.associated);
    const ciphertext = cipher.update(text);
    cipher.final(); // is empty, since GCM is a stream cipher
    const envelope = join({ header: this.#header, nonce, tag: cipher.getAuthTag(), ciphertext });
    if (envelope.length <= MAX_KEPT_BYTES) keys.latest = envelope;
    return envelope;
  }

  /** Decrypts an envelope; returns `undefined` if it was not made for this token and key. */
  decrypt(token: string, data: Uint8Array): Uint8Array | undefined {
    const envelope = split(data);
    if (envelope === undefined) return undefined;
    const { nonce, tag, ciphertext } = envelope;
    const keys = this.#keysOf(token);
    const decipher = createDecipheriv(CIPHER, keys.encryption, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(keys.associated);
    decipher.setAuthTag(tag);
    const text = decipher.update(ciphertext);
    try {
      decipher.final();
    } catch {
      return undefined;
    }
    // A copy, because the driver's array may be a part of a large buffer.
    if (data.length <= MAX_KEPT_BYTES) keys.latest = new Uint8Array(data);
    return new Uint8Array(text); // not a Buffer, which is also a Uint8Array, but prints otherwise
  }

  #keysOf(token: string): TokenKeys {
    let keys = this.#tokenKeys.get(token);
    if (keys === undefined) {
      const name = Buffer.from(token);
      const bytes = Buffer.from(this.#root.hexOf(name), "hex");
      keys = {
        encryption: createSecretKey(bytes.subarray(0, KEY_BYTES)),
        nonce: new Hmac("sha256", bytes.subarray(KEY_BYTES)),
        associated: Buffer.concat([this.#header, name]),
        latest: undefined,
      };
      this.#tokenKeys.set(token, keys);
      if (this.#tokenKeys.size > MAX_TOKEN_KEYS) {
        const [oldest] = this.#tokenKeys.keys();
        this.#tokenKeys.delete(oldest!);
      }
    }
    return keys;
  }
}

function derive(key: Uint8Array, info: string, length: number): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", key, "", info, length));
}
