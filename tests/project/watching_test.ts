// Watches a store by the examples that docs/monitoring.md shows.

import assert from "node:assert/strict";
import { metrics, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import {
  InMemorySpanExporter,
  SimpleSpanProcessor,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { register } from "prom-client";
import type { SequelizeStore } from "../../mod.ts";
import { watchStore as watchByOpenTelemetry } from "../../examples/opentelemetry.ts";
import { watchStore as watchByPrometheus } from "../../examples/prometheus.ts";
import { bytes, type Database, databases, inMs, soon, testOn } from "../support/databases.ts";
import { withStore } from "../support/databases.ts";

/** 12 finds in one statement, a commit, a cleanup of two statements, and a commit that fails. */
async function use(store: SequelizeStore): Promise<void> {
  await Promise.all(Array.from({ length: 12 }, (_, i) => store.find(`token${i}`)));
  await store.commit("token", bytes("data"), inMs(-1));
  assert.equal(await store.deleteExpired(), 1);
  await store.model.drop();
  await assert.rejects(store.commit("token", bytes("data"), soon()));
}

testOn(databases, "Prometheus scrapes what prom-client was told of a store", async (database) => {
  await withStore(database, async ({ store }) => {
    const started = Date.now() / 1000;
    const stop = watchByPrometheus(store);
    try {
      const first = await scrape();
      const startedAt = first["session_store_last_cleanup_timestamp_seconds"]!;
      assert.ok(startedAt >= started && startedAt <= Date.now() / 1000);
      await use(store);
      await scrape();
      const { session_store_last_cleanup_timestamp_seconds: cleanedAt, ...rest } = await scrape();
      assert.ok(cleanedAt! > startedAt && cleanedAt! <= Date.now() / 1000);
      assert.deepEqual(rest, {
        session_store_calls_total: 16,
        session_store_statements_total: 5,
        session_store_refused_total: 0,
        session_store_retried_total: 0,
        session_store_evicted_total: 0,
        session_store_waiting: 0,
        session_store_in_flight: 0,
        'session_store_statement_duration_seconds_count{verb="find",error=""}': 1,
        'session_store_statement_duration_seconds_count{verb="commit",error=""}': 1,
        'session_store_statement_duration_seconds_count{verb="commit",error="SequelizeDatabaseError"}':
          1,
        'session_store_statement_duration_seconds_count{verb="deleteExpired",error=""}': 2,
      });
    } finally {
      stop();
      register.clear();
    }
  });
});

/** The page that Prometheus reads, by its names; without the buckets and sums of times. */
async function scrape(): Promise<Record<string, number>> {
  const lines = (await register.metrics()).split("\n");
  const values = lines.filter((line) => /^\w/.test(line) && !/_(bucket|sum)\{/.test(line))
    .map((line) => line.split(/ (?=\S+$)/))
    .map(([name, value]) => [name, Number(value)]);
  return Object.fromEntries(values);
}

/** OpenTelemetry's names of the databases. */
const SYSTEMS: Partial<Record<Database["dialect"], string>> = { postgres: "postgresql" };

testOn(databases, "OpenTelemetry exports a store's statements and metrics", async (database) => {
  const spans = new InMemorySpanExporter();
  const tracers = new TracerProvider({
    spanProcessors: [new SimpleSpanProcessor({ exporter: spans })],
  });
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter });
  const meters = new MeterProvider({ readers: [reader] });
  assert.ok(trace.setGlobalTracerProvider(tracers) && metrics.setGlobalMeterProvider(meters));
  try {
    await withStore(database, async ({ store }) => {
      const before = Date.now();
      const stop = watchByOpenTelemetry(store);
      await use(store);
      stop();
      await store.find("token").catch(() => {});
      const attributes = {
        "db.system.name": SYSTEMS[database.dialect] ?? database.dialect,
        "db.collection.name": store.model.tableName,
      };
      const span = (verb: string, calls: number): object => ({
        name: `${verb} ${store.model.tableName}`,
        kind: SpanKind.CLIENT,
        attributes: { ...attributes, "db.operation.name": verb, "session_store.calls": calls },
        status: { code: SpanStatusCode.UNSET },
      });
      const error = "SequelizeDatabaseError";
      const failed = {
        ...span("commit", 1),
        attributes: {
          ...attributes,
          "db.operation.name": "commit",
          "session_store.calls": 1,
          "error.type": error,
        },
        status: { code: SpanStatusCode.ERROR, message: error },
      };
      const finished = spans.getFinishedSpans();
      assert.deepEqual(
        finished.map(({ name, kind, attributes, status }) => ({ name, kind, attributes, status })),
        [
          span("find", 12),
          span("commit", 1),
          span("deleteExpired", 1),
          span("deleteExpired", 1),
          failed,
        ],
      );
      for (const { startTime: [start], endTime: [end], duration } of finished) {
        assert.ok(start >= Math.floor(before / 1000) && end <= Date.now() / 1000);
        assert.ok(duration[0] < 60 && duration[0] + duration[1] > 0);
      }
      await meters.forceFlush();
      const [scope] = exporter.getMetrics().at(-1)!.scopeMetrics;
      const values = scope!.metrics.filter(({ descriptor }) => descriptor.name !== DURATION)
        .map(({ descriptor, dataPoints }) => [descriptor.name, dataPoints[0]!.value]);
      assert.deepEqual(Object.fromEntries(values), {
        "session_store.calls": 17,
        "session_store.statements": 6,
        "session_store.refused": 0,
        "session_store.retried": 0,
        "session_store.evicted": 0,
        "session_store.waiting": 0,
        "session_store.inFlight": 0,
      });
      const durations = scope!.metrics.find(({ descriptor }) => descriptor.name === DURATION);
      const counts = durations!.dataPoints.map(({ attributes, value }) => [
        attributes["db.operation.name"],
        attributes["error.type"],
        (value as { count: number }).count,
      ]);
      assert.deepEqual(counts, [
        ["find", undefined, 1],
        ["commit", undefined, 1],
        ["deleteExpired", undefined, 2],
        ["commit", error, 1],
      ]);
    });
  } finally {
    trace.disable();
    metrics.disable();
    await Promise.all([tracers.shutdown(), meters.shutdown()]);
  }
});

const DURATION = "db.client.operation.duration";
