import process from "node:process";
import { check, isFunction, isNumber, isString, type Rule } from "../util/check.ts";
import { printer } from "../util/report.ts";
import { describesResponse, type Header, isSaid } from "../manager/response_headers.ts";

/** The part of a response of node:http or node:http2 that is used here. */
export interface Target {
  statusCode: number;
  statusMessage: string;
  writeHead: (...args: unknown[]) => unknown;
  write: (...args: unknown[]) => boolean;
  end: (...args: unknown[]) => unknown;
  flushHeaders: () => void;
  getHeader(name: string): string | number | readonly string[] | undefined;
  getHeaderNames(): string[];
  setHeader(name: string, value: string | readonly string[]): unknown;
  removeHeader(name: string): void;
  on: (event: string, listener: () => void) => unknown;
  once(event: string, listener: () => void): unknown;
  emit(event: string): unknown;
  rawListeners(event: string): unknown[];
  destroy(error?: unknown): unknown;
  /** Only in HTTP/2. */
  readonly stream?: { readonly destroyed: boolean };
}

/** What happens to a response before its head is sent. */
export type Outcome = { readonly headers: readonly Header[] } | { readonly instead: Response };

/** The calls by which a response's head may be sent. */
const SENDING = ["writeHead", "write", "end", "flushHeaders"] as const;
type Sending = typeof SENDING[number];

/** The calls that Node refuses once the head is sent. */
const CHANGING = ["setHeader", "setHeaders", "appendHeader", "removeHeader"];

const STATUS: Rule<number> = {
  text: "an integer from 100 to 999",
  hasType: isNumber,
  inRange: (value) => Number.isInteger(value) && value >= 100 && value <= 999,
};

const CHUNK: Rule<string | Uint8Array> = {
  text: "a string or a Uint8Array",
  hasType: (value): value is string | Uint8Array => isString(value) || value instanceof Uint8Array,
};

/**
 * Holds back the calls that would send a response's head until something is done, and then carries them out in order.
 * Meanwhile the response looks as if its head had been sent: `headersSent` is true, headers can no longer be set, and
 * `write` returns `false`.
 *
 * Other middlewares may replace the same methods, before or after this class. Each calls the method that it found.
 */
export class HeldResponse {
  readonly #response: Target;
  readonly #prepare: () => Promise<Outcome> | undefined;
  /** The response's methods, perhaps those of another middleware. */
  readonly #inner: Pick<Target, Sending>;
  #state: "open" | "held" | "released" | "replaced" = "open";
  #calls: [Sending, unknown[]][] = [];
  /** Whether `write` has returned `false`, and so a writer waits for `drain`. */
  #needsDrain = false;
  /** The listeners of `drain`. Without this, compression would make them wait for its own stream. */
  readonly #drainListeners = new Set<() => void>();
  #ended = false;
  /** Makes the response look as before. */
  #thaw: () => void = () => {};

