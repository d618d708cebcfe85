/** A header's name and value, to be appended to a response. */
export type Header = [name: string, value: string];

/**
 * Returns what a response that depends on a session has to say.
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

/** Whether a header that a response already has, if any, says what the other one would add. */
export function isSaid([name, value]: Header, present: string | null | undefined): boolean {
  if (name === "Set-Cookie" || present == null) return false;
  if (name !== "Vary") return present.includes(value);
  const names = present.toLowerCase().split(",").map((field) => field.trim());
  return names.includes("*") || names.includes("cookie");
}

/** The headers that belong to one response, and not to the one that is sent in its place if the store fails. */
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

/** Whether a header describes the response that it is of, as `Content-Type` does and CORS headers do not. */
export function describesResponse(name: string): boolean {
  return OF_THE_RESPONSE.has(name.toLowerCase());
}

/**
 * Adds headers to a response.
 *
 * @returns The response, or another one with its status and body, which goes on streaming.
 */
export function addHeaders(response: Response, headers: readonly Header[]): Response {
  // A copy, because the handler may give one and the same response to several visitors. What cannot be
  // copied, as the answer to a WebSocket's upgrade, is for one visitor alone.
  const isPersonal = headers.some(([name]) => name === "Set-Cookie");
  if (isPersonal && isCopyable(response)) return copy(response, headers);
  try {
    append(response.headers, headers);
    return response;
  } catch {
    // Immutable, as those of Response.redirect() and fetch() are.
    return isCopyable(response) ? copy(response, headers) : response;
  }
}

/** The statuses that `new Response` takes. */
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
