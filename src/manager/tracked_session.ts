import { EXPIRY } from "../store/arguments.ts";
import { check, FLAG, isString, type Rule } from "../util/check.ts";
import { ABOUT, type About, aboutNew } from "./about.ts";
import { ChangeLog, type MutableContent } from "./change_log.ts";
import { type Content, isActive } from "./encoding.ts";
import { GRACE } from "./grace.ts";
import type { RenewalOptions, Session, SessionStatus } from "./session.ts";
import type { CookieChange, SessionContext, SessionOrigin, SessionState } from "./session_state.ts";
import type { SessionRecord } from "../store/store.ts";
import { generateToken } from "../store/token.ts";
import { toMilliseconds } from "../util/duration.ts";
import { optional, readOptions } from "../util/options.ts";

/** The key under which SCS keeps the choice of RememberMe. */
const REMEMBER_ME = "__rememberMe";

const KEY: Rule<string> = {
  text: `a string other than ${REMEMBER_ME} and ${ABOUT}`,
  hasType: isString,
  inRange: (value) => value !== REMEMBER_ME && value !== ABOUT,
};

const RENEWAL_OPTIONS = { grace: optional(GRACE) };

/** One request's view of a session: what the store holds of it, and the log of what was done to it since. */
export class TrackedSession<Values extends object> implements Session<Values> {
  readonly #context: SessionContext;
  readonly #request: Request | undefined;
  #state: SessionState;
  /** The key of a record that this session has replaced, because its data is useless. */
  #abandoned: string | undefined;
  /** What was done since the last commit began. */
  #changes = new ChangeLog();
  /** What a commit is carrying out. */
  #inFlight: ChangeLog | undefined;
  /** The content with all changes applied, once {@linkcode open} was called. */
  #content: MutableContent | undefined;
  /** What the session begins with if it has no record. */
  #blank: Content;
  /** How often all changes were dropped: by `destroy` or `discard`. */
  #generation = 0;
  #cookie: CookieChange | undefined;
  /** See {@linkcode successor}; it has no meaning without a record. */
  #successor: string | undefined;

  constructor(context: SessionContext, { token, record, request, successor }: SessionOrigin) {
    this.#context = context;
    this.#request = request;
    this.#successor = successor;
    this.#state = record === undefined ? { kind: "new" } : { kind: "found", record, token };
    this.#blank = this.#newContent();
  }

