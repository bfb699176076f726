/**
 * Sends spans to a collector (OTLP over HTTP, as JSON), by OpenTelemetry's own SDK: it gathers, bounds, retries and
 * drops. Loaded only where a collector is configured.
 */
import {
  type HrTime,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-base';
import type { Logger } from '../log.ts';
import type { OtlpConfig } from '../otlp.ts';
import type { Span } from './session-spans.ts';

/** Where spans go. */
export interface SpanExport {
  /** Never throws, never waits; what is too much is dropped. */
  add(span: Span): void;
  /** Sends what is left, at most for two seconds. */
  close(): Promise<void>;
}

/** Spans gather so long, ms. */
const EVERY_MS = 1000;
/** One request may take so long, ms. */
const WITHIN_MS = 5000;
const CLOSE_WITHIN_MS = 2000;

/** Opens the way to a collector; nothing is sent before the first span. */
export function openExport(
  { url, headers, serviceName }: OtlpConfig,
  { version, log }: { version: string; log: Logger },
): SpanExport {
  const exporter = told(
    new OTLPTraceExporter({ url, headers: { ...headers }, timeoutMillis: WITHIN_MS }),
    { url, log },
  );
  const ids = { traceId: '', spanId: '' };
  const own = { 'service.name': serviceName, 'service.version': version };
  const provider = new BasicTracerProvider({
    resource: detectResources({ detectors: [envDetector] }).merge(resourceFromAttributes(own)),
    idGenerator: { generateTraceId: () => ids.traceId, generateSpanId: () => ids.spanId },
    spanProcessors: [new BatchSpanProcessor(exporter, { scheduledDelayMillis: EVERY_MS })],
  });
  const tracer = provider.getTracer('orbitdock-server', version);

  return {
    add({ traceId, spanId, parentId, name, isCall, from, to, attributes, error }) {
      Object.assign(ids, { traceId, spanId });
      const parent =
        parentId === null
          ? ROOT_CONTEXT
          : trace.setSpanContext(ROOT_CONTEXT, {
              ...{ traceId, spanId: parentId, traceFlags: TraceFlags.SAMPLED },
            });
      const kind = isCall ? SpanKind.CLIENT : SpanKind.INTERNAL;
      const span = tracer.startSpan(name, { kind, startTime: timeOf(from), attributes }, parent);
      if (error !== null) span.setStatus({ code: SpanStatusCode.ERROR, message: error });
      span.end(timeOf(to));
    },
    async close() {
      const failed = (error: Error) => log.debug('otlp.not_closed', { error });
      let timer: NodeJS.Timeout | undefined;
      const limit = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, CLOSE_WITHIN_MS);
      });
      await Promise.race([provider.shutdown().catch(failed), limit]);
      clearTimeout(timer);
    },
  };
}

/** Says once that the collector takes nothing, and once that it does again. */
function told(exporter: SpanExporter, { url, log }: { url: string; log: Logger }): SpanExporter {
  let isFailing = false;
  // The address alone: a path or a query may hold a credential.
  const collector = new URL(url).origin;
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        const fails = result.error !== undefined || result.code !== 0;
        if (fails && !isFailing) {
          const reason = result.error?.message ?? 'refused';
          log.warn('otlp.failed', { collector, reason }, 'Spans are dropped until it answers');
        }
        if (!fails && isFailing) log.info('otlp.recovered', { collector });
        isFailing = fails;
        done(result);
      });
    },
    shutdown: () => exporter.shutdown(),
    forceFlush: async () => await exporter.forceFlush?.(),
  };
}

/** Seconds and nanoseconds. */
function timeOf(stamp: string): HrTime {
  const ms = Date.parse(stamp);
  const micros = Number(/\.\d{3}(\d{3})/.exec(stamp)?.[1] ?? 0);
  return [Math.floor(ms / 1000), (ms % 1000) * 1e6 + micros * 1000];
}
