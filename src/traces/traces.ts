/**
 * Sends an OpenTelemetry collector what sessions do: a span for every turn, model call, tool, subagent, request and
 * state, made of committed events. Nothing of the runtime waits for it, and what it cannot do changes nothing else.
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
import type { LiveSession } from '../runtime/sessions/live-session.ts';
import type { EventItem } from '../store/writer-messages.ts';
import { SessionSpans, type Span } from './session-spans.ts';

/** Faults that are logged; the others are only counted. */
const LOGGED_FAULTS = 10;

/** Follows sessions for a collector. */
export class Traces {
  readonly #spans = new SessionSpans();
  readonly #export: ReturnType<typeof openExport>;
  readonly #log: Logger;
  #faults = 0;

  constructor(config: OtlpConfig, { version, log }: { version: string; log: Logger }) {
    this.#export = openExport(config, { version, log });
    this.#log = log;
    log.info('otlp.on', { collector: new URL(config.url).origin });
  }

  /** Sessions that are open already: what goes on in them began before. */
  open(sessions: Iterable<LiveSession>): void {
    for (const live of sessions) this.#guarded(() => this.#spans.found(live));
  }

  /** A session has moved. Never throws. */
  onCommitted(live: LiveSession, item: EventItem): void {
    this.#guarded(() => {
      for (const span of this.#spans.moved(live, item)) this.#export.add(span);
    });
  }

  /** Sends what is over, within two seconds; what still goes on is sent by the next server. */
  async close(): Promise<void> {
    await this.#export.close();
  }

  #guarded(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#faults += 1;
      if (this.#faults > LOGGED_FAULTS) return;
      this.#log.error('otlp.not_told', { error: error as Error });
    }
  }
}

/** Where spans go. */
interface SpanExport {
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
function openExport(
  { url, headers, serviceName }: OtlpConfig,
  { version, log }: { version: string; log: Logger },
): SpanExport {
  const exporter = logged(
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
function logged(exporter: SpanExporter, { url, log }: { url: string; log: Logger }): SpanExporter {
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
