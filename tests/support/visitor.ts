import { parseSetCookie, type SetCookie } from "cookie";

type Handler = (request: Request) => Promise<Response>;

/** A visitor of a website, with a cookie jar of its own. */
export class Visitor {
  readonly #handler: Handler;
  /** The cookies that the next request brings, by their names. */
  readonly cookies = new Map<string, string>();

  constructor(handler: Handler, cookies: Record<string, string> = {}) {
    this.#handler = handler;
    for (const [name, value] of Object.entries(cookies)) this.cookies.set(name, value);
  }

  /** Another window of the same browser, as it is now. */
  clone(): Visitor {
    return new Visitor(this.#handler, Object.fromEntries(this.cookies));
  }

  async fetch(path = "/", init?: RequestInit): Promise<Response> {
    const headers = new Headers(init?.headers);
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    if (cookie) headers.set("cookie", cookie);
    const request = new Request(`http://localhost${path}`, { ...init, headers });
    const response = await this.#handler(request);
    for (const { name, value, maxAge } of cookiesOf(response)) {
      if (maxAge === 0) this.cookies.delete(name);
      else this.cookies.set(name, value!);
    }
    return response;
  }

  async text(path?: string): Promise<string> {
    return await (await this.fetch(path)).text();
  }
}

/** A handler that sends a visitor's requests over HTTP. */
export function fetchFrom(address: string): Handler {
  return async (request) => {
    const { method, headers } = request;
    const { pathname } = new URL(request.url);
    const body = method === "POST" ? await request.text() : undefined;
    return await fetch(address + pathname, {
      method,
      headers,
      redirect: "manual",
      ...(body && { body }),
    });
  };
}

/** The cookies that a response sets. */
export function cookiesOf(response: Response): SetCookie[] {
  return response.headers.getSetCookie().map((header) => parseSetCookie(header));
}

/** Runs `test` while nothing is printed; returns the arguments of all calls of `console.error`. */
export async function silently(test: () => Promise<void>): Promise<unknown[]> {
  const { error } = console;
  const logged: unknown[] = [];
  console.error = (...args: unknown[]) => void logged.push(...args);
  try {
    await test();
  } finally {
    console.error = error;
  }
  return logged;
}
