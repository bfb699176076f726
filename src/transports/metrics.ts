/**
 * `GET /metrics`: what Prometheus reads. Until the first scrape, plain numbers are counted and nothing else is loaded; the
 * library that writes them comes with the first request.
 */
import type { Counter, Gauge } from 'prom-client';
import type { Figures, RuntimeApi } from '../runtime/runtime-api.ts';

/** What is counted while the server runs. */
export interface Counts {
  /** Hooks that were answered as stored, and those that were not. */
  hooks: { taken: number; refused: number };
  /** Requests that the gate has refused, by the code of the refusal. */
  refusals: Map<string, number>;
}

/** All at nought. */
export function createCounts(): Counts {
  return { hooks: { taken: 0, refused: 0 }, refusals: new Map() };
}

/** What a scrape reads. */
export interface MetricsDeps {
  counts: Counts;
  runtime: Pick<RuntimeApi, 'figures' | 'health'>;
  /** Clients by the way they are connected. */
  connections: () => Readonly<Record<string, number>>;
  version: string;
}

/** A metric as a scrape shows it: what only grows ends in `_total`. */
interface Metric {
  name: string;
  help: string;
  labelNames: readonly string[];
  values: Array<[labels: Record<string, string>, value: number]>;
}

/** @returns writes one scrape */
export async function createMetrics(deps: MetricsDeps): Promise<() => Promise<string>> {
  const { collectDefaultMetrics, Registry, ...kinds } = await import('prom-client');
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const known = new Map<string, Counter | Gauge>();
  const make = ({ name, help, labelNames }: Metric): Counter | Gauge => {
    const about = { name, help, labelNames, registers: [registry] };
    const made = name.endsWith('_total') ? new kinds.Counter(about) : new kinds.Gauge(about);
    known.set(name, made);
    return made;
  };
  return async () => {
    for (const metric of metricsOf(deps, await deps.runtime.figures())) {
      const written = known.get(metric.name) ?? make(metric);
      // They are counted by ourselves: each scrape says them anew.
      written.reset();
      for (const [labels, value] of metric.values) written.inc(labels, value);
    }
    return registry.metrics();
  };
}

function metricsOf(deps: MetricsDeps, { backlog, totals }: Figures): Metric[] {
  const { counts, version, connections } = deps;
  const { degraded } = deps.runtime.health();
  const one = (name: string, help: string, value: number): Metric => ({
    ...{ name, help, labelNames: [] },
    values: [[{}, value]],
  });
  const by = (name: string, label: string, help: string, numbers: Iterable<[string, number]>) => ({
    ...{ name, help, labelNames: [label] },
    values: [...numbers].map(([key, value]): Metric['values'][number] => [{ [label]: key }, value]),
  });
  const entries = Object.entries;
  return [
    by('orbitdock_info', 'version', 'Version of the server', [[version, 1]]),
    {
      name: 'orbitdock_sessions',
      help: 'Sessions by provider and by whom they wait for',
      labelNames: ['provider', 'work_status'],
      values: totals.sessions.map(({ count, ...labels }) => [labels, count]),
    },
    {
      name: 'orbitdock_tokens',
      help: 'Tokens that the sessions which are kept have used',
      labelNames: ['provider', 'model', 'kind'],
      values: totals.tokens.flatMap(({ provider, model, ...used }) =>
        entries(used).map(([kind, value]): Metric['values'][number] => [
          { provider, model, kind },
          value,
        ]),
      ),
    },
    one('orbitdock_database_bytes', 'Size of the database', totals.bytes),
    by('orbitdock_connections', 'transport', 'Clients', entries(connections())),
    by('orbitdock_hooks_total', 'outcome', 'Hooks since the start', entries(counts.hooks)),
    by('orbitdock_refusals_total', 'code', 'Requests that were not let in', counts.refusals),
    one('orbitdock_queue_items', 'Events that wait to be committed', backlog.items),
    one('orbitdock_queue_bytes', 'Bytes of these events', backlog.bytes),
    one('orbitdock_queue_age_seconds', 'Age of the oldest of them', backlog.oldestAgeMs / 1000),
    by('orbitdock_degraded', 'reason', '1 while nothing can be stored', [
      [degraded ?? '', degraded === undefined ? 0 : 1],
    ]),
  ];
}
