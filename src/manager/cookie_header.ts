import { hasMethods, isObject, isString } from "../util/check.ts";

/** Headers as far as a session needs them: `Headers`, or a class of a framework's own. */
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
 * What brings a session's cookie: a `Request`, its `Headers`, or the text of the `Cookie` header, such as
 * `request.headers.cookie` of node:http; `null` and `undefined` if there is none.
 *
 * It also decides whether the cookie is `Secure`, if the option `cookie.secure` does not: see
 * {@linkcode SessionCookieOptions.secure}. A `Request` says by its URL how it came, headers by `Host` and
 * `X-Forwarded-Proto`. The text of the `Cookie` header says nothing: the cookie is then `Secure`.
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
 * @throws {TypeError} If the source is of another kind.
 */
export function cookieHeaderOf(source: CookieSource): string | undefined {
  if (source == null || isString(source)) return source ?? undefined;
  if (isRequest(source)) return source.headers.get("cookie") ?? undefined;
  if (hasMethods(source, ["get"])) return (source as HeadersLike).get("cookie") ?? undefined;
  throw refuse("'source' must be a Request, Headers or the text of a Cookie header", source);
}

/**
 * Throws if a handler is called with something else than a `Request`, as happens behind node:http.
 *
 * @throws {TypeError} If it is.
 */
export function checkRequest(request: unknown): asserts request is Request {
  if (!isRequest(request)) throw refuse("'request' must be a Request", request);
}

/** By its shape: a framework may bring a class of its own. */
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
