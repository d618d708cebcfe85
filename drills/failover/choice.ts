// Which cells of the matrix run.

import type { Choices } from "../drill.ts";
import { ACCESSES } from "./access.ts";
import { FAULTS } from "./faults.ts";
import type { Mode } from "./member.ts";

/** A cell of the matrix. */
export interface Choice {
  readonly mode: Mode;
  readonly fault: string;
  readonly access: string;
}

const MODES: readonly Mode[] = ["synchronous", "strict", "asynchronous"];

const DEFAULT: readonly Choice[] = [
  { mode: "synchronous", fault: "switchover", access: "haproxy-fast" },
  { mode: "synchronous", fault: "killed", access: "haproxy-fast" },
  { mode: "asynchronous", fault: "killed", access: "haproxy-fast" },
];

/**
 * Returns the cells that the command line names, mode by mode.
 *
 * @throws {RangeError} If it names something that is not in the matrix.
 */
export function chooseCells({ mode, fault, access, all = false }: Choices): readonly Choice[] {
  if (!mode && !fault && !access && !all) return DEFAULT;
  const modes = named("--mode", MODES, mode, all ? MODES : ["synchronous"]);
  const allFaults = Object.keys(FAULTS);
  const faults = named("--fault", allFaults, fault, allFaults);
  const allAccesses = Object.keys(ACCESSES);
  const accesses = named("--access", allAccesses, access, all ? allAccesses : ["haproxy-fast"]);
  return modes.flatMap((mode) =>
    faults.flatMap((fault) => accesses.map((access) => ({ mode, fault, access })))
  );
}

function named<Name extends string>(
  option: string,
  known: readonly Name[],
  given: readonly string[] | undefined,
  otherwise: readonly Name[],
): readonly Name[] {
  if (!given) return otherwise;
  const wrong = given.find((name) => !known.some((each) => each === name));
  if (wrong !== undefined) {
    throw new RangeError(
      `Cannot run the drill: '${option}' must be one of ${known.join(", ")}: received ${wrong}`,
    );
  }
  return known.filter((name) => given.includes(name));
}
