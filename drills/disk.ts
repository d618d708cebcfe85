// Fills the disk that PostgreSQL stores the table on: a small tmpfs, which only root can mount.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmod, chown, mkdir, unlink, writeFile } from "node:fs/promises";
import { statSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { SequelizeStore } from "../mod.ts";
import { bytes, open, soon } from "../tests/support/databases.ts";
import { withFolder } from "../tests/support/folder.ts";
import { ownPostgres } from "../tests/faults/engines.ts";
import { ask, type Server, withServer } from "../tests/faults/servers.ts";
import type { Drill, Row } from "./drill.ts";

function mount(...args: string[]): void {
  const { status, stderr } = spawnSync(args[0]!, args.slice(1), { encoding: "utf8" });
  if (status !== 0) throw new Error(`Cannot run ${args[0]}: ${stderr}`);
}

/** Runs a test with a small disk that the server's user may write to. */
async function withDisk(server: Server, test: (folder: string) => Promise<void>): Promise<void> {
  await withFolder(async (parent) => {
    await chmod(parent, 0o755);
    const disk = join(parent, "disk");
    await mkdir(disk);
    mount("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk);
    try {
      const { uid, gid } = statSync(join(server.folder, "data"));
      await chown(disk, uid, gid);
      await test(disk);
    } finally {
      await server.kill();
      mount("umount", disk);
    }
  });
}

/** Commits until the disk is full, then deletes the file `ballast` to make room, and commits once more. */
async function fill(url: string, ballast: string): Promise<Row> {
  const sequelize = open(url);
  try {
    const store = await SequelizeStore.open(sequelize, { cleanupInterval: 0 });
    let [committed, refused] = [0, 0];
    for (let i = 0; i < 200; i++) {
      await store.commit(`token${i}`, crypto.getRandomValues(new Uint8Array(60_000)), soon())
        .then(() => committed++, ({ message }: Error) => {
          assert.match(message, /could not extend file/);
          refused++;
        });
    }
    assert.ok(committed > 0 && refused > 0);
    const found = await Promise.all(
      Array.from({ length: 200 }, (_, i) => store.find(`token${i}`)),
    );
    const lost = committed - found.filter(Boolean).length;
    assert.equal(lost, 0);
    await unlink(ballast);
    await store.commit("later", bytes("later"), soon());
    return { acknowledged: committed, refused, lost, "after room was made": "works" };
  } finally {
    await sequelize.close();
  }
}

export const diskDrill: Drill = {
  name: "disk",
  about: "PostgreSQL on a full disk",
  ignored: ownPostgres.ignored ?? (process.getuid?.() === 0 ? undefined : "only root can mount"),
  run: async () => {
    const rows: Row[] = [];
    await withServer(ownPostgres, async (server) => {
      await withDisk(server, async (disk) => {
        await ask(
          server.url,
          `CREATE TABLESPACE small LOCATION '${disk}'`,
          "ALTER DATABASE test SET default_tablespace = small",
        );
        const ballast = join(disk, "ballast");
        await writeFile(ballast, new Uint8Array(2e6));
        rows.push(await fill(server.url, ballast));
      });
    });
    return rows;
  },
};