  /**
   * @param prepare Called when the head is about to be sent, or if the client disconnects before that. The promise
   *   that it returns must not reject. If it returns `undefined`, there is nothing to wait for.
   */
  constructor(response: Target, prepare: () => Promise<Outcome> | undefined) {
    this.#response = response;
    this.#prepare = prepare;
    const { writeHead, write, end, flushHeaders, on } = response;
    this.#inner = { writeHead, write, end, flushHeaders };
    response.writeHead = (...args) => this.#intercept("writeHead", args);
    response.write = (...args) => this.#intercept("write", args) as boolean;
    response.end = (...args) => this.#intercept("end", args);
    response.flushHeaders = () => void this.#intercept("flushHeaders", []);
    response.on = (event, listener) => {
      if (event === "drain" && this.#state !== "released") this.#drainListeners.add(listener);
      return on.call(response, event, listener);
    };
    response.once("close", () => {
      if (this.#state === "open") void prepare();
    });
  }

  #intercept(name: Sending, args: unknown[]): unknown {
    if (this.#state === "open") {
      checkCall(name, args);
      const outcome = this.#prepare();
      if (outcome === undefined) this.#state = "released";
      else this.#hold(outcome, name, args);
    }
    if (this.#state === "released") return this.#send(name, args);
    if (this.#state === "replaced") return this.#ignore(name, args);
    return this.#queue(name, args);
  }

  #hold(outcome: Promise<Outcome>, name: Sending, args: unknown[]): void {
    const response = this.#response;
    if (name === "writeHead") args.splice(0, args.length, ...this.#takeHead(args));
    const isHttp2 = response.stream !== undefined;
    const { statusCode } = response;
    // HTTP/2 has no status message, and warns at each use.
    const statusMessage = isHttp2 ? undefined : response.statusMessage;
    this.#state = "held";
    const restore = this.#freeze();
    this.#thaw = () => {
      restore();
      response.statusCode = statusCode;
      if (!isHttp2) response.statusMessage = statusMessage!;
    };
    outcome.then((outcome) => this.#go(outcome)).catch((error) => {
      this.#thaw();
      this.#state = "released";
      printer("send the response")(error);
      response.destroy(error);
    });
  }

  /** Sets the status and headers of a `writeHead`, so that others can be added. Returns the remaining arguments. */
  #takeHead([status, ...rest]: unknown[]): unknown[] {
    const message = isString(rest[0]) ? rest.shift() : undefined;
    for (const [name, values] of grouped(rest.find((headers) => headers != null))) {
      this.#response.setHeader(name, values);
    }
    this.#response.statusCode = status as number;
    return message === undefined ? [status] : [status, message];
  }

