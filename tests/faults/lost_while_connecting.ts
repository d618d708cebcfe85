// Connects to a server with PostgreSQL's protocol that ends each connection as soon as it is ready, as one
// that shuts down may do; with `--listening`, as docs/operations.md advises.

import { Buffer } from "node:buffer";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import process from "node:process";
import { Sequelize } from "sequelize";
import { listeningPg } from "./listening_pg.ts";

/** A message of the protocol: its kind, its length and its content. */
function message(kind: string, ...parts: (string | number[])[]): Buffer {
  const content = Buffer.concat(parts.map((part) => Buffer.from(part as string)));
  const length = Buffer.alloc(4);
  length.writeInt32BE(content.length + 4);
  return Buffer.concat([Buffer.from(kind), length, content]);
}

const READY = message("Z", "I");
const SHUTDOWN = message("E", "SFATAL\0", "C57P01\0", "Mterminating connection\0", "\0");

const server = createServer((socket) => {
  socket.on("error", () => {});
  socket.once("data", () => {
    socket.end(Buffer.concat([message("R", [0, 0, 0, 0]), READY, SHUTDOWN]));
  });
}).listen(0, "127.0.0.1");
await once(server, "listening");
const { port } = server.address() as AddressInfo;

const sequelize = new Sequelize(`postgres://app@127.0.0.1:${port}/test`, {
  logging: false,
  ...(process.argv.includes("--listening") && { dialectModule: listeningPg }),
});
await sequelize.authenticate().then(
  () => console.log("connected"),
  ({ name }: Error) => console.log(`rejected with a ${name}`),
);
await sequelize.close();
server.close();
