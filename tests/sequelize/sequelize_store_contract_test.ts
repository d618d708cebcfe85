import { databases, mssql, withStore } from "../support/databases.ts";
import { testStoreContract } from "../support/store_contract.ts";

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
}
