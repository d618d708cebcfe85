import { EXPIRY } from "../store/arguments.ts";
import { check, FLAG, isString, type Rule } from "../util/check.ts";
import { Changes, type IsSame } from "./change_log.ts";
import { isActive, type SessionContent } from "./codec.ts";
import type { Session, SessionStatus } from "./session.ts";
import type { CallOptions, SessionRecord } from "../store/store.ts";
import { generateToken } from "../store/token.ts";

/** Where SCS keeps what RememberMe was told. */
export const REMEMBER_ME = "__rememberMe";

const KEY: Rule<string> = {
  text: `a string other than ${REMEMBER_ME}`,
  hasType: isString,
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
  readonly isSame: IsSame;
  /** Told if the data of a session that was loaded cannot be decoded. */
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

/** What has to become of the client's cookie after what was committed. */
export type CookieChange =
  | { readonly kind: "clear" }
  | {
    /** `touch`: the expiry alone has changed. */
    readonly kind: "set" | "touch";
    readonly token: string | undefined;
    readonly expiry: Date;
    /** What `rememberMe` was told, if anything. */
    readonly remember: boolean | undefined;
  };

/** One request's view of a session: what was loaded, and the log of what was done to it since. */
export class SessionState<Values extends object> implements Session<Values> {
  readonly #context: SessionContext;
  readonly #request: Request | undefined;
  #token: string | undefined;
  #record: SessionRecord | undefined;
  /** What was done since the last commit began. */
  #changes = new Changes();
  /** What a commit is carrying out. */
  #inFlight: Changes | undefined;
  /** The values after all that was done; decoded when first asked for. */
  #content: Content | undefined;
  /** What a session without a row begins with. */
  #blank: SessionContent | undefined;
  /** `destroyed`: by this request; `vanished`: by another. */
  #end: "destroyed" | "vanished" | undefined;
  #abandoned: string | undefined;
  #cookie: CookieChange | undefined;

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
    if (this.keys().length === 0) return;
    const remember = rememberIn(this.#read());
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
    this.#changes.destroy();
    this.#content = this.#blank = undefined;
  }

  discard(): void {
    this.#changes = this.#changes.discard();
    if (this.#inFlight !== undefined) this.#inFlight.discarded = true;
    this.#content = this.#blank = undefined;
  }

  async merge(token: string): Promise<boolean> {
    const other = await this.#context.find(token);
    if (other === undefined || other.token === this.#record?.token) return false;
    const content = this.#context.decode(other.data);
    if (!isActive(content)) return false;
    const { deadline, values } = this.#read();
    for (const [key, value] of content.values) values.set(key, value);
    this.#changes.merge(other, content, deadline);
    this.#read().deadline = this.#changes.deadline ?? deadline;
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
    if (this.#end === "vanished" && !this.#changes.destroyed) return "destroyed";
    if (!this.#effective().empty) return "modified";
    if (this.#changes.destroyed) return "destroyed";
    if (this.#inFlight?.empty === false) return "modified";
    return this.#inFlight?.destroyed || this.#end ? "destroyed" : "unmodified";
  }

  get token(): string | undefined {
    this.#read(); // a session that cannot be decoded has none
    if (this.#isDestroyed || this.#record === undefined) return undefined;
    return this.#changes.token ?? this.#inFlight?.token ?? this.#token;
  }

  /** The session's row in the store as this request knows it; `undefined` where there is none. */
  get record(): SessionRecord | undefined {
    return this.#record;
  }

  /** The key of a row in whose place this session is, because its data is of no use. */
  get abandoned(): string | undefined {
    return this.#abandoned;
  }

  /** What has to become of the client's cookie after what was committed; `undefined`: nothing. */
  get cookie(): CookieChange | undefined {
    return this.#cookie;
  }

  /** Hands over the log to be carried out; what is done to the session meanwhile goes into a new one. */
  takeChanges(): Changes {
    // What was done after another request had ended the session must not begin it anew.
    const dropped = this.#end === "vanished" && !this.#changes.destroyed;
    const changes = dropped ? this.#changes.discard() : this.#effective();
    if (dropped) this.#content = undefined;
    this.#inFlight = changes;
    this.#changes = new Changes();
    return changes;
  }

  /** Takes a log back that was not carried out, or not to the end. */
  restoreChanges(changes: Changes): void {
    changes.uncertain = true;
    const kept = changes.discarded ? changes.discard() : changes;
    this.#changes = kept.followedBy(this.#changes);
    this.#inFlight = undefined;
  }

  /** The row holds `content` now. */
  committed(record: SessionRecord, content: SessionContent, token = this.#token): void {
    this.#token = token;
    this.#record = record;
    this.#content = this.#changes.destroyed ? undefined : this.#changes.applyTo(content);
    this.#end = undefined;
    this.#cookie = { kind: "set", token, expiry: record.expiry, remember: rememberIn(content) };
  }

  /** The row expires at another moment now. */
  touched(record: SessionRecord): void {
    this.#record = record;
    this.#cookie = {
      kind: this.#cookie?.kind === "set" ? "set" : "touch",
      token: this.#token,
      expiry: record.expiry,
      remember: rememberIn(this.#read()),
    };
  }

  /** The row was deleted, because the session was destroyed. */
  deleted(): void {
    this.#record = this.#token = undefined;
    this.#end = "destroyed";
    this.#cookie = { kind: "clear" };
  }

  /** The row was found to be gone, and with it all that this request has done to the session. */
  vanished(cookie: CookieChange | undefined): void {
    this.#record =
      this.#token =
      this.#content =
      this.#inFlight =
        undefined;
    this.#end = "vanished";
    this.#cookie = cookie;
  }

  get #isDestroyed(): boolean {
    return this.#changes.destroyed || this.#inFlight?.destroyed === true;
  }

  /** The log without what leaves the session as the store was last known to hold it. */
  #effective(): Changes {
    const isCommitting = this.#inFlight?.destroyed || this.#inFlight?.empty === false;
    if (this.#changes.empty || isCommitting) return this.#changes;
    // Decoded anew, because the application may have changed the values in place.
    const base = this.#record ? this.#context.decode(this.#record.data) : this.#base();
    return this.#changes.without(base, this.#context.isSame);
  }

  #newDeadline(): Date {
    return new Date(Date.now() + this.#context.lifetime);
  }

  #put(key: string, value: unknown): void {
    this.#read().values.set(key, value);
    this.#changes.put(key, value);
  }

  #read(): Content {
    if (this.#content === undefined) {
      const base = this.#base();
      this.#content = this.#changes.applyTo(this.#inFlight?.applyTo(base) ?? base);
    }
    return this.#content;
  }

  #base(): SessionContent {
    return (this.#isDestroyed ? undefined : this.#decode()) ??
      (this.#blank ??= { deadline: this.#newDeadline(), values: new Map() });
  }

  #decode(): SessionContent | undefined {
    if (this.#record === undefined) return undefined;
    const { token, data } = this.#record;
    try {
      const content = this.#context.decode(data);
      // A touch of a slow request may have prolonged a row whose deadline was brought forward meanwhile.
      if (isActive(content)) return content;
    } catch (error) {
      this.#context.onUnreadable(error, this.#request);
    }
    this.#abandoned = token;
    this.#record = this.#token = undefined;
    return undefined;
  }
}

function rememberIn({ values }: SessionContent): boolean | undefined {
  return values.get(REMEMBER_ME) as boolean | undefined;
}
