/**
 * Adds what a response that depends on a session has to say.
 *
 * @param setCookie The `Set-Cookie` header's value, if the cookie changes.
 * @returns The response, or another one with its status and body, which goes on streaming.
 */
export function addHeaders(response: Response, setCookie: string | undefined): Response {
  if (setCookie === undefined) return withHeaders(response, addVary);
  const addAll = (headers: Headers): void => {
    addVary(headers);
    headers.append("set-cookie", setCookie);
    addNoCache(headers);
  };
  // A copy, because the handler may give one and the same response to several visitors. What cannot be
  // copied, as the answer to a WebSocket's upgrade, is for one visitor alone.
  return isCopyable(response) ? copy(response, addAll) : withHeaders(response, addAll);
}

/** The statuses that `new Response` takes. */
function isCopyable({ status }: Response): boolean {
  return status >= 200;
}

function copy(response: Response, add: (headers: Headers) => void): Response {
  const another = new Response(response.body, response);
  add(another.headers);
  return another;
}

function withHeaders(response: Response, add: (headers: Headers) => void): Response {
  try {
    add(response.headers);
    return response;
  } catch {
    // Immutable, as those of Response.redirect() and fetch() are.
    return isCopyable(response) ? copy(response, add) : response;
  }
}

/** A cache must not give one visitor's page to another: RFC 9110, section 12.5.5. */
function addVary(headers: Headers): void {
  const vary = headers.get("vary")?.toLowerCase().split(",").map((name) => name.trim()) ?? [];
  if (!vary.includes("*") && !vary.includes("cookie")) headers.append("vary", "Cookie");
}

/** A cache must not store the cookie along with the page: RFC 9111, section 5.2.2.4. */
function addNoCache(headers: Headers): void {
  const noCache = 'no-cache="Set-Cookie"';
  if (headers.get("cache-control")?.includes(noCache)) return;
  headers.append("cache-control", noCache);
}
