import pg from "pg";

/** As docs/operations.md advises: without a listener, a connection lost at its start ends the process. */
class ListeningClient extends pg.Client {
  constructor(config?: string | pg.ClientConfig) {
    super(config);
    this.on("error", () => {});
  }
}

/** The driver, for Sequelize's `dialectModule`. */
export const listeningPg: object = { ...pg, Client: ListeningClient };
