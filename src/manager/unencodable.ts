import { types } from "node:util";
import { isString } from "../util/check.ts";

/** A value inside another one, and the last step of the path to it. */
type Part = [step: string, value: unknown];

/** How deep to look for the value that cannot be encoded. */
const MAX_DEPTH = 50;

/**
 * Finds the innermost value that a codec cannot encode.
 *
 * @param encode Encodes one value by itself, or throws.
 * @returns The path to the value, and the name of its class or type; `undefined` if there is none.
 */
export function findUnencodable(
  values: ReadonlyMap<string, unknown>,
  encode: (value: unknown) => unknown,
): { readonly path: string; readonly kind: string } | undefined {
  const seen = new Set<unknown>();
  const fails = ([, value]: Part): boolean => {
    if (seen.has(value)) return false;
    try {
      encode(value);
      return false;
    } catch {
      return true;
    }
  };
  const path: string[] = [];
  let wrong: unknown;
  for (
    let part = [...values].find(fails);
    part !== undefined && path.length < MAX_DEPTH;
    part = partsOf(wrong).find(fails)
  ) {
    const [step, value]: Part = part;
    path.push(step);
    wrong = value;
    // A value that contains itself is not searched again.
    if (Object(value) === value) seen.add(value);
  }
  return path.length === 0 ? undefined : { path: path.join(""), kind: kindOf(wrong) };
}

/** Returns the values inside a value. A map's keys are data, so they do not appear in the steps. */
function partsOf(value: unknown): Part[] {
  try {
    if (types.isSet(value)) return Array.from(value, (part, i) => [`.values()[${i}]`, part]);
    if (types.isMap(value)) {
      return [...value].flatMap(([key, part], i): Part[] => [
        [`.keys()[${i}]`, key],
        [`.values()[${i}]`, part],
      ]);
    }
    if (Object(value) !== value || typeof value === "function" || ArrayBuffer.isView(value)) {
      return [];
    }
    return Object.entries(value as object).map(([name, part]) => [
      Array.isArray(value) ? `[${name}]` : toStep(name),
      part,
    ]);
  } catch {
    // A getter has thrown.
    return [];
  }
}

function toStep(name: string): string {
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name)
    ? `.${name}`
    : `[${JSON.stringify(name)}]`;
}

function kindOf(value: unknown): string {
  try {
    // The prototype's, because the value itself may have a property of this name.
    const kind = Object(value) === value && Object.getPrototypeOf(value)?.constructor?.name;
    return isString(kind) && kind !== "" ? kind : typeof value;
  } catch {
    // A proxy has thrown; a revoked one always does.
    return typeof value;
  }
}
