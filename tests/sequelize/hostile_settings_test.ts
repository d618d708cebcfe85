// Settings of the application's and of the server's that change how values come back: the store finds what
// it has written all the same.

import assert from "node:assert/strict";
import pg from "pg";
import type { Options } from "sequelize";
import {
  bytes,
  databases,
  inMs,
  postgres,
  soon,
  testOn,
  text,
  withStore,
} from "../support/databases.ts";
import { everyVerb } from "../support/every_verb.ts";

testOn(databases, "minifyAliases leaves results as they are", async (database) => {
  await withStore(database, ({ store }) => everyVerb(store), {}, { minifyAliases: true });
});

/** The settings of a session, through libpq's `options`. */
function session(settings: Record<string, string>): Options {
  const options = Object.entries(settings).map(([name, value]) => {
    return `-c ${name}=${value.replaceAll(" ", "\\ ")}`;
  });
  return { dialectOptions: { options: options.join(" ") } };
}

for (
  const settings of [
    { datestyle: "German" },
    { datestyle: "SQL, DMY" },
    { datestyle: "Postgres, MDY" },
    { bytea_output: "escape" },
    { TimeZone: "Asia/Kolkata" },
    { datestyle: "SQL, MDY", TimeZone: "America/New_York", bytea_output: "escape" },
    { intervalstyle: "iso_8601", extra_float_digits: "-15" },
  ]
) {
  testOn(
    postgres,
    `the session's ${JSON.stringify(settings)} changes nothing`,
    async (database) => {
      // Sequelize sets its own time zone on each connection, unless it is to keep the server's.
      for (const more of [{}, { keepDefaultTimezone: true }]) {
        const options = { ...session(settings), ...more } as Options;
        await withStore(
          database,
          async ({ store, sequelize }) => {
            await everyVerb(store, { expiry: new Date("2031-02-03T04:05:06.789Z") });
            const transaction = await sequelize.transaction();
            await everyVerb(store, { transaction });
            await transaction.commit();
          },
          {},
          options,
        );
      }
    },
  );
}

testOn(postgres, "the driver's binary format changes nothing", async (database) => {
  const options: Options = { dialectOptions: { binary: true } };
  await withStore(database, ({ store }) => everyVerb(store), {}, options);
});

/** bool, bytea, name, int8, int4, text, float8, varchar, timestamp, timestamptz, numeric. */
const TYPES = [16, 17, 19, 20, 23, 25, 701, 1043, 1114, 1184, 1700];
const PARSERS: Record<string, (value: string) => unknown> = {
  "as text": (value) => value,
  "as objects": (value) => ({ value }),
};

for (const [name, parser] of Object.entries(PARSERS)) {
  testOn(postgres, `parsers that read values ${name} change nothing`, async (database) => {
    const types = pg.types as unknown as {
      getTypeParser(oid: number): (value: string) => unknown;
      setTypeParser(oid: number, parser: (value: string) => unknown): void;
    };
    // An object in place of a text is no way to read a token: there, only what is no text is read otherwise.
    const oids = name === "as text" ? TYPES : TYPES.filter((oid) => ![19, 25, 1043].includes(oid));
    const before = oids.map((oid) => [oid, types.getTypeParser(oid)] as const);
    for (const oid of oids) types.setTypeParser(oid, parser);
    try {
      await withStore(database, async ({ store }) => {
        await everyVerb(store, { expiry: new Date("2031-02-03T04:05:06.789Z") });
      });
    } finally {
      for (const [oid, parser] of before) types.setTypeParser(oid, parser);
    }
  });
}

testOn(
  databases.filter(({ dialect }) => dialect === "sqlite"),
  "data that another program wrote as text is read as its bytes",
  async (database) => {
    await withStore(database, async ({ store, sequelize }) => {
      const data = 'é表{"a":1}';
      await sequelize.query(
        `INSERT INTO \`${store.model.tableName}\` VALUES ('token', :data, :expiry)`,
        {
          replacements: {
            data,
            expiry: soon().toISOString().replace("T", " ").replace("Z", " +00:00"),
          },
        },
      );
      assert.equal(text((await store.find("token"))?.data), data);
      assert.ok((await store.find("token"))?.data instanceof Uint8Array);
      const all = await store.all();
      assert.deepEqual(all.get("token"), bytes(data));
      for await (const record of store.entries()) assert.deepEqual(record.data, bytes(data));
      const transaction = await sequelize.transaction();
      assert.equal(text((await store.find("token", { transaction }))?.data), data);
      await transaction.commit();
      await store.commit("token", bytes("blob"), inMs(60_000));
      assert.equal(text((await store.find("token"))?.data), "blob");
    });
  },
);
