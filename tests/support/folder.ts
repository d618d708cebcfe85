import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Lends an empty folder for the length of a test. */
export async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "sequelize-store-"));
  try {
    await test(folder);
  } finally {
    // A browser that has just ended may still write to it.
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
