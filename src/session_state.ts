import { Changes } from "./changes.ts";
import { check, EXPIRY, FLAG, type Rule } from "./check.ts";
import type { SessionContent } from "./codec.ts";
import type { Session, SessionStatus } from "./session.ts";
import type { CallOptions, SessionRecord } from "./store.ts";
import { generateToken } from "./token.ts";

/** Where SCS keeps what RememberMe was told. */
const REMEMBER_ME = "__rememberMe";

const KEY: Rule<string> = {
  text: `a string other than ${REMEMBER_ME}`,
  hasType: (value) => typeof value === "string",
  inRange: (value) => value !== REMEMBER_ME,
};

/** What a session needs of its manager. */
export interface SessionContext {
  /** How long a session lasts from its beginning, or from its last new token on, in milliseconds. */
  readonly lifetime: number;
  /** Finds the active session of a client's token; none, without a query, for what can be none. */
  find(token: unknown, options?: CallOptions): Promise<SessionRecord | undefined>;
  /** @throws {Error} Where the data cannot be decoded; its message holds none of it. */
  decode(data: Uint8Array): SessionContent;
  /** Told where the data of a session that was loaded cannot be decoded. */
  onUnreadable(error: unknown, request: Request | undefined): void;
}

/** Where a session comes from; a new one comes from nowhere. */
export interface SessionOrigin {
  /** The token that the client knows it by. */
  readonly token?: string | undefined;
  readonly record?: SessionRecord | undefined;
  readonly request?: Request | undefined;
}

/** What a session holds, as one that is being changed. */
interface Content {
  deadline: Date;
  readonly values: Map<string, unknown>;
}

/** One request's view of a session: what was loaded, and the log of what was done to it since. */
export class SessionState<Values extends object> implements Session<Values> {
  readonly #context: SessionContext;
  readonly #request: Request | undefined;
  #token: string | undefined;
  #record: SessionRecord | undefined;
  #changes = new Changes();
  /** The record's content after the changes; decoded when first asked for. */
  #content: Content | undefined;
  #ended = false;
  #unreadable: string | undefined;
  /** What has to become of the client's cookie after what was committed; undefined: nothing. */
  cookie: "set" | "touch" | "clear" | undefined;

  constructor(context: SessionContext, { token, record, request }: SessionOrigin) {
    this.#context = context;
    this.#request = request;
    this.#token = token;
    this.#record = record;
  }

  get<K extends keyof Values & string>(key: K): Values[K] | undefined {
    return this.has(key) ? this.#read().values.get(key) as Values[K] : undefined;
  }

  put<K extends keyof Values & string>(key: K, value: Values[K]): void {
    check("put the value", "key", key, KEY);
    this.#put(key, value);
  }

  pop<K extends keyof Values & string>(key: K): Values[K] | undefined {
    const value = this.get(key);
    this.remove(key);
    return value;
  }

  remove(key: keyof Values & string): void {
    if (!this.has(key)) return;
    this.#read().values.delete(key);
    this.#changes.remove(key);
  }

  clear(): void {
    const remember = this.remember;
    if (this.keys().length === 0) return;
    this.#read().values.clear();
    this.#changes.clear();
    if (remember !== undefined) this.rememberMe(remember);
  }

  has(key: keyof Values & string): boolean {
    return key !== REMEMBER_ME && this.#read().values.has(key);
  }

  keys(): string[] {
    return [...this.#read().values.keys()].filter((key) => key !== REMEMBER_ME).sort();
  }

  renewToken(): void {
    this.deadline = this.#newDeadline();
    this.#changes.token = generateToken();
  }

  destroy(): void {
    const { merged } = this.#changes;
    this.#changes = new Changes({ destroyed: true });
    this.#changes.merged = merged;
    this.#content = undefined;
  }

  async merge(token: string): Promise<boolean> {
    const other = await this.#context.find(token);
    if (other === undefined || other.token === this.#record?.token) return false;
    const { deadline, values } = this.#context.decode(other.data);
    for (const [key, value] of values) this.#put(key, value);
    if (deadline > this.deadline) this.deadline = deadline;
    this.#changes.merged = new Set([...this.#changes.merged, other.token]);
    return true;
  }

  rememberMe(remember: boolean): void {
    check("remember the visitor", "remember", remember, FLAG);
    this.#put(REMEMBER_ME, remember);
  }

  get deadline(): Date {
    return new Date(this.#read().deadline);
  }

  set deadline(deadline: Date) {
    check("set the deadline", "deadline", deadline, EXPIRY);
    this.#read().deadline = this.#changes.deadline = new Date(deadline);
  }

  get status(): SessionStatus {
    if (!this.#changes.empty) return "modified";
    return this.#changes.destroyed || this.#ended ? "destroyed" : "unmodified";
  }

  get token(): string | undefined {
    this.#read(); // a session that cannot be decoded has none
    if (this.#changes.destroyed || this.#record === undefined) return undefined;
    return this.#changes.token ?? this.#token;
  }

  /** What `rememberMe` was told, or `undefined` where it was not called. */
  get remember(): boolean | undefined {
    return this.#read().values.get(REMEMBER_ME) as boolean | undefined;
  }

  /** The session's row in the store as this request knows it; `undefined` where there is none. */
  get record(): SessionRecord | undefined {
    return this.#record;
  }

  /** The key of the row that this session stands in for, because it could not be decoded. */
  get unreadable(): string | undefined {
    return this.#unreadable;
  }

  /** Hands over the log to be carried out; what is done to the session meanwhile goes into a new one. */
  takeChanges(): Changes {
    const changes = this.#changes;
    this.#changes = new Changes();
    return changes;
  }

  /** Takes a log back that was not carried out. */
  restoreChanges(changes: Changes): void {
    this.#changes = changes.followedBy(this.#changes);
  }

  /** The row holds `content` now. */
  committed(record: SessionRecord, content: SessionContent, token = this.#token): void {
    this.#token = token;
    this.#record = record;
    this.#content = this.#changes.destroyed ? undefined : this.#changes.applyTo(content);
    this.#ended = false;
    this.cookie = "set";
  }

  /** The row expires at another moment now. */
  touched(record: SessionRecord): void {
    this.#record = record;
    this.cookie ??= "touch";
  }

  /** The session is gone from the store: destroyed, or replaced by one with another token. */
  ended(cookie: "clear" | undefined): void {
    this.#record = this.#token = this.#content = undefined;
    this.#ended = true;
    this.cookie = cookie;
  }

  #newDeadline(): Date {
    return new Date(Date.now() + this.#context.lifetime);
  }

  #put(key: string, value: unknown): void {
    this.#read().values.set(key, value);
    this.#changes.put(key, value);
  }

  #read(): Content {
    return this.#content ??= this.#changes.applyTo(
      this.#decode() ?? { deadline: this.#newDeadline(), values: new Map() },
    );
  }

  #decode(): SessionContent | undefined {
    if (this.#record === undefined || this.#changes.destroyed) return undefined;
    try {
      return this.#context.decode(this.#record.data);
    } catch (error) {
      this.#unreadable = this.#record.token;
      this.#record = this.#token = undefined;
      this.#context.onUnreadable(error, this.#request);
      return undefined;
    }
  }
}
