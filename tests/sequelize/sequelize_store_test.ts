// What SequelizeStore does beyond the contract: statements, faults, transactions, cleanup.

import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { type Options, QueryTypes, type Sequelize, type Transaction } from "sequelize";
import { SequelizeStore, type SequelizeStoreOptions } from "../../mod.ts";
import {
  bytes,
  type Database,
  databases,
  freshTableName,
  inMs,
  mariadb,
  open,
  postgres,
  servers,
  shared,
  soon,
  testOn,
  text,
  withStore,
} from "../support/databases.ts";
import { MALFORMED_TOKENS } from "../support/store_contract.ts";

/** Waits until something has come about, which must not take half a minute. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const signal = AbortSignal.timeout(30_000);
  while (!await condition()) {
    signal.throwIfAborted();
    await setTimeout(5);
  }
}

/** Runs a test beside an open transaction, and ends that whatever comes of the test. */
async function besideTransaction(
  sequelize: Sequelize,
  test: (transaction: Transaction) => Promise<void>,
): Promise<void> {
  const transaction = await sequelize.transaction();
  try {
    await test(transaction);
  } finally {
    // Unless the test has ended it already.
    await transaction.rollback().catch(() => {});
  }
}

/** Runs a statement on a connection of its own. */
async function ask(database: Database, sql: string): Promise<{ id: number }[]> {
  let rows: object[] = [];
  await database.connect(async (sequelize) => {
    rows = await sequelize.query(sql, { type: QueryTypes.SELECT });
  });
  return rows as { id: number }[];
}

/** Waits until so many connections wait for a lock on a row or on a table, and answers which. */
async function untilWaiting(database: Database, count: number): Promise<{ id: number }[]> {
  const sql = database.dialect === "postgres"
    ? `SELECT pid AS id FROM pg_stat_activity
       WHERE datname = current_database() AND wait_event_type = 'Lock'`
    : `SELECT id FROM information_schema.processlist
       WHERE db = database() AND state LIKE 'Waiting for table%'
       UNION SELECT trx_mysql_thread_id AS id FROM information_schema.innodb_trx
       WHERE trx_state = 'LOCK WAIT'`;
  let waiting: { id: number }[] = [];
  await until(async () => {
    // InnoDB answers from a cache that it renews only after a tenth of a second without questions.
    await setTimeout(110);
    waiting = await ask(database, sql);
    return waiting.length === count;
  });
  return waiting;
}

