import { check, hasMethods, isNumber, type Rule } from "../util/check.ts";

const RESPONSE: Rule<Response> = {
  text: "a Response",
  // By its shape: a framework may have its own class.
  hasType: (value): value is Response => {
    const { headers, status } = Object(value);
    return hasMethods(headers, ["append"]) && isNumber(status);
  },
};

/**
 * Throws if a response cannot be sent. It is called before the session is saved.
 *
 * @throws {TypeError} If it is not a `Response`, if it is `Response.error()`, or if its body was used.
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
