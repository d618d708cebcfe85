/** A header's name and value, to append to a response. */
export type Header = [name: string, value: string];

/**
 * Returns the headers that a response needs if it depends on a session.
 *
 * @param setCookie The `Set-Cookie` header's value, if the cookie changes.
 */
export function headersFor(setCookie: string | undefined): Header[] {
  // A cache must not give one visitor's page to another: RFC 9110, section 12.5.5.
  const vary: Header = ["Vary", "Cookie"];
  if (setCookie === undefined) return [vary];
  // A cache must not store the cookie along with the page: RFC 9111, section 5.2.2.4.
  return [["Set-Cookie", setCookie], ["Cache-Control", 'no-cache="Set-Cookie"'], vary];
}

/** Whether a header of the response, if there is one, already says what this header would add. */
export function isSaid([name, value]: Header, present: string | null | undefined): boolean {
  if (name === "Set-Cookie" || present == null) return false;
  if (name !== "Vary") return present.includes(value);
  const names = present.toLowerCase().split(",").map((field) => field.trim());
  return names.includes("*") || names.includes("cookie");
}

/** The headers that belong to one response, and not to the one that is sent instead if the store fails. */
const OF_THE_RESPONSE = new Set([
  "accept-ranges",
  "age",
  "cache-control",
  "content-disposition",
  "content-encoding",
  "content-language",
  "content-length",
  "content-location",
  "content-range",
  "content-type",
  "etag",
  "expires",
  "last-modified",
  "link",
  "location",
  "refresh",
  "set-cookie",
  "trailer",
  "transfer-encoding",
]);

/** Whether a header describes its own response, as `Content-Type` does and CORS headers do not. */
export function describesResponse(name: string): boolean {
  return OF_THE_RESPONSE.has(name.toLowerCase());
}

/**
 * Adds headers to a response.
 *
 * @returns The response, or another one with its status and body. The body continues to stream.
 */
export function addHeaders(response: Response, headers: readonly Header[]): Response {
  // A copy, because the handler may return the same response to several visitors. A response that cannot be copied,
  // such as the one to a WebSocket upgrade, is for one visitor only.
  const isPersonal = headers.some(([name]) => name === "Set-Cookie");
  if (isPersonal && isCopyable(response)) return copy(response, headers);
  try {
    append(response.headers, headers);
    return response;
  } catch {
    // Immutable headers, as in the responses of Response.redirect() and fetch().
    return isCopyable(response) ? copy(response, headers) : response;
  }
}

/** Whether `new Response` accepts the status. */
function isCopyable({ status }: Response): boolean {
  return status >= 200;
}

function copy(response: Response, headers: readonly Header[]): Response {
  const another = new Response(response.body, response);
  append(another.headers, headers);
  return another;
}

function append(to: Headers, headers: readonly Header[]): void {
  for (const header of headers) {
    if (!isSaid(header, to.get(header[0]))) to.append(...header);
  }
}
