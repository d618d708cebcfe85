// A subclass of Sequelize with private fields: they exist on the instance alone, and on no view of it.

import assert from "node:assert/strict";
import { type Options, QueryTypes, Sequelize } from "sequelize";
import { down, up } from "../../src/sequelize/migration/mod.ts";
import { SequelizeStore } from "../../mod.ts";
import {
  bytes,
  databases,
  freshTableName,
  inMs,
  open,
  soon,
  sqliteOptions,
  testOn,
  text,
} from "../support/databases.ts";

/** Puts a session through every verb, alone and several at once, and in a transaction. */
async function putThrough(store: SequelizeStore, sequelize: Sequelize): Promise<void> {
  const [a, b] = [bytes("a"), bytes("b")];
  await store.commit("one", a, soon());
  assert.equal(text((await store.find("one"))?.data), "a");
  await Promise.all(["two", "three"].map((token) => store.commit(token, a, soon())));
  const pair = ["one", "two"];
  assert.deepEqual(await Promise.all(pair.map((one) => store.replace(one, a, b, soon()))), [
    true,
    true,
  ]);
  assert.deepEqual(await Promise.all(pair.map((one) => store.touch(one, soon()))), [true, true]);
  assert.equal((await store.all()).size, 3);
  await store.commit("expired", a, inMs(-1000));
  assert.equal(await store.deleteExpired(), 1);
  const transaction = await sequelize.transaction();
  await store.delete("three", { transaction });
  await transaction.commit();
  assert.deepEqual([...(await store.all()).keys()].sort(), ["one", "two"]);
}

testOn(databases, "a subclass whose methods have private fields is taken", async (database) => {
  let counted = 0;
  class Counting extends Sequelize {
    #queries = 0;
    #dialect: string | undefined;

    override getDialect(): string {
      // Sequelize's constructor calls it before there are fields.
      return #dialect in this ? this.#dialect ??= super.getDialect() : super.getDialect();
    }

    override getQueryInterface(): ReturnType<Sequelize["getQueryInterface"]> {
      this.#queries += 0;
      return super.getQueryInterface();
    }

    override define(...args: unknown[]): never {
      this.#queries += 0;
      return Reflect.apply(super.define, this, args) as never;
    }

    override query(...args: unknown[]): never {
      counted = ++this.#queries;
      return Reflect.apply(super.query, this, args) as never;
    }

    override transaction(...args: unknown[]): never {
      this.#queries += 0;
      return Reflect.apply(super.transaction, this, args) as never;
    }

    override close(): Promise<void> {
      this.#queries += 0;
      return super.close();
    }
  }
  // One more level, which inherits them.
  class Application extends Counting {}

  await database.connect(async (plain, address) => {
    const logged: string[] = [];
    // Nothing of these may reach the store, through an overridden `query` either.
    const options = {
      logging: (sql: string) => logged.push(sql),
      query: { nest: true, plain: true },
      minifyAliases: true,
    } as unknown as Options;
    const sequelize = plain.getDialect() === "sqlite"
      ? new Application({ ...sqliteOptions(address), ...options })
      : new Application(address, options);
    const tableName = freshTableName();
    try {
      await up(sequelize.getQueryInterface(), { tableName });
      const statements: string[] = [];
      const store = await SequelizeStore.open(sequelize, {
        tableName,
        cleanupInterval: 0,
        logging: (sql) => statements.push(sql),
      });
      const before = counted;
      await putThrough(store, sequelize);
      assert.ok(counted - before >= 8, "the overridden query gets the statements");
      assert.ok(statements.length >= 8);
      assert.deepEqual(logged.filter((sql) => sql.includes(tableName)), []);
      // The application's own calls are as they were.
      assert.equal(Object.keys(sequelize.models).length, 0);
      const row = await sequelize.query("SELECT 1 AS one", { type: QueryTypes.SELECT });
      assert.deepEqual(row as unknown, { one: 1 });
      await down(sequelize.getQueryInterface(), { tableName });
    } finally {
      await sequelize.close();
    }
  });
});

testOn(
  databases,
  "a query that is replaced on the instance still gets the statements",
  async (on) => {
    await on.connect(async (_, address) => {
      const sequelize = open(address);
      const { query } = sequelize;
      let count = 0;
      Object.assign(sequelize, {
        query(this: Sequelize, ...args: unknown[]): unknown {
          count++;
          return Reflect.apply(query, this, args);
        },
      });
      const tableName = freshTableName();
      const store = await SequelizeStore.open(sequelize, { tableName, cleanupInterval: 0 });
      await putThrough(store, sequelize);
      assert.ok(count >= 8);
      await down(sequelize.getQueryInterface(), { tableName });
      await sequelize.close();
    });
  },
);
