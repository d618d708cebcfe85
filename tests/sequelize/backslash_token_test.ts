// Tokens with backslashes, on servers for which a backslash in a string is, or is not, the beginning of
// something else.

import assert from "node:assert/strict";
import { type Options, QueryTypes } from "sequelize";
import {
  databases,
  type Fixture,
  mariadb,
  postgres,
  testOn,
  withStore,
} from "../support/databases.ts";
import { everyVerb } from "../support/every_verb.ts";

type Query = (sql: string, done?: (error: unknown) => void) => unknown;

const TOKENS = ["\\", "a\\", "\\\\", "a\\n", "\\x41", "a\\0\\", "%\\_", "\\a"];

async function everyToken({ store, sequelize }: Fixture): Promise<void> {
  for (const token of TOKENS) await everyVerb(store, { tokens: [token, "other"] });
  await everyVerb(store, { tokens: TOKENS });
  const transaction = await sequelize.transaction();
  await everyVerb(store, { tokens: TOKENS, transaction });
  await transaction.commit();
}

testOn(databases, "tokens with backslashes are found", async (database) => {
  await withStore(database, everyToken);
});

// A backslash is then a character like any other.
testOn(
  mariadb,
  "tokens with backslashes are found under NO_BACKSLASH_ESCAPES",
  async (database) => {
    const sql = "SET SESSION sql_mode = CONCAT(@@sql_mode, ',NO_BACKSLASH_ESCAPES')";
    const afterConnect = (connection: unknown): Promise<void> =>
      new Promise((resolve, reject) => {
        const { query } = connection as { query: Query };
        const done = (error: unknown): void => error ? reject(error) : resolve();
        // The mariadb driver returns a promise, mysql2 calls back.
        if (database.dialect === "mariadb") {
          Promise.resolve(query.call(connection, sql)).then(() => resolve(), reject);
        } else query.call(connection, sql, done);
      });
    await withStore(
      database,
      async (fixture) => {
        const [mode] = await fixture.sequelize.query<{ mode: string }>(
          "SELECT @@sql_mode AS mode",
          {
            type: QueryTypes.SELECT,
          },
        );
        assert.match(mode!.mode, /NO_BACKSLASH_ESCAPES/);
        await everyToken(fixture);
      },
      {},
      { hooks: { afterConnect } } as Options,
    );
  },
);

// A backslash in a string then begins an escape sequence; Sequelize has to be told.
testOn(postgres, "tokens with backslashes are found without standard strings", async (database) => {
  const options = {
    standardConformingStrings: false,
    dialectOptions: { options: "-c standard_conforming_strings=off -c escape_string_warning=off" },
  } as Options;
  await withStore(
    database,
    async (fixture) => {
      const [row] = await fixture.sequelize.query<Record<string, string>>(
        "SHOW standard_conforming_strings",
        { type: QueryTypes.SELECT },
      );
      assert.equal(row!.standard_conforming_strings, "off");
      await everyToken(fixture);
    },
    {},
    options,
  );
});