  /** Makes the response look as if its head had been sent. Returns a function that undoes this. */
  #freeze(): () => void {
    const refuse = (): never => {
      throw headersSentError();
    };
    const properties: [string, PropertyDescriptor][] = [
      ["headersSent", { get: () => true }],
      ["writableEnded", { get: () => this.#ended }],
      ["writableNeedDrain", { get: () => this.#needsDrain && !this.#ended }],
      ...CHANGING.filter((name) => name in this.#response)
        .map((name): [string, PropertyDescriptor] => [name, { value: refuse, writable: true }]),
    ];
    const previous = properties.map(([name]) =>
      [name, Object.getOwnPropertyDescriptor(this.#response, name)] as const
    );
    for (const [name, property] of properties) {
      Object.defineProperty(this.#response, name, { ...property, configurable: true });
    }
    return () => {
      for (const [name, property] of previous) {
        delete (this.#response as unknown as Record<string, unknown>)[name];
        if (property !== undefined) Object.defineProperty(this.#response, name, property);
      }
    };
  }

  #queue(name: Sending, args: unknown[]): unknown {
    const isSecondHead = name === "writeHead" && this.#calls.length > 0;
    if (isSecondHead) throw headersSentError();
    checkCall(name, args);
    this.#calls.push([name, args]);
    if (name === "end") this.#ended = true;
    if (name !== "write") return name === "flushHeaders" ? undefined : this.#response;
    this.#needsDrain = true;
    return false;
  }

  async #go(outcome: Outcome): Promise<void> {
    if ("instead" in outcome) {
      const body = new Uint8Array(await outcome.instead.arrayBuffer());
      this.#thaw();
      this.#replace(outcome.instead, body);
      return;
    }
    this.#thaw();
    this.#state = "released";
    // The client has disconnected. HTTP/2 would report each call as an error.
    if (this.#response.stream?.destroyed) return;
    for (const header of outcome.headers) addHeader(this.#response, header);
    let isDrained = true;
    for (const [name, args] of this.#calls.splice(0)) {
      const result = this.#send(name, args);
      if (name === "write") isDrained = result !== false;
    }
    if (isDrained) this.#drain();
    this.#drainListeners.clear();
  }

  /** Lets writers continue that got `false` from `write`. */
  #drain(): void {
    if (!this.#needsDrain || this.#ended) return;
    const told = this.#response.rawListeners("drain");
    this.#response.emit("drain");
    for (const listener of this.#drainListeners) {
      if (!told.includes(listener)) listener.call(this.#response);
    }
  }

  #send(name: Sending, args: unknown[]): unknown {
    return (this.#inner[name] as (...args: unknown[]) => unknown).apply(this.#response, args);
  }

  #replace(answer: Response, body: Uint8Array): void {
    const response = this.#response;
    const calls = this.#calls.splice(0);
    // Meanwhile, the inner methods may call the response's own methods, as those of HTTP/2 do.
    this.#state = "released";
    if (!response.stream?.destroyed) this.#sendInstead(answer, body);
    this.#state = "replaced";
    for (const [name, args] of calls) this.#ignore(name, args);
    this.#drain();
  }

  #sendInstead(answer: Response, body: Uint8Array): void {
    const response = this.#response;
    for (const name of response.getHeaderNames()) {
      if (describesResponse(name)) response.removeHeader(name);
    }
    for (const [name, values] of grouped([...answer.headers])) response.setHeader(name, values);
    // Other middlewares that wait for the head belong to the response that is not sent.
    response.setHeader("content-length", String(body.length));
    const message = answer.statusText === "" || response.stream !== undefined
      ? []
      : [answer.statusText];
    this.#send("writeHead", [answer.status, ...message]);
    this.#send("end", [body]);
  }

  /** Accepts a call on a response after another one was sent instead of it. */
  #ignore(name: Sending, args: unknown[]): unknown {
    const callback = args.find(isFunction);
    if (callback !== undefined) process.nextTick(callback);
    if (name === "write") return true;
    return name === "flushHeaders" ? undefined : this.#response;
  }
}

/** Throws if Node would throw, so that the caller gets the error. */
function checkCall(name: Sending, [first]: unknown[]): void {
  if (name === "writeHead") check("write the head", "statusCode", first, STATUS);
  const isEmptyEnd = name === "end" && (first == null || isFunction(first));
  if ((name === "write" || name === "end") && !isEmptyEnd) {
    check("write the response", "chunk", first, CHUNK);
  }
}

/** Returns the values of each header, from headers in any form that `writeHead` takes. */
function grouped(headers: unknown): Iterable<[string, string | string[]]> {
  const pairs = Array.isArray(headers)
    ? Array.isArray(headers[0]) ? headers : toPairs(headers)
    : Object.entries(headers ?? {});
  const all = new Map<string, [string, string | string[]]>();
  for (const [name, value] of pairs as [string, string | string[]][]) {
    const key = String(name).toLowerCase();
    const before = all.get(key);
    all.set(key, [name, before === undefined ? value : [before[1], value].flat()]);
  }
  return all.values();
}

/** Converts `["a", "1", "b", "2"]` to `[["a", "1"], ["b", "2"]]`. */
function toPairs(list: readonly unknown[]): unknown[][] {
  return list.filter((_, i) => i % 2 === 0).map((name, i) => [name, list[2 * i + 1]]);
}

/** Adds a header to a response without `appendHeader`, which not every version of Node has for HTTP/2. */
function addHeader(response: Target, header: Header): void {
  const [name, value] = header;
  const present = [response.getHeader(name) ?? []].flat().map(String);
  if (name === "Set-Cookie") return void response.setHeader(name, [...present, value]);
  const text = present.join(", ");
  if (!isSaid(header, text)) response.setHeader(name, text === "" ? value : `${text}, ${value}`);
}

/** Makes the error that Node throws in this case. */
function headersSentError(): Error {
  const error = new Error("Cannot set headers after they are sent to the client");
  return Object.assign(error, { code: "ERR_HTTP_HEADERS_SENT" });
}
