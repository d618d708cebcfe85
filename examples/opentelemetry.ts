import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { metrics, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import type { SequelizeStore, StatementMessage } from "@scs/sequelize-store";

/** The names that OpenTelemetry has for Sequelize's dialects, if they are others. */
const SYSTEMS: Record<string, string> = { postgres: "postgresql", mssql: "microsoft.sql_server" };

/** Reports a store's statements as spans, and its metrics; returns what stops the spans. */
export function watchStore(store: SequelizeStore): () => void {
  const tracer = trace.getTracer("session-store");
  const meter = metrics.getMeter("session-store");
  for (const name of ["calls", "statements", "refused", "retried", "evicted"] as const) {
    meter.createObservableCounter(`session_store.${name}`)
      .addCallback((result) => result.observe(store.stats()[name]));
  }
  for (const name of ["waiting", "inFlight"] as const) {
    meter.createObservableGauge(`session_store.${name}`)
      .addCallback((result) => result.observe(store.stats()[name]));
  }
  const durations = meter.createHistogram("db.client.operation.duration", {
    unit: "s",
    advice: { explicitBucketBoundaries: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10] },
  });
  const listener = (message: unknown): void => {
    const { verb, calls, duration, error, dialect, tableName } = message as StatementMessage;
    const attributes = {
      "db.system.name": SYSTEMS[dialect] ?? dialect,
      "db.operation.name": verb,
      "db.collection.name": tableName,
      ...(error !== undefined && { "error.type": error }),
    };
    durations.record(duration / 1000, attributes);
    const end = Date.now();
    const span = tracer.startSpan(`${verb} ${tableName}`, {
      kind: SpanKind.CLIENT,
      attributes: { ...attributes, "session_store.calls": calls },
      startTime: end - duration,
      root: true, // a statement is part of several requests
    });
    if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: error });
    span.end(end);
  };
  subscribe("scs:sequelize-store:statement", listener);
  return () => unsubscribe("scs:sequelize-store:statement", listener);
}
