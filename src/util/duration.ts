// Times that users have to give in milliseconds, and may give in seconds by mistake.

import process from "node:process";
import { isNumber, isObject, type Rule } from "./check.ts";

/**
 * A time: a number of milliseconds. A number below 1000 is refused, because it is probably meant in seconds. Write a
 * time below a second, as in a test, as `{ milliseconds: 5 }`.
 */
export type Duration = number | { readonly milliseconds: number };

const MAX_DURATION_MS = 100 * 365.25 * 86_400_000;

/** How long a session lasts. */
export const LIFETIME: Rule<Duration> = {
  text: "a number of milliseconds, more than 0 and at most 100 years",
  hasType: isDuration,
  inRange: (value) =>
    isPlausible(value) && toMilliseconds(value) > 0 && toMilliseconds(value) <= MAX_DURATION_MS,
  describe: describeDuration,
};

/** How much time passes between two events. */
export const INTERVAL: Rule<Duration> = {
  text: "a number of milliseconds, 0 or more",
  hasType: isDuration,
  inRange: (value) => isPlausible(value) && toMilliseconds(value) >= 0,
  describe: describeDuration,
};

export function toMilliseconds(duration: Duration): number {
  return isNumber(duration) ? duration : duration.milliseconds;
}

/** Whether a value is a duration: a number, or an object with a number of milliseconds. */
export function isDuration(value: unknown): value is Duration {
  return isNumber(value) ||
    isObject(value) && isNumber((value as { milliseconds?: unknown }).milliseconds);
}

function isPlausible(duration: Duration): boolean {
  return !isNumber(duration) || !(duration > 0 && duration < 1000);
}

function describeDuration(duration: Duration): string {
  if (isPlausible(duration)) return String(toMilliseconds(duration));
  return `${duration}: milliseconds, not seconds? If it is meant, write { milliseconds: ${duration} }`;
}

/** Warns if sessions end within a minute of their beginning or of their last use. */
export function warnIfShort(name: string, duration: Duration | undefined): void {
  if (!isNumber(duration) || duration >= 60_000) return;
  process.emitWarning(
    `Sessions end after ${
      duration / 1000
    } s, as '${name}' is ${duration}: milliseconds, not seconds?` +
      ` If it is meant, write { milliseconds: ${duration} }`,
    "SessionWarning",
  );
}
