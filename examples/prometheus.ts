import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { SequelizeStore, StatementMessage } from "@scs/sequelize-store";
import { Counter, Gauge, Histogram } from "prom-client";

/** Adds the metrics of a store to prom-client's default registry; returns what stops that. */
export function watchStore(store: SequelizeStore): () => void {
  for (const name of ["calls", "statements", "refused", "retried", "evicted"] as const) {
    new Counter({
      name: `session_store_${name}_total`,
      help: `${name} of store.stats()`,
      collect(): void {
        this.reset();
        this.inc(store.stats()[name]);
      },
    });
  }
  const startedAt = Date.now();
  const gauges = {
    waiting: () => store.stats().waiting,
    in_flight: () => store.stats().inFlight,
    last_cleanup_timestamp_seconds: () => (store.stats().lastCleanup?.at ?? startedAt) / 1000,
  };
  for (const [name, read] of Object.entries(gauges)) {
    new Gauge({
      name: `session_store_${name}`,
      help: `${name} of store.stats()`,
      collect(): void {
        this.set(read());
      },
    });
  }
  const durations = new Histogram({
    name: "session_store_statement_duration_seconds",
    help: "How long the statements of the store took",
    labelNames: ["verb", "error"],
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10],
  });
  const listener = (message: unknown): void => {
    const { verb, duration, error = "" } = message as StatementMessage;
    durations.observe({ verb, error }, duration / 1000);
  };
  subscribe("scs:sequelize-store:statement", listener);
  return () => unsubscribe("scs:sequelize-store:statement", listener);
}
