import type { CallOptions, SessionRecord } from "../store/store.ts";
import type { IsSame } from "./change_log.ts";
import type { Content } from "./encoding.ts";

/** What the store holds of a session, as far as its request knows. */
export type SessionState =
  /** Nothing. */
  | { readonly kind: "new" }
  /** A record that was not decoded yet, or has to be decoded again. */
  | ({ readonly kind: "found" } & Stored)
  /** A record that was decoded, or that this request has written. */
  | ({ readonly kind: "loaded" } & Stored)
  /** Nothing more: this request has destroyed the session. */
  | { readonly kind: "destroyed" }
  /** Nothing more: another request has ended the session. */
  | { readonly kind: "vanished"; readonly key: string | undefined };

interface Stored {
  readonly record: SessionRecord;
  /** The token that the client holds; `undefined` if only the client knows it. */
  readonly token: string | undefined;
}

/** What happens to the client's cookie after a commit. */
export type CookieChange =
  | { readonly kind: "clear" }
  | {
    /** `touch`: only the expiry has changed. */
    readonly kind: "set" | "touch";
    readonly token: string | undefined;
    readonly expiry: Date;
    /** What `rememberMe` was called with, if it was. */
    readonly remember: boolean | undefined;
  };

/** What a session needs from its manager. */
export interface SessionContext {
  /** How long a session lasts from its beginning or its last new token, in milliseconds. */
  readonly lifetime: number;
  /** Finds the active session of a client's token. A malformed token is not looked up. */
  find(token: unknown, options?: CallOptions): Promise<SessionRecord | undefined>;
  /** @throws {Error} If the data cannot be decoded; its message holds none of it. */
  decode(record: SessionRecord): Content;
  readonly isSame: IsSame;
  /** Called if the data of a session that was loaded cannot be decoded. */
  onUnreadable(error: unknown, request: Request | undefined): void;
}

/** Where a session comes from; a new one has neither token nor record. */
export interface SessionOrigin {
  readonly token?: string | undefined;
  readonly record?: SessionRecord | undefined;
  readonly request?: Request | undefined;
  /**
   * The key of the same session under its new token, if `token` is the old one: the session can then only be read.
   */
  readonly successor?: string | undefined;
}
