import { databases, mssql, withStore } from "../support/databases.ts";
import { testOwnedStoreContract, testStoreContract } from "../support/store_contract.ts";

for (const database of [...databases, mssql]) {
  testStoreContract(
    database.name,
    (test) => withStore(database, ({ store }) => test(store)),
    database.ignored,
  );
  testStoreContract(
    `${database.name} through sequelize.query`,
    (test) => withStore(database, ({ store }) => test(store), { driver: "sequelize" }),
    database.ignored,
  );
  for (const driver of ["direct", "sequelize"] as const) {
    testOwnedStoreContract(
      `${database.name}, with owners, driver ${driver}`,
      (test) => withStore(database, ({ store }) => test(store), { owners: true, driver }),
      database.ignored,
    );
  }
}
