import { Buffer } from "node:buffer";
import { hash } from "node:crypto";

/** The bytes that a hash function reads at a time: RFC 2104 pads the key to them. */
const BLOCK_BYTES = { sha256: 64, sha512: 128 };

const INNER_PAD = 0x36;
const OUTER_PAD = 0x5c;

/**
 * Room for the padded key and the data behind it, because a new allocation for each call takes longer than the hash.
 */
const ROOM = new Uint8Array(8192);

/**
 * HMAC (RFC 2104) with one key. It calls `hash` twice, which costs about half as much as one `createHmac`, because
 * that makes a stream each time.
 */
export class Hmac {
  readonly #algorithm: "sha256" | "sha512";
  /** The key of the inner hash. */
  readonly #inner: Uint8Array;
  /** The key of the outer hash, and room for the inner hash behind it. */
  readonly #outer: Buffer;

  /** @param key At most as long as a block; not kept. */
  constructor(algorithm: "sha256" | "sha512", key: Uint8Array) {
    const block = BLOCK_BYTES[algorithm];
    const bytes = block / 2;
    this.#algorithm = algorithm;
    this.#inner = new Uint8Array(block).fill(INNER_PAD);
    this.#outer = Buffer.alloc(block + bytes, OUTER_PAD);
    for (let i = 0; i < key.length; i++) {
      this.#inner[i]! ^= key[i]!;
      this.#outer[i]! ^= key[i]!;
    }
  }

  /** Returns the MAC of some data, in hexadecimal: `hash` makes a string in less time than a Buffer. */
  hexOf(data: Uint8Array): string {
    const length = this.#inner.length + data.length;
    const text = length <= ROOM.length ? ROOM.subarray(0, length) : new Uint8Array(length);
    text.set(this.#inner);
    text.set(data, this.#inner.length);
    this.#outer.write(hash(this.#algorithm, text), this.#inner.length, "hex");
    text.fill(0); // so that neither the key nor the data stays there
    return hash(this.#algorithm, this.#outer);
  }
}
