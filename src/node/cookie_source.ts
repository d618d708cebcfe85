import type { IncomingMessage } from "node:http";
import type { Http2ServerRequest } from "node:http2";
import type { CookieSource } from "../manager/mod.ts";

/** A request of node:http, or of the compatibility API of node:http2. */
export type NodeRequest = IncomingMessage | Http2ServerRequest;

/**
 * Returns what `loadRequest` of a {@linkcode SessionManager} needs from a request of node:http: its cookie, and how
 * it came, by its socket and its `Host`. {@linkcode nodeSessions} calls it itself.
 *
 * @param request The request of node:http or node:http2.
 * @returns The source of the session's cookie.
 * @example The session of a request that opens a WebSocket
 * ```ts
 * import { type Session, SessionManager } from "@scs/sequelize-store/manager";
 * import { cookieSource } from "@scs/sequelize-store/node";
 * import type { IncomingMessage } from "node:http";
 *
 * const sessions = new SessionManager<{ userId: number }>();
 *
 * async function onUpgrade(request: IncomingMessage): Promise<Session<{ userId: number }>> {
 *   return await sessions.loadRequest(cookieSource(request));
 * }
 * ```
 */
export function cookieSource(request: NodeRequest): CookieSource {
  const get = (name: string): string | undefined => {
    const value = request.headers[name];
    return Array.isArray(value) ? value.join(", ") : value;
  };
  return { headers: { get }, url: urlOf(request) };
}

/** Returns the scheme and the host of a request; `undefined` if it names no host. */
export function urlOf({ socket, headers }: NodeRequest): string | undefined {
  const host = headers[":authority"] ?? headers.host;
  if (host === undefined) return undefined;
  const isEncrypted = socket && "encrypted" in socket && socket.encrypted === true;
  return `${isEncrypted ? "https" : "http"}://${host}`;
}