  get<K extends keyof Values & string>(key: K): Values[K] | undefined {
    return this.has(key) ? this.open().values.get(key) as Values[K] : undefined;
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
    if (key === REMEMBER_ME || !this.has(key) && !this.#isUncertain) return;
    this.open().values.delete(key);
    this.#changes.remove(key);
  }

  clear(): void {
    if (this.keys().length === 0 && !this.#isUncertain) return;
    const remember = rememberIn(this.open());
    this.open().values.clear();
    this.#changes.clear();
    if (remember !== undefined) this.rememberMe(remember);
  }

  has(key: keyof Values & string): boolean {
    return key !== REMEMBER_ME && this.open().values.has(key);
  }

  keys(): string[] {
    return [...this.open().values.keys()].filter((key) => key !== REMEMBER_ME).sort();
  }

  renewToken(options: RenewalOptions = {}): void {
    const { grace } = readOptions("renew the token", options, RENEWAL_OPTIONS);
    const content = this.open();
    const renewedAt = Date.now();
    const { deadline } = this.#newContent();
    content.deadline = deadline;
    content.about = { ...content.about, renewedAt };
    this.#changes.renew(generateToken(), renewedAt, deadline, grace && toMilliseconds(grace));
  }

  destroy(): void {
    this.#generation++;
    this.#changes.destroy();
    this.#blank = this.#newContent();
    this.#content = undefined;
  }

  discard(): void {
    this.#generation++;
    this.#changes = this.#changes.discard();
    if (this.#inFlight !== undefined) this.#inFlight.discarded = true;
    this.#blank = this.#newContent();
    this.#close();
  }

  async merge(token: string): Promise<boolean> {
    const generation = this.#generation;
    const other = await this.#context.find(token);
    // `destroy` or `discard` was called after `merge`.
    if (generation !== this.#generation) return false;
    if (other === undefined || other.token === this.record?.token) return false;
    const content = this.#context.decode(other);
    if (!isActive(content)) return false;
    const mine = this.open();
    this.#changes.merge(other, content, mine);
    for (const [key, value] of content.values) mine.values.set(key, value);
    mine.deadline = this.#changes.deadline ?? mine.deadline;
    return true;
  }

  rememberMe(remember: boolean): void {
    check("remember the visitor", "remember", remember, FLAG);
    this.#put(REMEMBER_ME, remember);
  }

  get id(): string {
    return this.#present.about.id;
  }

  get createdAt(): Date {
    return new Date(this.#present.about.createdAt);
  }

  get renewedAt(): Date {
    return new Date(this.#present.about.renewedAt);
  }

  get deadline(): Date {
    return new Date(this.#present.deadline);
  }

  set deadline(deadline: Date) {
    check("set the deadline", "deadline", deadline, EXPIRY);
    this.open().deadline = this.#changes.deadline = new Date(deadline);
  }

  get status(): SessionStatus {
    if (this.#isOver) return "destroyed";
    for (const changes of [this.#effective(), this.#inFlight]) {
      if (changes?.empty === false) return "modified";
      if (changes?.destroyed) return "destroyed";
    }
    return statusOf(this.#state);
  }

  get token(): string | undefined {
    if (this.#isDestroyed || !("record" in this.#state)) return undefined;
    // A session that cannot be decoded has none.
    if (this.#state.kind === "found" && this.#found() === undefined) return undefined;
    return this.#changes.token ?? this.#inFlight?.token ?? this.#state.token;
  }

  /** What the session says about itself. */
  get about(): About {
    return this.#present.about;
  }

  /** The session's record as this request knows it; `undefined` if there is none. */
  get record(): SessionRecord | undefined {
    return "record" in this.#state ? this.#state.record : undefined;
  }

  /**
   * The key of the same session under its new token, if the client's token is an old one within its grace: this
   * session can then only be read.
   */
  get successor(): string | undefined {
    return this.record && this.#successor;
  }

  /** The key of the record that `destroy` has to delete, along with its successors; `undefined`: none. */
  get key(): string | undefined {
    return this.#state.kind === "vanished" ? this.#state.key : this.record?.token;
  }

  /** The key of a record that this session has replaced, because its data is useless. */
  get abandoned(): string | undefined {
    return this.#abandoned;
  }

  /** What happens to the client's cookie after the last commit; `undefined`: nothing. */
  get cookie(): CookieChange | undefined {
    return this.#cookie;
  }

  /**
   * Decodes the session if that has not been done yet, and returns its content with all changes applied. If the data
   * is useless, the session becomes a new one.
   */
  open(): MutableContent {
    if (this.#content !== undefined) return this.#content;
    if (this.#state.kind === "found" && !this.#isDestroyed) {
      const { record } = this.#state;
      const content = this.#found((error) => this.#context.onUnreadable(error, this.#request));
      if (content !== undefined) {
        this.#state = { ...this.#state, kind: "loaded" };
        return this.#content = this.#after(content);
      }
      this.#abandoned = record.token;
      this.#state = { kind: "new" };
    }
    return this.#content = this.#after(this.#blank);
  }

  /** Returns the log to be carried out. Later changes go into a new log. */
  takeChanges(): ChangeLog {
    // Changes after another request has ended the session must not begin it anew.
    const changes = this.#isOver ? this.#changes.discard() : this.#effective();
    if (this.#isOver) this.#content = undefined;
    this.#inFlight = changes;
    this.#changes = new ChangeLog();
    return changes;
  }

  /** Called once a log was carried out. */
  finished(changes: ChangeLog): void {
    this.#inFlight = undefined;
    // After a commit that has written nothing, it is still unknown what an earlier one has written.
    this.#changes.uncertain ||= changes.uncertain;
    this.#changes.firstToken ??= changes.firstToken;
  }

  /** Takes back a log that was not carried out, or only in part. */
  restoreChanges(changes: ChangeLog): void {
    changes.uncertain = true;
    const kept = changes.discarded ? changes.discard() : changes;
    this.#changes = kept.followedBy(this.#changes);
    this.#inFlight = undefined;
    // The content still contains the changes that were being carried out.
    if (changes.discarded) this.#close();
  }

  /** Called once the record holds `content`; `token` is the new one, if the session has got one. */
  committed(record: SessionRecord, content: Content, newToken?: string): void {
    this.#inFlight?.confirm();
    const token = newToken ?? ("token" in this.#state ? this.#state.token : undefined);
    this.#state = { kind: "loaded", record, token };
    this.#successor = undefined;
    this.#content = this.#changes.destroyed ? undefined : this.#changes.applyTo(content);
    this.#cookie = { kind: "set", token, expiry: record.expiry, remember: rememberIn(content) };
  }

  /** Called once the record has another expiry. */
  touched(record: SessionRecord): void {
    if (!("record" in this.#state)) return;
    this.#state = { ...this.#state, record };
    this.#cookie = {
      kind: this.#cookie?.kind === "set" ? "set" : "touch",
      token: this.#state.token,
      expiry: record.expiry,
      remember: rememberIn(this.open()),
    };
  }

  /** Called once the record belongs to another owner; nothing else has changed. */
  moved(record: SessionRecord): void {
    if ("record" in this.#state) this.#state = { ...this.#state, record };
  }

  /** Called once the session has a new token, and the old one can only read. */
  superseded(successor: string): void {
    this.#successor = successor;
  }

  /** Called once the record was deleted, because the session was destroyed. */
  deleted(): void {
    this.#state = { kind: "destroyed" };
    this.#cookie = { kind: "clear" };
  }

  /** Called if the record is gone. All changes of this request are then lost. */
  vanished(cookie: CookieChange | undefined): void {
    this.#state = { kind: "vanished", key: this.key };
    this.#blank = this.#newContent();
    this.#content = this.#inFlight = undefined;
    this.#cookie = cookie;
  }

  /** Whether the session is to be destroyed. */
  get #isDestroyed(): boolean {
    return this.#changes.destroyed || this.#inFlight?.destroyed === true;
  }

  /** Whether another request has ended the session, and this one has not begun another. */
  get #isOver(): boolean {
    return this.#state.kind === "vanished" && !this.#changes.destroyed;
  }

  /** Whether a commit has failed, so that the store may hold something that this request does not know of. */
  get #isUncertain(): boolean {
    return this.#changes.uncertain || this.#inFlight?.uncertain === true;
  }

  /** Returns the log without the changes that leave the session as the store was last known to hold it. */
  #effective(): ChangeLog {
    const isCommitting = this.#inFlight?.destroyed || this.#inFlight?.empty === false;
    if (this.#changes.empty || isCommitting || this.#isUncertain || this.#changes.isWhole) {
      return this.#changes;
    }
    // Decoded again, because the application may have changed the values in place.
    const base = this.record ? this.#found() : this.#blank;
    return base === undefined ? this.#changes : this.#changes.without(base, this.#context.isSame);
  }

  /** Forgets the content. It is decoded again, because the application may have changed the values in place. */
  #close(): void {
    this.#content = undefined;
    if (this.#state.kind === "loaded") this.#state = { ...this.#state, kind: "found" };
  }

  #newContent(): Content {
    const deadline = new Date(Date.now() + this.#context.lifetime);
    return { about: aboutNew(), deadline, values: new Map() };
  }

  /** The content with all changes applied. Unlike `open`, this changes no state. */
  get #present(): MutableContent {
    return this.#content ?? this.#after(this.#found() ?? this.#blank);
  }

  #put(key: string, value: unknown): void {
    this.open().values.set(key, value);
    this.#changes.put(key, value);
  }

  /** The content of the record, if it is usable and the session is not to be destroyed. */
  #found(onUnreadable: (error: unknown) => void = () => {}): Content | undefined {
    if (this.record === undefined || this.#isDestroyed) return undefined;
    try {
      const content = this.#context.decode(this.record);
      // A slow request's touch may have prolonged a record after its deadline was moved to an earlier time.
      return isActive(content) ? content : undefined;
    } catch (error) {
      onUnreadable(error);
      return undefined;
    }
  }

  /** Returns what a session that held `base` holds with all changes applied. */
  #after(base: Content): MutableContent {
    return this.#changes.applyTo(this.#inFlight?.applyTo(base) ?? base);
  }
}

/** Returns the status of a session without changes. */
function statusOf({ kind }: SessionState): SessionStatus {
  switch (kind) {
    case "new":
    case "found":
    case "loaded":
      return "unmodified";
    case "destroyed":
    case "vanished":
      return "destroyed";
  }
}

/** Returns what `rememberMe` was called with, if it was. */
export function rememberIn({ values }: Pick<Content, "values">): boolean | undefined {
  return values.get(REMEMBER_ME) as boolean | undefined;
}