function numbered(count: number, prefix = "token"): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`);
}

testOn(databases, "1000 parallel finds take a few statements", async (database) => {
  await withStore(database, async ({ store, statements }) => {
    const tokens = numbered(1000);
    await Promise.all(tokens.map((token) => store.commit(token, bytes(token), soon())));
    assert.ok(statements.length <= 12, `${statements.length} statements for the commits`);
    statements.length = 0;
    const found = await Promise.all(tokens.map((token) => store.find(token)));
    assert.deepEqual(found.map((session) => text(session?.data)), tokens);
    assert.ok(statements.length <= 12, `${statements.length} statements for the finds`);
    statements.length = 0;
    await Promise.all(tokens.map((token) => store.delete(token)));
    assert.ok(statements.length <= 12, `${statements.length} statements for the deletes`);
    assert.equal((await store.all()).size, 0);
  });
});

testOn(
  databases,
  "calls that can be sent at once do not count towards queueLimit",
  async (database) => {
    await withStore(database, async ({ store }) => {
      const tokens = numbered(500);
      await Promise.all(tokens.map((token) => store.commit(token, bytes(token), soon())));
      const found = await Promise.all(tokens.map((token) => store.find(token)));
      assert.deepEqual(found.map((session) => text(session?.data)), tokens);
      await Promise.all(tokens.map((token) => store.delete(token)));
      assert.equal((await store.all()).size, 0);
    }, { queueLimit: 1 });
  },
);

testOn(databases, "parallel replaces and touches have answers of their own", async (database) => {
  await withStore(database, async ({ store, statements }) => {
    const [old, other, next] = numbered(3, "data ".repeat(50)).map(bytes) as Uint8Array[];
    const tokens = numbered(200);
    await Promise.all(tokens.map(async (token, i) => {
      if (i % 4 === 0) await store.commit(token, old!, soon());
      if (i % 4 === 1) await store.commit(token, other!, soon());
      if (i % 4 === 2) await store.commit(token, old!, inMs(-1000));
    }));
    statements.length = 0;
    const replaced = await Promise.all(tokens.map((token, i) => {
      return store.replace(token, old!, i % 8 === 0 ? next! : old!, inMs(90_000 + i));
    }));
    assert.deepEqual(replaced, tokens.map((_, i) => i % 4 === 0));
    const expiry = inMs(120_000);
    const touched = await Promise.all(tokens.map((token) => store.touch(token, expiry)));
    assert.deepEqual(touched, tokens.map((_, i) => i % 4 < 2));
    const sharing = ["postgres", "sqlite"].includes(database.dialect);
    if (sharing) assert.ok(statements.length <= 8, `${statements.length} statements`);
    for (const [i, data] of [next, other, undefined, undefined, old].entries()) {
      const session = await store.find(`token${i}`);
      assert.equal(text(session?.data), text(data));
      assert.deepEqual(session?.expiry, data && expiry);
    }
  });
});

testOn(databases, "1000 parallel writes of one token take a few statements", async (database) => {
  await withStore(database, async ({ store, statements }) => {
    const calls = numbered(1000).map((data, i) => {
      return i % 10 === 0 ? store.delete("token") : store.commit("token", bytes(data), soon());
    });
    await Promise.all(calls);
    assert.ok(statements.length <= 4, `${statements.length} statements`);
    assert.equal(text((await store.find("token"))?.data), "token999");
  });
});

testOn(databases, "a call that is alone takes one statement", async (database) => {
  await withStore(database, async ({ store, statements }) => {
    const counted = async (call: Promise<unknown>): Promise<void> => {
      statements.length = 0;
      await call;
      assert.equal(statements.length, 1, statements.join("\n"));
    };
    await counted(store.commit("token", bytes("old"), soon()));
    await counted(store.find("token"));
    await counted(store.replace("token", bytes("old"), bytes("new"), soon()));
    await counted(store.touch("token", inMs(90_000)));
    await counted(store.all());
    await counted(store.delete("token"));
    await counted(store.deleteExpired());
  });
});

testOn(databases, "nothing is sent for malformed tokens and wrong arguments", async (database) => {
  await withStore(database, async ({ store, statements }) => {
    for (const token of MALFORMED_TOKENS) {
      await store.find(token);
      await store.delete(token);
      await store.touch(token, soon());
      await store.replace(token, bytes(""), bytes(""), soon());
      await assert.rejects(store.commit(token, bytes(""), soon()), RangeError);
    }
    await assert.rejects(store.commit("token", bytes(""), new Date(NaN)), RangeError);
    await assert.rejects(store.entries({ pageSize: 0 }).next(), RangeError);
    assert.deepEqual(statements, []);
  });
});

testOn(databases, "a call that is aborted while it waits is never sent", async (database) => {
  await withStore(database, async ({ store, statements }) => {
    const controller = new AbortController();
    const { signal } = controller;
    const busy = numbered(10).map((token) => store.commit(token, bytes("data"), soon()));
    const aborted = store.commit("aborted", bytes("data"), soon(), { signal });
    controller.abort();
    await assert.rejects(aborted, { name: "AbortError" });
    await Promise.all(busy);
    assert.equal(await store.find("aborted"), undefined);
    assert.ok(!statements.some((sql) => sql.startsWith("INSERT") && sql.includes("aborted")));
  });
});

/** Makes the database refuse data of over 100 bytes. */
async function refuseLongData(sequelize: Sequelize, table: string): Promise<void> {
  await sequelize.query(
    sequelize.getDialect() === "sqlite"
      ? `CREATE TRIGGER refuse BEFORE INSERT ON ${table} WHEN length(NEW.data) > 100
         BEGIN SELECT RAISE(ABORT, 'too long'); END`
      : `ALTER TABLE ${table} ADD CONSTRAINT too_long CHECK (length(data) <= 100)`,
  );
}

// Batching must not make one session's trouble everybody's.
testOn(databases, "a commit that the database refuses rejects alone", async (database) => {
  await withStore(database, async ({ store, sequelize, statements }) => {
    await refuseLongData(sequelize, store.model.tableName);
    const tokens = numbered(30);
    const results = await Promise.allSettled(tokens.map((token) => {
      return store.commit(token, new Uint8Array(token === "token17" ? 101 : 1), soon());
    }));
    const rejected = tokens.filter((_, i) => results[i]!.status === "rejected");
    assert.deepEqual(rejected, ["token17"]);
    assert.equal((await store.all()).size, 29);
    // Two batches; and the operations of the one that was refused, one by one.
    assert.ok(statements.length > 14, `${statements.length} statements`);
  });
});

// What a refused commit would have overwritten must not be lost with it.
testOn(databases, "a call that a refused commit superseded is carried out", async (database) => {
  await withStore(database, async ({ store, sequelize }) => {
    await refuseLongData(sequelize, store.model.tableName);
    await store.commit("deleted", bytes("old"), soon());
    const long = new Uint8Array(101);
    const results = await Promise.allSettled([
      store.commit("committed", bytes("new"), soon()),
      store.commit("committed", long, soon()),
      store.delete("deleted"),
      store.commit("deleted", long, soon()),
    ]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ["fulfilled", "rejected", "fulfilled", "rejected"],
    );
    assert.equal(text((await store.find("committed"))?.data), "new");
    assert.equal(await store.find("deleted"), undefined);
  });
});

testOn(servers, "two sessions that are locked hold up no other", async (database) => {
  await withStore(database, async ({ store, sequelize }) => {
    const locked = numbered(2, "locked");
    const waiting: Promise<void>[] = [];
    await besideTransaction(sequelize, async (transaction) => {
      for (const token of locked) {
        await store.commit(token, bytes("old"), soon(), { transaction });
      }
      for (const token of locked) {
        waiting.push(store.commit(token, bytes("new"), soon()));
        // So that each has a statement of its own, and is taken for stuck.
        await setTimeout(150);
      }
      const signal = AbortSignal.timeout(1000);
      await Promise.all(
        numbered(100).map((token) => {
          return store.commit(token, bytes("data"), soon(), { signal });
        }),
      );
      await transaction.commit();
    });
    await Promise.all(waiting);
    assert.equal((await store.all()).size, 102);
  });
});

testOn(servers, "a session that is locked holds up no other", async (database) => {
  await withStore(database, async ({ store, sequelize }) => {
    await store.commit("locked", bytes("old"), soon());
    let waiting: Promise<void> | undefined;
    let through = false;
    await besideTransaction(sequelize, async (transaction) => {
      await store.model.findByPk("locked", { transaction, lock: true, raw: true });
      waiting = store.commit("locked", bytes("new"), soon()).then(() => {
        through = true;
      });
      await untilWaiting(database, 1);
      const signal = AbortSignal.timeout(1000);
      await Promise.all(
        numbered(100).map((token) => {
          return store.commit(token, bytes("data"), soon(), { signal });
        }),
      );
      assert.equal(through, false);
    });
    await waiting;
    assert.equal(text((await store.find("locked"))?.data), "new");
  });
});

// Of a pool of five, three connections wait for locks; the other two are for reads.
testOn(servers, "finds go on while every write waits for a lock", async (database) => {
  await withStore(database, async ({ store, sequelize }) => {
    const locked = numbered(4, "locked");
    for (const token of locked) await store.commit(token, bytes("old"), soon());
    const waiting: Promise<void>[] = [];
    await database.connect(async (other) => {
      await besideTransaction(other, async (transaction) => {
        const where = { token: locked };
        await store.model.findAll({ where, transaction, lock: true, raw: true });
        for (const token of locked) {
          waiting.push(store.commit(token, bytes("new"), soon()));
          await setTimeout(150);
        }
        await untilWaiting(database, 3);
        const signal = AbortSignal.timeout(1000);
        const found = await Promise.all(locked.map((token) => store.find(token, { signal })));
        assert.deepEqual(found.map((session) => text(session?.data)), locked.map(() => "old"));
        await sequelize.query("SELECT 1", { type: QueryTypes.SELECT });
      });
    });
    await Promise.all(waiting);
    for (const data of (await store.all()).values()) assert.equal(text(data), "new");
  });
});

// DELETE ... WHERE token IN (SELECT ...) deletes it: what was selected has changed meanwhile.
testOn(servers, "a session that is extended while cleanup runs survives", async (database) => {
  await withStore(database, async ({ store, sequelize }) => {
    await store.commit("extended", bytes("data"), inMs(-1));
    await store.commit("expired", bytes("data"), inMs(-1));
    let cleanup: Promise<number> | undefined;
    await besideTransaction(sequelize, async (transaction) => {
      await store.commit("extended", bytes("data"), soon(), { transaction });
      cleanup = store.deleteExpired();
      await untilWaiting(database, 1);
      await transaction.commit();
    });
    assert.equal(await cleanup, 1);
    assert.equal(text((await store.find("extended"))?.data), "data");
  });
});

testOn(shared, "a call in a transaction is part of it", async (database) => {
  await withStore(database, async ({ store, sequelize }) => {
    await store.commit("kept", bytes("old"), soon());
    await store.commit("expired", bytes("data"), inMs(-1));
    const rolledBack = sequelize.transaction(async (transaction) => {
      const options = { transaction };
      await store.commit("token", bytes("old"), soon(), options);
      assert.equal(text((await store.find("token", options))?.data), "old");
      assert.equal(
        await store.replace("token", bytes("old"), bytes("new"), soon(), options),
        true,
      );
      assert.equal(await store.touch("token", soon(), options), true);
      await store.delete("kept", options);
      assert.deepEqual([...await store.all(options)], [["token", bytes("new")]]);
      const met = [];
      for await (const { token } of store.entries(options)) met.push(token);
      assert.deepEqual(met, ["token"]);
      assert.equal(await store.deleteExpired(options), 1);
      throw new Error("rolled back");
    });
    await assert.rejects(rolledBack, /rolled back/);
    assert.deepEqual([...(await store.all()).keys()], ["kept"]);
    assert.equal(await store.deleteExpired(), 1);
  });
});

testOn(servers, "a transaction bypasses the batches", async (database) => {
  await withStore(database, async ({ store, sequelize, statements }) => {
    await sequelize.transaction(async (transaction) => {
      statements.length = 0;
      await Promise.all(
        numbered(10).map((token) => store.commit(token, bytes("data"), soon(), { transaction })),
      );
      assert.equal(statements.length, 10);
    });
    assert.equal((await store.all()).size, 10);
  });
});

/** Ends connections. */
async function kill(database: Database, connections: { id: number }[]): Promise<void> {
  for (const { id } of connections) {
    const sql = database.dialect === "postgres"
      ? `SELECT pg_terminate_backend(${id})`
      : `KILL ${id}`;
    // KILL has no rows to give, which the mariadb driver and Sequelize do not agree about.
    await ask(database, sql).catch(() => {});
  }
}

/** The connections to the test database that are in use or idle, but for the asking one. */
function connections(database: Database): Promise<{ id: number }[]> {
  return ask(
    database,
    // Not those that are just being made: until Sequelize has them, nobody listens for their errors.
    database.dialect === "postgres"
      ? `SELECT pid AS id FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid()
           AND backend_start < now() - interval '100 ms'`
      : `SELECT id FROM information_schema.processlist
         WHERE db = database() AND id <> connection_id() AND command <> 'Killed'`,
  );
}

// A database that is down must not log everybody out.
testOn(servers, "lost connections are errors, never «not found»", async (database) => {
  await withStore(database, async ({ store }) => {
    const tokens = numbered(20);
    await Promise.all(tokens.map((token) => store.commit(token, bytes(token), soon())));
    let stop = false;
    const callers = tokens.map(async (token, i) => {
      for (let round = 0; !stop; round++) {
        const session = await store.find(token).catch((error: Error) => error);
        assert.ok(session, `${token} was not found`);
        const expiry = inMs(60_000 + round);
        if (i % 2 === 0) await store.commit(token, bytes(token), expiry).catch(() => {});
        else assert.notEqual(await store.touch(token, expiry).catch(() => {}), false);
      }
    });
    let killed = 0;
    for (let i = 0; i < 10; i++) {
      await setTimeout(120);
      const victims = await connections(database);
      await kill(database, victims);
      killed += victims.length;
    }
    stop = true;
    await Promise.all(callers);
    assert.ok(killed > 0);
    // The pool may still have connections that it does not know to be lost.
    await until(async () => await store.find("token0").then(Boolean, () => false));
    for (const token of tokens) assert.equal(text((await store.find(token))?.data), token);
  });
});

/** Holds a lock on the whole table, on a connection of its own. */
async function whileTableLocked(
  database: Database,
  table: string,
  test: () => Promise<void>,
): Promise<void> {
  await database.connect(async (sequelize) => {
    await sequelize.transaction(async (transaction) => {
      const sql = database.dialect === "postgres"
        ? `LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`
        : `LOCK TABLES ${table} WRITE`;
      await sequelize.query(sql, { transaction });
      await test();
    });
  });
}

testOn(servers, "a call whose connection is lost under way rejects", async (database) => {
  await withStore(database, async ({ store }) => {
    await store.commit("token", bytes("data"), soon());
    await store.commit("expired", bytes("data"), inMs(-1));
    await whileTableLocked(database, store.model.tableName, async () => {
      const calls = [
        store.find("token"),
        store.commit("token", bytes("new"), soon()),
        store.touch("expired", soon()),
        store.deleteExpired(),
      ];
      const results = Promise.allSettled(calls);
      await kill(database, await untilWaiting(database, calls.length));
      const statuses = (await results).map(({ status }) => status);
      assert.deepEqual(statuses, calls.map(() => "rejected"));
    });
    // Without being opened again.
    await until(async () => await store.find("token").then(Boolean, () => false));
    await store.commit("token", bytes("again"), soon());
    assert.equal(text((await store.find("token"))?.data), "again");
    assert.equal(await store.deleteExpired(), 1);
  });
});

testOn(servers, "a batch that a deadlock has undone is sent again", async (database) => {
  await withStore(database, async ({ store, sequelize, statements }) => {
    for (const token of "ab") await store.commit(token, bytes("old"), soon());
    await besideTransaction(sequelize, async (transaction) => {
      // PostgreSQL gives up the one that has waited longer, MariaDB the one that has written less.
      for (const token of numbered(20, "weight")) {
        await store.commit(token, bytes("data"), soon(), { transaction });
      }
      await store.commit("b", bytes("other"), soon(), { transaction });
      const batch = Promise.all(
        [..."ba"].map((token) => store.commit(token, bytes("new"), soon())),
      );
      // It holds a by then, because it takes its rows in order.
      await untilWaiting(database, 1);
      await store.commit("a", bytes("other"), soon(), { transaction });
      await transaction.commit();
      await batch;
    });
    for (const token of "ab") assert.equal(text((await store.find(token))?.data), "new");
    const sent = statements.filter((sql) => /INSERT.*('a'.*'b'|unnest)/.test(sql));
    assert.ok(sent.length >= 2, `sent ${sent.length} times`);
  });
});

const serializable: Options = {
  dialectOptions: { options: "-c default_transaction_isolation=serializable" },
};

testOn(postgres, "a write that could not be serialized is sent again", async (database) => {
  await withStore(
    database,
    async ({ store, sequelize, statements }) => {
      await store.commit("token", bytes("old"), soon());
      statements.length = 0;
      let touched: Promise<boolean> | undefined;
      await besideTransaction(sequelize, async (transaction) => {
        await store.commit("token", bytes("new"), soon(), { transaction });
        touched = store.touch("token", soon());
        await untilWaiting(database, 1);
        await transaction.commit();
      });
      assert.equal(await touched, true);
      assert.equal(statements.filter((sql) => sql.includes('UPDATE "')).length, 2);
    },
    {},
    serializable,
  );
});

// A store that reads and then writes fails with a unique violation, or leaves two rows.
testOn(
  shared,
  "parallel first commits of one token by two stores make one session",
  async (database) => {
    await database.connect(async (sequelize, address) => {
      const other = open(address);
      const options = { tableName: freshTableName(), cleanupInterval: 0 };
      const stores = [
        await SequelizeStore.open(sequelize, options),
        await SequelizeStore.open(other, options),
      ];
      try {
        for (const token of numbered(20)) {
          await Promise.all(
            stores.flatMap((store) =>
              numbered(5).map((data) => store.commit(token, bytes(data), soon()))
            ),
          );
        }
        assert.equal((await stores[0]!.all()).size, 20);
      } finally {
        await other.close();
        await stores[0]!.model.drop();
      }
    });
  },
);

// The server keeps them until its max_prepared_stmt_count, and then prepares none for anybody.
testOn(mariadb, "no prepared statements pile up", async (database) => {
  await withStore(database, async ({ store, sequelize }) => {
    const count = async (): Promise<number> => {
      const [row] = await sequelize.query<{ Value: string }>(
        "SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'",
        { type: QueryTypes.SELECT },
      );
      return Number(row!.Value);
    };
    await store.commit("token", bytes("data"), soon());
    const before = await count();
    for (let i = 0; i < 20; i++) {
      await store.touch("token", soon());
      await store.replace("token", bytes("data"), bytes("data"), soon());
      await store.commit("token", bytes("data"), soon());
      await setTimeout(2);
    }
    assert.ok(await count() - before < 5, `${await count()} after ${before}`);
  });
});

testOn(shared.slice(0, 2), "a write waits while another connection writes", async (database) => {
  await withStore(database, async ({ store, sequelize }) => {
    await besideTransaction(sequelize, async (transaction) => {
      await store.commit("other", bytes("data"), soon(), { transaction });
      const waiting = store.commit("token", bytes("data"), soon());
      // Longer than the driver itself waits, which is a second.
      await setTimeout(1300);
      await transaction.commit();
      await waiting;
    });
    assert.equal((await store.all()).size, 2);
  });
});

testOn(databases, "cleanup deletes in batches, oldest first", async (database) => {
  await withStore(
    database,
    async ({ store, statements }) => {
      for (let i = 0; i < 7; i++) await store.commit(`expired${i}`, bytes("data"), inMs(-1000 * i));
      await store.commit("active", bytes("data"), soon());
      statements.length = 0;
      assert.equal(await store.deleteExpired(), 7);
      const deletes = statements.filter((sql) => sql.includes("DELETE"));
      assert.equal(deletes.length, 3);
      assert.match(deletes[0]!, /expired6\W.*expired5\W.*expired4\W/);
      assert.deepEqual([...(await store.all()).keys()], ["active"]);
    },
    { cleanupBatchSize: 3 },
    { logQueryParameters: true },
  );
});

testOn(databases, "cleanup with a limit deletes the oldest, in batches", async (database) => {
  await withStore(database, async ({ store, statements }) => {
    for (let i = 0; i < 7; i++) await store.commit(`expired${i}`, bytes("data"), inMs(-1000 * i));
    statements.length = 0;
    assert.equal(await store.deleteExpired({ limit: 5 }), 5);
    assert.equal(statements.filter((sql) => sql.includes("DELETE")).length, 2);
    const left = await store.model.findAll({ attributes: ["token"], order: ["token"] });
    assert.deepEqual(left.map((row) => row.get("token")), ["expired0", "expired1"]);
    statements.length = 0;
    assert.equal(await store.deleteExpired({ limit: 2 }), 2);
    assert.equal(statements.length, 2, "it does not look for more than it may delete");
  }, { cleanupBatchSize: 3 });
});

testOn(
  databases,
  "once an aborted cleanup rejects, none of its statements is under way",
  async (database) => {
    await withStore(database, async ({ store }) => {
      await store.commit("expired", bytes("data"), inMs(-1));
      const controller = new AbortController();
      const cleanup = store.deleteExpired({ signal: controller.signal });
      assert.equal(store.stats().inFlight, 1);
      controller.abort();
      await assert.rejects(cleanup, { name: "AbortError" });
      assert.equal(store.stats().inFlight, 0);
    });
  },
);

testOn(databases, "a cleanup that is aborted stops between its statements", async (database) => {
  const controller = new AbortController();
  const logging = (sql: string): void => {
    if (sql.includes("DELETE")) controller.abort();
  };
  await withStore(database, async ({ store }) => {
    for (let i = 0; i < 5; i++) await store.commit(`expired${i}`, bytes("data"), inMs(-1));
    const { signal } = controller;
    await assert.rejects(store.deleteExpired({ signal }), { name: "AbortError" });
    assert.equal(await store.deleteExpired(), 3);
  }, { cleanupBatchSize: 2, logging });
});

testOn(databases, "the cleanup loop deletes what has expired", async (database) => {
  await withStore(database, async ({ store }) => {
    await store.commit("active", bytes("data"), soon());
    await store.commit("expired", bytes("data"), inMs(-1));
    await until(async () => await store.model.count() === 1);
    await store.stopCleanup();
    await store.stopCleanup();
    await store.commit("later", bytes("data"), inMs(-1));
    await setTimeout(50);
    assert.equal(await store.model.count(), 2);
  }, { cleanupInterval: { milliseconds: 5 } });
});

testOn(
  databases,
  "the cleanup loop stops with the signal, and the store goes on",
  async (database) => {
    const controller = new AbortController();
    const { signal } = controller;
    await withStore(database, async ({ store, statements }) => {
      await until(() => statements.length > 1);
      controller.abort();
      await setTimeout(30);
      statements.length = 0;
      await setTimeout(30);
      assert.deepEqual(statements, []);
      await store.commit("token", bytes("data"), soon());
      assert.equal(text((await store.find("token"))?.data), "data");
    }, { cleanupInterval: { milliseconds: 5 }, signal });
  },
);

// Who closes the connections once the loop has stopped must not close them under a delete.
testOn(servers, "stopCleanup() waits for the delete that is under way", async (database) => {
  await withStore(database, async ({ store, sequelize }) => {
    let stopping: Promise<void> | undefined;
    let stopped = false;
    await besideTransaction(sequelize, async (transaction) => {
      await store.commit("expired", bytes("data"), inMs(-1));
      await store.model.findByPk("expired", { transaction, lock: true, raw: true });
      await untilWaiting(database, 1);
      stopping = store.stopCleanup().then(() => {
        stopped = true;
      });
      await setTimeout(50);
      assert.equal(stopped, false);
    });
    await stopping;
    assert.equal(await store.model.count(), 0);
  }, { cleanupInterval: { milliseconds: 100 } });
});

testOn(
  databases,
  "the cleanup loop does not run where the signal was aborted before",
  async (database) => {
    const signal = AbortSignal.abort();
    await withStore(database, async ({ statements }) => {
      await setTimeout(30);
      assert.deepEqual(statements, []);
    }, { cleanupInterval: { milliseconds: 1 }, signal });
  },
);

testOn(databases, "Symbol.asyncDispose stops the cleanup loop", async (database) => {
  await withStore(database, async ({ store, statements }) => {
    await store[Symbol.asyncDispose]();
    statements.length = 0;
    await setTimeout(30);
    assert.deepEqual(statements, []);
  }, { cleanupInterval: { milliseconds: 5 } });
});

testOn(databases, "the cleanup loop survives its failures and reports them", async (database) => {
  const errors: unknown[] = [];
  const onError = (error: unknown): unknown => errors.push(error);
  await withStore(database, async ({ store, sequelize }) => {
    const queryInterface = sequelize.getQueryInterface();
    const { tableName } = store.model;
    await queryInterface.renameTable(tableName, `${tableName}_away`);
    await until(() => errors.length >= 2);
    await queryInterface.renameTable(`${tableName}_away`, tableName);
    await store.commit("expired", bytes("data"), inMs(-1));
    await until(async () => await store.model.count() === 0);
    assert.equal((errors[0] as Error).name, "SequelizeDatabaseError");
  }, { cleanupInterval: { milliseconds: 5 }, onError });
});

for (const name of ["stopCleanup", Symbol.asyncDispose] as const) {
  testOn(databases, `onError may await ${String(name)}()`, async (database) => {
    let stopped = 0;
    let opened: SequelizeStore | undefined;
    const onError = async (): Promise<void> => {
      await opened![name]();
      stopped++;
    };
    await withStore(database, async ({ store, sequelize }) => {
      const { tableName } = store.model;
      opened = store;
      await sequelize.getQueryInterface().renameTable(tableName, `${tableName}_away`);
      await until(() => stopped > 0);
      await sequelize.getQueryInterface().renameTable(`${tableName}_away`, tableName);
    }, { cleanupInterval: { milliseconds: 5 }, onError });
    assert.equal(stopped, 1);
  });
}

// A database error has the statement, and with it tokens; drivers even put it into the message.
testOn(databases, "a failed cleanup is printed without the statement", async (database) => {
  const printed: unknown[][] = [];
  const consoleError = console.error;
  console.error = (...args: unknown[]) => printed.push(args);
  try {
    await withStore(database, async ({ store, sequelize }) => {
      const { tableName } = store.model;
      const queryInterface = sequelize.getQueryInterface();
      await queryInterface.renameTable(tableName, `${tableName}_away`);
      await until(() => printed.length > 0);
      await store.stopCleanup();
      await queryInterface.renameTable(`${tableName}_away`, tableName);
    }, { cleanupInterval: { milliseconds: 5 } });
  } finally {
    console.error = consoleError;
  }
  const [[line, ...rest]] = printed as [unknown[]];
  assert.match(String(line), /^Cannot delete expired sessions: SequelizeDatabaseError: /);
  assert.doesNotMatch(String(line), /SELECT|\n/);
  assert.deepEqual(rest, []);
});

testOn(databases[0]!, "open() refuses wrong options before it does anything", async (database) => {
  await database.connect(async (sequelize) => {
    const statements: string[] = [];
    const refused = (options: object, error: typeof RangeError | typeof TypeError): Promise<void> =>
      assert.rejects(
        SequelizeStore.open(sequelize, {
          logging: (sql) => statements.push(sql),
          ...options as SequelizeStoreOptions,
        }),
        (thrown: Error) => {
          const [name] = Object.keys(options);
          assert.match(
            thrown.message,
            new RegExp(`^Cannot open the session store: '${name}' must be .*: received `),
          );
          return thrown instanceof error;
        },
      );
    await refused({ cleanupInterval: -1 }, RangeError);
    await refused({ cleanupInterval: NaN }, RangeError);
    await refused({ cleanupInterval: "300" }, TypeError);
    await refused({ cleanupBatchSize: 0 }, RangeError);
    await refused({ cleanupBatchSize: 1.5 }, RangeError);
    await refused({ cleanupBatchSize: 10_001 }, RangeError);
    await refused({ queueLimit: 0 }, RangeError);
    await refused({ queueLimit: 1.5 }, RangeError);
    await refused({ queueLimit: "10" }, TypeError);
    await refused({ signal: {} }, TypeError);
    await refused({ onError: "log" }, TypeError);
    await refused({ sync: "yes" }, TypeError);
    await refused({ tableName: "" }, RangeError);
    await refused({ tableName: "a.b" }, RangeError);
    await refused({ tableName: "x".repeat(64) }, RangeError);
    await refused({ tableName: 7 }, TypeError);
    await refused({ schema: "" }, RangeError);
    await refused({ logging: "yes" }, TypeError);
    assert.deepEqual(statements, []);
  });
  const method = (): void => {};
  const noSequelize = {
    getDialect: () => "oracle",
    getQueryInterface: method,
    define: method,
    query: method,
    options: {},
  } as unknown as Sequelize;
  await assert.rejects(SequelizeStore.open(noSequelize), {
    name: "RangeError",
    message: /must be a Sequelize 6 instance for postgres, .*: received one for oracle$/,
  });
  for (const value of [undefined, null, {}, "postgres://"]) {
    await assert.rejects(SequelizeStore.open(value as unknown as Sequelize), TypeError);
  }
});

testOn([postgres, ...mariadb], "a pool of one connection is enough", async (database) => {
  await withStore(
    database,
    async ({ store }) => {
      const tokens = numbered(50);
      await Promise.all(tokens.flatMap((token) => [
        store.commit(token, bytes(token), soon()),
        store.find(token),
        store.touch(token, soon()),
      ]));
      assert.equal((await store.all()).size, 50);
    },
    { cleanupInterval: { milliseconds: 5 } },
    { pool: { max: 1 } },
  );
});
