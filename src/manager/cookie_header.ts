import { hasMethods, isObject, isString } from "../util/check.ts";

/** The part of `Headers` that a session needs. A framework may have its own class. */
export interface HeadersLike {
  /**
   * Returns a header's value.
   *
   * @param name The header's name in lower case.
   * @returns The value; `null` or `undefined` if there is none.
   */
  get(name: string): string | null | undefined;
}

/**
 * Where a session's cookie is read from: a `Request`, its `Headers`, or the text of the `Cookie` header, such as
 * `request.headers.cookie` of node:http; `null` and `undefined` if there is none.
 *
 * If the option `cookie.secure` is not set, the source also decides whether the cookie is `Secure`: see
 * {@linkcode SessionCookieOptions.secure}. The URL of a `Request` shows whether it came by HTTPS; with headers,
 * `Host` and `X-Forwarded-Proto` show it. The text of the `Cookie` header does not show it: the cookie is then
 * `Secure`.
 */
export type CookieSource =
  | string
  | HeadersLike
  | { readonly headers: HeadersLike; readonly url?: string | URL | undefined }
  | null
  | undefined;

/**
 * Returns the text of the `Cookie` header.
 *
 * @throws {TypeError} If `source` is none of these.
 */
export function cookieHeaderOf(source: CookieSource): string | undefined {
  if (source == null || isString(source)) return source ?? undefined;
  if (isRequest(source)) return source.headers.get("cookie") ?? undefined;
  if (hasMethods(source, ["get"])) return (source as HeadersLike).get("cookie") ?? undefined;
  throw refuse("'source' must be a Request, Headers or the text of a Cookie header", source);
}

/**
 * Throws if a handler is called with something other than a `Request`, as happens behind node:http.
 *
 * @throws {TypeError} If `request` is not a `Request`.
 */
export function checkRequest(request: unknown): asserts request is Request {
  if (!isRequest(request)) throw refuse("'request' must be a Request", request);
}

/** Whether a value is a `Request`, by its shape: a framework may have its own class. */
export function isRequest(value: unknown): value is Request {
  return hasMethods((value as Partial<Request> | null | undefined)?.headers, ["get"]);
}

function refuse(rule: string, value: unknown): TypeError {
  const isNode = hasMethods(value, ["setEncoding"]) && isObject((value as Request).headers);
  const received = isNode
    ? "an IncomingMessage of node:http; make a Request of it first, as @hono/node-server does"
    : value === null
    ? "null"
    : typeof value;
  return new TypeError(`Cannot load the session: ${rule}: received ${received}`);
}
