// Starts programs for fault tests, and sends signals to whole trees of processes.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { setTimeout } from "node:timers/promises";

/**
 * Returns the command as another user if this process runs as root, which the servers refuse. The program
 * is killed when this process ends for any reason.
 */
function asUser(user: string, command: readonly string[]): [string, string[]] {
  const become = [`--reuid=${user}`, `--regid=${user}`, "--clear-groups"];
  const privileges = process.getuid?.() === 0 ? become : [];
  return ["setpriv", [...privileges, "--pdeathsig=KILL", ...command]];
}

/** Why a program cannot be run as that user; `undefined` if it can. */
export function unableToRun(user: string, command: string): string | undefined {
  if (!existsSync(command)) return `there is no ${command}`;
  const [file, args] = asUser(user, ["true"]);
  return spawnSync(file, args).status === 0 ? undefined : `there is no user ${user} to run as`;
}

/** Runs a program to its end, and returns its output. */
export function run(user: string, command: readonly string[]): string {
  const [file, args] = asUser(user, command);
  const { status, stdout, stderr, error } = spawnSync(file, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`Cannot run ${command[0]}: ${error ?? stderr}`);
  return stdout;
}

/** A program that runs until it is stopped. */
export class Daemon {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  constructor(user: string, command: readonly string[], env: Record<string, string> = {}) {
    const [file, args] = asUser(user, command);
    // The program writes its log to a file, if at all.
    this.#child = spawn(file, args, { stdio: "ignore", env: { ...process.env, ...env } });
    this.#ended = once(this.#child, "exit");
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Sends a signal to it and its children. */
  signal(signal: NodeJS.Signals): void {
    signalTree(this.#child.pid!, signal);
  }

  /** Sends a signal to it alone, and waits until it has ended; after ten seconds it is killed. */
  async end(signal: NodeJS.Signals): Promise<void> {
    if (!this.isRunning) return;
    this.#child.kill(signal);
    const timer = globalThis.setTimeout(() => this.signal("SIGKILL"), 10_000);
    await this.#ended;
    clearTimeout(timer);
  }

  /** Kills it with all its children, as a power failure would. */
  async kill(): Promise<void> {
    if (!this.isRunning) return;
    this.signal("SIGKILL");
    await this.#ended;
  }
}

/** Sends a signal to a process and then to its children: the other way round, it might restart them. */
export function signalTree(pid: number, signal: NodeJS.Signals): void {
  const children = childrenOf(pid);
  for (const each of [pid, ...children]) {
    try {
      process.kill(each, signal);
    } catch {
      // The process has already ended.
    }
  }
}

function childrenOf(pid: number): number[] {
  try {
    const pids = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
    return pids.split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** Finds a free port on the loopback interface. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** Waits until a condition holds; throws if that takes longer. A condition that rejects does not hold. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  ms = 30_000,
): Promise<void> {
  const end = Date.now() + ms;
  let last: unknown;
  for (;;) {
    try {
      if (await condition()) return;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`not within ${ms} ms`, { cause: last });
    await setTimeout(20);
  }
}
