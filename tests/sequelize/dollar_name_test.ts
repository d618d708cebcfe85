// Names with dollar signs, which stand for bind parameters and replacements elsewhere in a statement.

import {
  databases,
  freshTableName,
  mariadb,
  postgres,
  testOn,
  withStore,
} from "../support/databases.ts";
import { everyVerb } from "../support/every_verb.ts";

const NAMES = ["$1", "$$", "$x", "a$b", "$2$", "a$1", "$&"];

testOn(databases, "a table whose name has a dollar sign takes every verb", async (database) => {
  for (const tableName of NAMES) {
    await withStore(database, async ({ store, sequelize }) => {
      await everyVerb(store);
      const transaction = await sequelize.transaction();
      await everyVerb(store, { transaction });
      await transaction.commit();
    }, { tableName });
  }
});

testOn(
  [postgres, mariadb[0]!],
  "a schema whose name has a dollar sign does too",
  async (database) => {
    await database.connect(async (sequelize) => {
      for (const name of ["$1", "a$b", "$x", "$$"]) {
        const schema = `${name}_${freshTableName()}`;
        await sequelize.createSchema(schema, {});
        try {
          for (const tableName of ["sessions", "$1"]) {
            await withStore(database, async ({ store, sequelize }) => {
              await everyVerb(store);
              const transaction = await sequelize.transaction();
              await everyVerb(store, { transaction });
              await transaction.commit();
            }, { schema, tableName });
          }
        } finally {
          await sequelize.dropSchema(schema, {});
        }
      }
    });
  },
);
