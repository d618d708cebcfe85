import { check, hasMethods, isNumber, type Rule } from "../util/check.ts";

const RESPONSE: Rule<Response> = {
  text: "a Response",
  // By its shape: a framework may bring a class of its own.
  hasType: (value): value is Response => {
    const { headers, status } = Object(value);
    return hasMethods(headers, ["append"]) && isNumber(status);
  },
};

/**
 * Throws if a response cannot be sent, before the session is saved for its sake.
 *
 * @throws {TypeError} If it is no `Response`, if it is `Response.error()`, or if its body was used.
 */
export function checkResponse(response: unknown): asserts response is Response {
  check("answer the request", "response", response, RESPONSE);
  if (response.status === 0) {
    throw new TypeError(
      "Cannot answer the request: 'response' must be one that can be sent: received Response.error()",
    );
  }
  if (!response.bodyUsed && !response.body?.locked) return;
  throw new TypeError(
    "Cannot answer the request: 'response' must have a body that nobody has begun to read: " +
      `received one that ${response.bodyUsed ? "was read" : "is locked"}`,
  );
}
