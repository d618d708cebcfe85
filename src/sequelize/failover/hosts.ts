import { isString, type Rule } from "../../util/check.ts";

export interface Host {
  /** As the application wrote it. */
  readonly text: string;
  readonly host: string;
  /** `undefined`: the Sequelize instance's own port. */
  readonly port: number | undefined;
}

/** A name or an address, with an IPv6 address in brackets; and a port, if there is one. */
const HOST = /^(?:\[([\da-f:.]+)\]|([^\s:/@[\]]+))(?::(\d{1,5}))?$/i;

export const HOSTS: Rule<readonly string[]> = {
  text: `one or more hosts, such as ["db1:5432", "db2:5432"]`,
  hasType: (value): value is readonly string[] => Array.isArray(value) && value.every(isString),
  inRange: (value) => value.length > 0 && value.every((text) => parseHost(text) !== undefined),
  // A malformed host may be a URL with a password in it.
  describe: (value) =>
    value.length === 0
      ? "none"
      : `a malformed host at index ${value.findIndex((text) => parseHost(text) === undefined)}`,
};

/** Reads `host`, `host:port` or `[address]:port`; returns `undefined` if it is none of them. */
export function parseHost(text: string): Host | undefined {
  const [, address, name, digits] = HOST.exec(text) ?? [];
  const host = address ?? name;
  const port = digits === undefined ? undefined : Number(digits);
  if (host === undefined || port === 0 || port !== undefined && port > 65535) return undefined;
  return { text, host, port };
}
