// The layout of encrypted data:
//
//     magic (3 bytes) | version (1) | key id (4) | nonce (12) | tag (16) | ciphertext
//
// The first eight bytes are the header, which is authenticated together with the token.

/**
 * How every envelope begins. No text begins with 0xC1, because the byte does not occur in UTF-8, so neither devalue
 * nor JSON can write it. MessagePack never uses it, and no value of Go's gob begins with it.
 */
const MAGIC = [0xc1, 0x53, 0x45] as const;

/** The version of the format. Another version derives its keys with another `info`: see `key.ts`. */
const VERSION = 1;

export const KEY_ID_BYTES = 4;
export const NONCE_BYTES = 12;
export const TAG_BYTES = 16;

const VERSION_AT = MAGIC.length;
const KEY_ID_AT = VERSION_AT + 1;
const NONCE_AT = KEY_ID_AT + KEY_ID_BYTES;
const TAG_AT = NONCE_AT + NONCE_BYTES;
const CIPHERTEXT_AT = TAG_AT + TAG_BYTES;

export interface Envelope {
  readonly header: Uint8Array;
  readonly nonce: Uint8Array;
  readonly tag: Uint8Array;
  readonly ciphertext: Uint8Array;
}

/** Makes the header of everything that is encrypted with one key. */
export function createHeader(keyId: Uint8Array): Uint8Array {
  return Uint8Array.of(...MAGIC, VERSION, ...keyId);
}

/** Whether data is encrypted, in any version of the format. */
export function isEnvelope(data: Uint8Array): boolean {
  return MAGIC.every((byte, i) => data[i] === byte);
}

/** Whether an envelope has the version that this code writes and reads. */
export function hasKnownVersion(data: Uint8Array): boolean {
  return data[VERSION_AT] === VERSION;
}

/**
 * Returns the id of the key that an envelope was encrypted with, as a number; `undefined` if the envelope is cut off.
 */
export function keyIdIn(data: Uint8Array): number | undefined {
  if (data.length < NONCE_AT) return undefined;
  return new DataView(data.buffer, data.byteOffset).getUint32(KEY_ID_AT);
}

export function join({ header, nonce, tag, ciphertext }: Envelope): Uint8Array {
  const data = new Uint8Array(CIPHERTEXT_AT + ciphertext.length);
  data.set(header);
  data.set(nonce, NONCE_AT);
  data.set(tag, TAG_AT);
  data.set(ciphertext, CIPHERTEXT_AT);
  return data;
}

/** Splits an envelope into its parts; returns `undefined` if it is cut off. */
export function split(data: Uint8Array): Envelope | undefined {
  if (data.length < CIPHERTEXT_AT) return undefined;
  return {
    header: data.subarray(0, NONCE_AT),
    nonce: data.subarray(NONCE_AT, TAG_AT),
    tag: data.subarray(TAG_AT, CIPHERTEXT_AT),
    ciphertext: data.subarray(CIPHERTEXT_AT),
  };
}

/** Whether an envelope has this nonce. */
export function hasNonce(envelope: Uint8Array, nonce: Uint8Array): boolean {
  return nonce.every((byte, i) => envelope[NONCE_AT + i] === byte);
}
