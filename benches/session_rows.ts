// The rows that a benchmark reads and writes.

import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import type { Contender, Subject, Verb } from "./contender.ts";
import type { Entry } from "./measure.ts";

const DATA_BYTES = 300;
const LIFETIME_MS = 3_600_000;
const FILL_CALLERS = 100;

/** The sessions of one table. Callers take turns, so that no two use the same session at the same time. */
export class SessionRows {
  /** As long as express-session's: the columns of its stores do not fit longer ones. */
  readonly #tokens: readonly string[];
  /** Two values for each row to alternate between. Printable, because some contenders store text. */
  readonly #data = [0, 1].map(() => {
    return Buffer.from(randomBytes(DATA_BYTES * 3 / 4).toString("base64"));
  });
  /** Which of the two values each row holds. */
  readonly #held: Uint8Array;
  #next = 0;

  constructor(count: number) {
    this.#tokens = Array.from({ length: count }, () => randomBytes(24).toString("base64url"));
    this.#held = new Uint8Array(count);
  }

  get count(): number {
    return this.#tokens.length;
  }

  /** Commits the rows with these numbers, by default all of them. */
  async fill(contender: Contender, numbers: number[] = [...this.#tokens.keys()]): Promise<void> {
    let next = 0;
    await Promise.all(Array.from({ length: FILL_CALLERS }, async () => {
      while (next < numbers.length) await contender.commit(this.#subject(numbers[next++]!));
    }));
  }

  /** Creates an entry that calls one verb on one row after another. */
  entry(contender: Contender, verb: Verb): Entry {
    const call = (subject: Subject): Promise<unknown> => contender[verb]!(subject);
    if (verb === "replace") return { call: () => this.#swap(this.#take(), call) };
    if (verb !== "delete") return { call: () => call(this.#subject(this.#take())) };
    const deleted: number[] = [];
    return {
      call: () => {
        const number = this.#take();
        deleted.push(number);
        return call(this.#subject(number));
      },
      restore: () => this.fill(contender, deleted.splice(0)),
    };
  }

  #take(): number {
    const number = this.#next;
    this.#next = (number + 1) % this.count;
    return number;
  }

  async #swap(number: number, call: (subject: Subject) => Promise<unknown>): Promise<unknown> {
    const done = await call(this.#subject(number));
    this.#held[number]! ^= 1;
    return done;
  }

  #subject(number: number): Subject {
    const held = this.#held[number]!;
    return {
      token: this.#tokens[number]!,
      data: this.#data[held]!,
      next: this.#data[1 - held]!,
      expiry: new Date(Date.now() + LIFETIME_MS),
    };
  }
}
