// How a request came, which decides whether its cookie can be Secure.

import { type CookieSource, type HeadersLike, isRequest } from "./cookie_header.ts";
import { isString } from "../util/check.ts";

/**
 * `loopback`: by plain HTTP, from a browser on the same machine. `lan`: by plain HTTP, from another machine of a
 * private network. `other`: by HTTPS, perhaps to a proxy that ends TLS, or unknown.
 */
export type Transport = "loopback" | "lan" | "other";

const URL_PARTS = /^(https?):\/\/(?:[^/?#]*@)?([^/?#]*)/i;

const PORT = String.raw`(?::\d*)?$`;

/** The hosts that never leave the machine: RFC 6761, section 6.3, and RFC 6890. */
const LOOPBACK = new RegExp(
  String.raw`^(?:(?:[\w-]+\.)*localhost|127(?:\.\d{1,3}){3}|\[::1\])${PORT}`,
  "i",
);

/** Names without a dot, names of private networks, and the addresses of RFC 1918, 3927, 4193, 4291 and 6598. */
const LAN = new RegExp(
  String
    .raw`^(?:[\w-]+|[\w.-]+\.(?:local|lan|home|internal|home\.arpa)|(?:0\.0|10\.\d{1,3}|192\.168|` +
    String.raw`169\.254|172\.(?:1[6-9]|2\d|3[01])|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7]))` +
    String.raw`(?:\.\d{1,3}){2}|\[f(?:[cd][\da-f]{2}|e[89ab][\da-f]):[\da-f:]*\])${PORT}`,
  "i",
);

/** Headers that proxies add. Without the scheme, it is unknown whether the browser has sent HTTPS to the proxy. */
const OF_PROXIES = ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"];

/**
 * Returns how a request came. A client that forges these headers affects only its own cookie: a page of another site
 * cannot make a browser send them.
 */
export function transportOf(source: CookieSource): Transport {
  if (source == null || isString(source)) return "other";
  const { headers, url } = isRequest(source) ? source : { headers: source as HeadersLike, url: "" };
  const [, scheme, host] = URL_PARTS.exec(String(url)) ?? [];
  if (scheme?.toLowerCase() === "https" || host && !isPrivate(host)) return "other";
  const get = (name: string): string | undefined => headers.get(name) || undefined;
  const forwarded = get("x-forwarded-proto")?.split(",")[0]?.trim() ??
    /\bproto="?(\w+)/i.exec(get("forwarded") ?? "")?.[1];
  const isProxied = OF_PROXIES.some((name) => get(name) !== undefined);
  const said = forwarded?.toLowerCase().replace(/^ws/, "http") ??
    (isProxied ? "unknown" : scheme?.toLowerCase());
  // A server behind a proxy may see an internal name, and the browser's name only in a header.
  const hosts = [host, get("host"), get("x-forwarded-host")?.split(",")[0]?.trim()]
    .filter((each) => each !== undefined && each !== "") as string[];
  if (said !== undefined && said !== "http" || hosts.length === 0) return "other";
  if (hosts.every((each) => LOOPBACK.test(each))) return "loopback";
  // Without a scheme, it may have been HTTPS.
  return said === "http" && hosts.every(isPrivate) ? "lan" : "other";
}

function isPrivate(host: string): boolean {
  return LOOPBACK.test(host) || LAN.test(host);
}
