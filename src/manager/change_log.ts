import type { SessionContent } from "./codec.ts";

/** What stands in the log for a value that was removed. */
const REMOVED = Symbol("removed");

/**
 * The log of what was done to a session. It can be carried out on whatever the store holds by then, so
 * that two requests that change different keys of one session both count.
 */
export class Changes {
  /** The session was destroyed; all else in the log came after that. */
  destroyed: boolean;
  /** All values were removed; those in the log came after that. */
  #cleared = false;
  #values = new Map<string, unknown>();
  /** The deadline that was set, if any. */
  deadline: Date | undefined;
  /** The token that the session has to get in the place of the one it has, if any. */
  token: string | undefined;
  /** The token that a row was made under, or may have been, where the store's reply was lost. */
  firstToken: string | undefined;
  /** The rows that the session has taken over: to be deleted, by their keys, once it is written. */
  readonly obsolete: Set<string>;

  constructor(
    { destroyed = false, obsolete = [] }: {
      readonly destroyed?: boolean;
      readonly obsolete?: Iterable<string>;
    } = {},
  ) {
    this.destroyed = destroyed;
    this.obsolete = new Set(obsolete);
  }

  /** Whether nothing was done but, perhaps, to destroy the session or to take over others. */
  get empty(): boolean {
    const { deadline, token } = this;
    return !this.#cleared && this.#values.size === 0 && deadline === undefined && !token;
  }

  put(key: string, value: unknown): void {
    this.#values.set(key, value);
  }

  remove(key: string): void {
    this.#values.set(key, REMOVED);
  }

  clear(): void {
    this.#cleared = true;
    this.#values.clear();
  }

  /** What a session holds after the changes, if it held `base` before; it shares nothing with `base`. */
  applyTo(base: SessionContent): { deadline: Date; values: Map<string, unknown> } {
    const values = new Map(this.#cleared || this.destroyed ? [] : base.values);
    for (const [key, value] of this.#values) {
      if (value === REMOVED) values.delete(key);
      else values.set(key, value);
    }
    return { deadline: this.deadline ?? base.deadline, values };
  }

  /** All is written: nothing is left to do but to delete what is obsolete. */
  reduce(): void {
    this.#cleared = this.destroyed = false;
    this.#values.clear();
    this.deadline = this.token = this.firstToken = undefined;
  }

  /** These changes and then the later ones, as one log. */
  followedBy(later: Changes): Changes {
    const both = new Changes({
      destroyed: this.destroyed || later.destroyed,
      obsolete: [...this.obsolete, ...later.obsolete],
    });
    const kept = later.destroyed ? new Changes() : this;
    both.#cleared = kept.#cleared || later.#cleared;
    both.#values = new Map([...(later.#cleared ? [] : kept.#values), ...later.#values]);
    both.deadline = later.deadline ?? kept.deadline;
    both.token = later.token ?? kept.token;
    both.firstToken = later.firstToken ?? this.firstToken;
    return both;
  }
}
