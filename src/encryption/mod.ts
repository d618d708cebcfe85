/**
 * Encrypts the sessions in any store: see {@linkcode EncryptedStore}.
 *
 * @example
 * ```ts
 * import { randomBytes } from "node:crypto";
 * import { SequelizeStore } from "@scs/sequelize-store";
 * import { EncryptedStore } from "@scs/sequelize-store/encryption";
 * import { SessionManager } from "@scs/sequelize-store/manager";
 * import { Sequelize } from "sequelize";
 *
 * const sequelize = new Sequelize({ dialect: "sqlite", storage: ":memory:", logging: false });
 * await using table = await SequelizeStore.open(sequelize);
 * const store = new EncryptedStore(table, { keys: [randomBytes(32)] }); // from your configuration
 * const sessions = new SessionManager<{ userId: number }>({ store });
 * sessions.loadAndSave((_request, session) => new Response(`${session.get("userId")}`));
 * ```
 *
 * @module
 */

export { DecryptionError, type DecryptionFailure } from "./decryption_error.ts";
export { EncryptedStore, type UnderlyingStore } from "./encrypted_store.ts";
export type { EncryptionOptions } from "./encryption_options.ts";
export type { CallOptions, FullSessionStore, SessionRecord, SessionStore } from "../store/store.ts";
