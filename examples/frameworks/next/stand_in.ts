// What the example uses of "next/headers" and "next/navigation": the package `next` is too large to be installed
// for it. The cookies are Next.js's own, which the package bundles.

import { ResponseCookies } from "@edge-runtime/cookies";
import { AsyncLocalStorage } from "node:async_hooks";

interface Exchange {
  readonly request: Request;
  /** The headers of the response. */
  readonly sent: Headers;
}

class Redirect extends Error {
  readonly location: string;

  constructor(location: string) {
    super("NEXT_REDIRECT");
    this.location = location;
  }
}

const exchanges = new AsyncLocalStorage<Exchange>();

function current(): Exchange {
  const exchange = exchanges.getStore();
  if (exchange === undefined) throw new Error("called outside a request scope");
  return exchange;
}

export function headers(): Promise<Pick<Headers, "get" | "has">> {
  return Promise.resolve(current().request.headers);
}

export function cookies(): Promise<ResponseCookies> {
  return Promise.resolve(new ResponseCookies(current().sent));
}

export function redirect(location: string): never {
  throw new Redirect(location);
}

/** Answers a request by a server action, or by the text of a page. */
export async function answer(
  request: Request,
  render: () => Promise<string>,
): Promise<Response> {
  const sent = new Headers();
  try {
    return new Response(await exchanges.run({ request, sent }, render), { headers: sent });
  } catch (error) {
    if (!(error instanceof Redirect)) throw error;
    sent.set("location", error.location);
    return new Response(null, { status: 303, headers: sent });
  }
}
