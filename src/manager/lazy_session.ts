import type { Session } from "./session.ts";

/**
 * A session that is loaded when it is first awaited: `const session = await lazySession`. Each `await` returns the
 * same {@linkcode Session}. Without an `await`, the store is not called, and the response does not depend on the
 * cookie.
 *
 * An `await` rejects with the store's error if the store fails.
 *
 * @template Values The type of each value by its key.
 */
// deno-lint-ignore no-explicit-any -- as with Session
export interface LazySession<Values extends object = Record<string, any>>
  extends PromiseLike<Session<Values>> {
  /** Whether the session was awaited. */
  readonly used: boolean;
}

/** Loads a session when it is first awaited, and only once. */
export class OnDemand<Values extends object, State extends Session<Values>>
  implements LazySession<Values> {
  readonly #load: () => Promise<State>;
  #loading: Promise<State> | undefined;
  #outcome: { readonly state: State } | { readonly error: unknown } | undefined;

  constructor(load: () => Promise<State>) {
    this.#load = load;
  }

  get used(): boolean {
    return this.#loading !== undefined;
  }

  /** The session, once it is loaded. */
  get state(): State | undefined {
    return this.#outcome && "state" in this.#outcome ? this.#outcome.state : undefined;
  }

  /** Whether the session could not be loaded because of this error. */
  hasFailedWith(error: unknown): boolean {
    return this.#outcome !== undefined && "error" in this.#outcome &&
      this.#outcome.error === error;
  }

  then<Result = State, Failure = never>(
    onLoaded?: ((session: State) => Result | PromiseLike<Result>) | null,
    onFailed?: ((error: unknown) => Failure | PromiseLike<Failure>) | null,
  ): Promise<Result | Failure> {
    this.#loading ??= this.#start();
    return this.#loading.then(onLoaded, onFailed);
  }

  async #start(): Promise<State> {
    try {
      const state = await this.#load();
      this.#outcome = { state };
      return state;
    } catch (error) {
      this.#outcome = { error };
      throw error;
    }
  }
}
